import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { MirroredByError } from '../../../lib/errors.js'
import type { Strategy } from '../../../lib/index.js'
import { explain, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION, type Snapshot } from '../../../lib/mirrors/ranking/snapshot.js'
import type { Proximity } from '../../../lib/mirrors/ranking/strategies/strategy.js'
import type { Client, Mirror, Place } from '../../../lib/model.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { assertProportions, countOf, ids, mirror, north, SOMEONE, seededDraw } from '../../support/mirrors.js'
import { startOrigin } from '../../support/origin.js'
import { assertFirsts, WANTED } from './selections.js'

const MIRRORS = [
  mirror('far', { location: 'us', coordinates: north(6000), asn: [64_501] }),
  mirror('near', { location: 'de', coordinates: north(100), weight: 10 }),
  mirror('middle', { location: 'fr', coordinates: north(700), subnets: ['198.51.100.0/24'] }),
]
const NEAREST = ['near', 'middle', 'far']

interface Watched {
  readonly snapshot: Snapshot
  readonly failures: MirroredByError[]
}

/** A snapshot with a strategy of any type, as a caller in plain JavaScript may pass it. */
function snapshotBy(strategy: unknown, mirrors: readonly Mirror[] = MIRRORS): Watched {
  const failures: MirroredByError[] = []
  const settings = { ...DEFAULT_SELECTION, strategy }
  const failed = (error: MirroredByError) => failures.push(error)
  const snapshot: Snapshot = Reflect.apply(createSnapshot, undefined, [mirrors, settings, failed])
  return { snapshot, failures }
}

function list({ snapshot }: Watched, client: Client = SOMEONE, query = WANTED): string[] {
  return ids(rank(snapshot, query, client, 100))
}

describe('a function', () => {
  test('decides the order of lists, and by shares that of redirects', () => {
    const strategy: Strategy = (mirrors) => {
      const [one, two, three] = mirrors
      assert.ok(one && two && three)
      return {
        tiers: [
          { name: 'these', mirrors: [two, one], shares: [1, 3] },
          { name: 'those', mirrors: [three] },
        ],
      }
    }
    const watched = snapshotBy(strategy)
    assert.deepEqual(list(watched), ['near', 'far', 'middle'])
    const rounds = 20_000
    const random = seededDraw(61)
    const orders = countOf(rounds, () => ids(rank(watched.snapshot, WANTED, SOMEONE, 9, random)).join())
    assertProportions(
      orders,
      new Map([
        ['near,far,middle', 0.25],
        ['far,near,middle', 0.75],
      ]),
      rounds,
    )
    assert.deepEqual(watched.failures, [])
  })

  test('may leave mirrors out, and all of them', () => {
    const first = snapshotBy((mirrors: readonly Proximity[]) => ({
      tiers: [{ name: 'x', mirrors: mirrors.slice(0, 1) }],
    }))
    assert.deepEqual(list(first), ['far'])
    const { omitted } = explain(first.snapshot, WANTED, SOMEONE, 'p')
    assert.deepEqual(omitted, [
      { id: 'near', reason: 'the strategy leaves it out' },
      { id: 'middle', reason: 'the strategy leaves it out' },
    ])
    const none = snapshotBy(() => ({ tiers: [] }))
    assert.deepEqual(list(none), [])
    const empty = snapshotBy(() => ({ tiers: [{ name: 'x', mirrors: [], shares: [] }] }))
    assert.deepEqual(list(empty), [])
    assert.deepEqual([...first.failures, ...none.failures, ...empty.failures], [])
  })

  test('says how many an answer names at most', () => {
    const by = (maxMirrors: number) =>
      snapshotBy((mirrors: readonly Proximity[]) => ({ tiers: [{ name: 'x', mirrors }], maxMirrors }))
    assert.deepEqual(list(by(2)), ['far', 'near'])
    assert.deepEqual(list(by(0)), [])
    assert.deepEqual(list(by(Number.POSITIVE_INFINITY)), ['far', 'near', 'middle'])
    const { omitted } = explain(by(2).snapshot, WANTED, SOMEONE, 'p')
    assert.deepEqual(omitted, [{ id: 'middle', reason: 'the strategy names 2 at most' }])
    // The limit counts mirrors that fit the request.
    assert.deepEqual(list(by(2), SOMEONE, { ...WANTED, avoid: new Set(['far']) }), ['near', 'middle'])
  })

  test('sees the mirrors that may serve the client, in the operator’s order, and how they stand to it', () => {
    const seen: (readonly Proximity[])[] = []
    const { snapshot } = snapshotBy(
      (mirrors: readonly Proximity[]) => {
        seen.push(mirrors)
        return { tiers: [{ name: 'x', mirrors }] }
      },
      [...MIRRORS, mirror('off', { enabled: false }), mirror('no', { excludes: ['de'] })],
    )
    snapshot.orderFor({ ...SOMEONE, address: '198.51.100.7', asn: 64_501 }, true)
    const [mirrors] = seen
    assert.ok(mirrors)
    assert.deepEqual(ids(mirrors), ['far', 'near', 'middle'])
    assert.deepEqual(
      mirrors.map(({ distance, prefix, sameAsn, country, sameContinent }) => [
        Math.round(distance ?? 0),
        prefix,
        sameAsn,
        country,
        sameContinent,
      ]),
      [
        [6000, undefined, true, undefined, false],
        [100, undefined, false, 'own', true],
        [700, 24, false, undefined, true],
      ],
    )
  })

  test('sees of the client what all have in common who get its choice', () => {
    const places: Place[] = []
    const { snapshot } = snapshotBy((mirrors: readonly Proximity[], place: Place) => {
      places.push(place)
      return { tiers: [{ name: 'x', mirrors }] }
    })
    snapshot.orderFor({ ...SOMEONE, coordinates: [50.94, 6.96], asn: 64_501 }, false)
    snapshot.orderFor({ ...SOMEONE, coordinates: [-0.1, -0.1], asn: 64_999 }, false)
    snapshot.orderFor({ address: '', country: 'de', coordinates: [51.17, 10.45], approximate: true }, false)
    snapshot.orderFor({ address: '203.0.113.1' }, false)
    assert.deepEqual(places, [
      { country: 'de', continent: 'eu', coordinates: [50.875, 6.875], asn: 64_501 },
      // No mirror has that ASN.
      { country: 'de', continent: 'eu', coordinates: [-0.125, -0.125] },
      { country: 'de', coordinates: [51.17, 10.45], approximate: true },
      {},
    ])
  })

  test('is called once a place and state of the mirrors, however many ask', () => {
    let calls = 0
    const strategy: Strategy = (mirrors) => {
      calls += 1
      return { tiers: [{ name: 'x', mirrors }] }
    }
    const watched = snapshotBy(strategy)
    const random = seededDraw(62)
    const ask = () => {
      for (let index = 0; index < 5000; index += 1) {
        const address = `203.0.${index % 100}.${index % 250}`
        rank(watched.snapshot, WANTED, { ...SOMEONE, address }, 5, random)
        rank(watched.snapshot, { ...WANTED, path: `${index}` }, { address: '' }, 100)
      }
    }
    ask()
    assert.equal(calls, 2)
    ask()
    assert.equal(calls, 2)
    rank(watched.snapshot, WANTED, { ...SOMEONE, country: 'fr' }, 5)
    assert.equal(calls, 3)
    rank(snapshotBy(strategy).snapshot, WANTED, SOMEONE, 5)
    assert.equal(calls, 4)
  })

  test('is called for those that the client reaches, and again for those of the other family, and for none not at all', () => {
    const calls: string[][] = []
    const strategy: Strategy = (mirrors) => {
      calls.push(ids(mirrors))
      return { tiers: [{ name: 'x', mirrors }] }
    }
    const six = mirror('six', { family: 'ipv6' })
    list(snapshotBy(strategy, [six, mirror('both')]))
    list(snapshotBy(strategy, [six]))
    list(snapshotBy(strategy, []))
    assert.deepEqual(calls, [['both'], ['six'], ['six']])
  })
})

const NEITHER = /^the strategy failed: it returns no list of tiers; clients get the nearest mirrors instead$/
const NO_MIRRORS = /: the tier x has no list of mirrors;/
const SHARES = /: the shares of the tier x are not one number, 0 or greater, for each of its mirrors;/
const MAX_MIRRORS = /: its maxMirrors is .*, and no whole number;/

const tier = (properties: object) => (mirrors: readonly Proximity[]) => ({
  tiers: [{ name: 'x', mirrors, ...properties }],
})
const withMaxMirrors = (maxMirrors: unknown) => (mirrors: readonly Proximity[]) => ({
  tiers: [{ name: 'x', mirrors }],
  maxMirrors,
})

const FAILING: readonly (readonly [what: string, strategy: unknown, message: RegExp])[] = [
  [
    'throws',
    () => {
      throw new Error('out of order')
    },
    /^the strategy failed: out of order; clients get the nearest mirrors instead$/,
  ],
  [
    'throws what is no error',
    () => {
      throw 'a text'
    },
    /: a text;/,
  ],
  ['returns nothing', () => undefined, NEITHER],
  ['returns null', () => null, NEITHER],
  ['returns a text', () => 'near', NEITHER],
  ['returns the mirrors alone', (mirrors: readonly Proximity[]) => mirrors, NEITHER],
  ['returns tiers that are no list', () => ({ tiers: { name: 'x', mirrors: [] } }), NEITHER],
  [
    'is asynchronous',
    async (mirrors: readonly Proximity[]) => ({ tiers: [{ name: 'x', mirrors }] }),
    /: it returns a promise/,
  ],
  [
    'is asynchronous and fails',
    () => Promise.reject(new Error('later')),
    /: it returns a promise, not a choice;/,
  ],
  ['returns a tier that is null', () => ({ tiers: [null] }), /^the strategy failed: /],
  ['returns a tier without a name', tier({ name: undefined }), /: a tier has no name;/],
  ['returns a tier without mirrors', tier({ mirrors: undefined }), NO_MIRRORS],
  [
    'returns a tier whose mirrors are a set',
    (all: readonly Proximity[]) => tier({ mirrors: new Set(all) })(all),
    NO_MIRRORS,
  ],
  [
    'returns a tier whose mirrors are ids',
    tier({ mirrors: ['near', 'far'] }),
    /: the tier x has a mirror that is not one/,
  ],
  [
    'returns mirrors of its own making',
    (all: readonly Proximity[]) => tier({ mirrors: all.map((near) => ({ ...near })) })(all),
    /: the tier x has a mirror that is not one of those it was given;/,
  ],
  [
    'returns holes for mirrors',
    tier({ mirrors: new Array(3) }),
    /: the tier x has a mirror that is not one of those it was given;/,
  ],
  [
    'returns a mirror twice in a tier',
    (all: readonly Proximity[]) => tier({ mirrors: [...all, ...all.slice(0, 1)] })(all),
    /: far is in two places;/,
  ],
  [
    'returns a mirror in two tiers',
    (all: readonly Proximity[]) => ({
      tiers: [...tier({})(all).tiers, { name: 'y', mirrors: all.slice(1, 2) }],
    }),
    /: near is in two places;/,
  ],
  ['returns too few shares', tier({ shares: [1, 1] }), SHARES],
  ['returns too many shares', tier({ shares: [1, 1, 1, 1] }), SHARES],
  ['returns shares for holes', tier({ shares: Array(3) }), SHARES],
  ['returns a share that is no number', tier({ shares: [1, Number.NaN, 1] }), SHARES],
  ['returns a share below 0', tier({ shares: [1, -1, 1] }), SHARES],
  ['returns an infinite share', tier({ shares: [1, 1, Number.POSITIVE_INFINITY] }), SHARES],
  ['returns shares that are texts', tier({ shares: ['1', '1', '1'] }), SHARES],
  ['returns shares that are a text', tier({ shares: '111' }), SHARES],
  ['returns null for shares', tier({ shares: null }), SHARES],
  ['names a maxMirrors that is no number', withMaxMirrors('2'), MAX_MIRRORS],
  ['names NaN for maxMirrors', withMaxMirrors(Number.NaN), MAX_MIRRORS],
  ['names less than none', withMaxMirrors(-1), MAX_MIRRORS],
  ['names null for maxMirrors', withMaxMirrors(null), MAX_MIRRORS],
  ['names half a mirror for maxMirrors', withMaxMirrors(1.5), MAX_MIRRORS],
  [
    'names maxMirrors by its old name',
    (mirrors: readonly Proximity[]) => ({ tiers: [{ name: 'x', mirrors }], most: 1 }),
    /: it returns most: name it maxMirrors;/,
  ],
  [
    'takes a stranger in among those it was given',
    (all: Proximity[]) => {
      const [first] = all
      assert.ok(first)
      all.push({ ...first, mirror: mirror('stranger') })
      return { tiers: [{ name: 'x', mirrors: all }] }
    },
    /: the tier x has a mirror that is not one of those it was given;/,
  ],
  [
    'empties what it was given, and throws',
    (all: Proximity[]) => {
      all.length = 0
      throw new Error('gone')
    },
    /: gone;/,
  ],
]

describe('clients get the nearest mirrors, and the operator one warning, where a function', () => {
  for (const [what, strategy, message] of FAILING) {
    test(what, async () => {
      const watched = snapshotBy(strategy)
      for (const client of [SOMEONE, { ...SOMEONE, address: '203.0.113.9' }, SOMEONE])
        assert.deepEqual(list(watched, client), NEAREST)
      const [failure, ...others] = watched.failures
      assert.deepEqual(others, [])
      assert.equal(failure?.code, 'ERR_STRATEGY')
      assert.match(failure.message, message)
      assert.notEqual(failure.cause, undefined)
      // An unhandled rejection would end the process one turn later.
      await new Promise(setImmediate)
    })
  }

  test('fails for one place, and not for another', () => {
    const watched = snapshotBy((mirrors: readonly Proximity[], { country }: Place) => {
      if (country === 'de') throw new Error('not in Germany')
      return { tiers: [{ name: 'x', mirrors }] }
    })
    assert.deepEqual(list(watched), NEAREST)
    assert.deepEqual(list(watched, { address: '203.0.113.1', country: 'fr' }), ['far', 'near', 'middle'])
    assert.equal(watched.failures.length, 1)
  })
})

test('the range of the options is that of the mirrors that stand in', () => {
  const mirrors = [
    mirror('near', { location: 'de', coordinates: north(100) }),
    mirror('heavy', { location: 'de', coordinates: north(300), weight: 900 }),
  ]
  const failing: Strategy = () => {
    throw new Error('out of order')
  }
  const first = (nearFactor: number) => {
    const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy: failing, nearFactor })
    return ids(rank(snapshot, WANTED, SOMEONE, 1))
  }
  assert.deepEqual([first(1.5), first(4)], [['near'], ['heavy']])
})

test('an origin tells once of a strategy that fails, and answers every request', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { 'a.bin': 'content' })
  const mirrors = [{ id: 'm', url: 'https://m.example/' }]
  let calls = 0
  const strategy: Strategy = () => {
    calls += 1
    throw new Error('out of order')
  }
  const origin = await startOrigin(t, { root, mirrors, strategy, mode: 'redirect' })
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  for (let index = 0; index < 3000; index += 1) {
    const plan = await origin.plan({
      method: 'GET',
      // Each of ten countries is a place.
      target: `/a.bin?country=${['de', 'fr', 'us', 'jp', 'br', 'za', 'in', 'au', 'mx', 'it'][index % 10]}`,
      header: () => undefined,
      address: `203.0.113.${index % 250}`,
      secure: index % 20 < 10,
      host: 'origin.example',
      mount: '',
    })
    assert.ok(plan.kind === 'redirect')
    assert.equal(plan.location, 'https://m.example/a.bin')
  }
  assert.equal(calls, 20)
  assert.deepEqual(
    warnings.map(({ code, message }) => [code, message]),
    [['ERR_STRATEGY', 'the strategy failed: out of order; clients get the nearest mirrors instead']],
  )
})

// The example of docs/mirrors.md. A test compares both.
/** The two nearest mirrors share, whatever their country; the others are fallbacks. */
const twoNearest: Strategy = (mirrors, place) => {
  const byDistance = mirrors.toSorted((a, b) => (a.distance ?? Infinity) - (b.distance ?? Infinity))
  if (place.coordinates === undefined) return { tiers: [{ name: 'all', mirrors: byDistance }], maxMirrors: 5 }
  const [near, others] = [byDistance.slice(0, 2), byDistance.slice(2)]
  return {
    tiers: [
      { name: 'near', mirrors: near, shares: near.map(({ mirror }) => mirror.weight) },
      { name: 'others', mirrors: others },
    ],
    maxMirrors: 5,
  }
}
// End of the example.

describe('the example of the documentation', () => {
  test('is this one', () => {
    const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')
    const source = read('test/mirrors/ranking/strategy.test.ts')
    const start = source.indexOf('/** The two nearest mirrors share')
    const example = source.slice(start, source.indexOf('// End of the example.'))
    assert.ok(example.length > 500)
    assert.ok(read('docs/mirrors.md').includes(`\n${example}`))
  })

  test('lets the two nearest share by weight', () => {
    const watched = snapshotBy(twoNearest)
    assert.deepEqual(list(watched), ['near', 'middle', 'far'])
    assertFirsts(watched.snapshot, SOMEONE, 63, { near: 10 / 110, middle: 100 / 110 })
    assert.deepEqual(watched.failures, [])
  })

  test('knows what to do for a client of whom nothing is known', () => {
    const watched = snapshotBy(twoNearest)
    assert.deepEqual(list(watched, { address: '' }).toSorted(), NEAREST.toSorted())
    assert.deepEqual(watched.failures, [])
  })
})
