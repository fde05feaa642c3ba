import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { centroidOf, continentOf } from '../../../lib/geo/countries.js'
import type { Strategy } from '../../../lib/index.js'
import type { Inventory } from '../../../lib/mirrors/ranking/inventory.js'
import { DOWN_FOR_ALL, type MirrorStatus } from '../../../lib/mirrors/ranking/mirror-status.js'
import { explain, type RankQuery, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION, type Snapshot } from '../../../lib/mirrors/ranking/snapshot.js'
import { STRATEGIES, strategyOf } from '../../../lib/mirrors/ranking/strategies/strategies.js'
import { type Client, type Coordinates, type Mirror, SERVES } from '../../../lib/model.js'
import {
  assertProportions,
  countOf,
  HERE,
  ids,
  mirror,
  north,
  SOMEONE,
  seededDraw,
} from '../../support/mirrors.js'
import { type Case, expected, type Group } from './oracle.js'

const COUNTRIES = ['de', 'at', 'fr', 'us', 'jp', 'nz']
const SUBNETS = ['192.0.2.0/24', '192.0.2.128/25', '0.0.0.0/0', '2001:db8::/32', '::/0']
const ASNS = [64_500, 64_501]
const ALL = 1000

const anywhere = fc.tuple(
  fc.double({ min: -89, max: 89, noNaN: true }),
  fc.double({ min: -179, max: 179, noNaN: true }),
)
/** Up to 2000 km from `HERE`, so that many mirrors are at similar distances. */
const nearby = fc
  .tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: -9, max: 9, noNaN: true }))
  .map(([latitude, longitude]): Coordinates => [HERE[0] + latitude, HERE[1] + longitude])
const anyMirror = fc.record(
  {
    urls: fc.constantFrom(
      ['https://m.example/', 'http://m.example/'],
      ['https://m.example/'],
      ['http://m.example/'],
      ['ftp://m.example/'],
      ['https://other.example/', 'ftp://other.example/'],
    ),
    location: fc.constantFrom(...COUNTRIES),
    countries: fc.subarray(COUNTRIES, { maxLength: 2 }),
    coordinates: fc.oneof(fc.constant(HERE), nearby, nearby, anywhere),
    asn: fc.constantFrom([], [], [], ASNS, ASNS.slice(1)),
    subnets: fc.constantFrom([], [], [], [], ...SUBNETS.map((subnet) => [subnet]), SUBNETS.slice(0, 2)),
    family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
    weight: fc.constantFrom(0, 1, 50, 100, 100, 100, 150, 900),
    paths: fc.constantFrom([], [], [], ['iso/**'], ['!iso/**']),
    serves: fc.constantFrom(...SERVES, 'world' as const, 'world' as const, 'world' as const),
    excludes: fc.constantFrom([], [], ['de'], ['us', 'fr']),
    private: fc.constantFrom(false, false, false, true),
    enabled: fc.constantFrom(true, true, true, false),
  },
  { requiredKeys: ['urls', 'location', 'coordinates'] },
)
const address = fc.constantFrom('', '192.0.2.1', '192.0.2.200', '203.0.113.1', '2001:db8::1', '2001:db9::1')
const anyClient = fc
  .record({
    address,
    assumed: fc.constantFrom(false, false, true),
    asn: fc.constantFrom(undefined, undefined, ...ASNS),
    country: fc.constantFrom(undefined, ...COUNTRIES),
    place: fc.constantFrom('none', 'exact', 'exact', 'exact', 'country'),
    // The middles of squares: a client counts as there wherever in the square it is.
    at: fc.constantFrom<Coordinates>(HERE, HERE, [50.875, 6.875], [-33.875, 151.125]),
  })
  .map(({ address, assumed, asn, country, place, at }): Client => {
    const continent = country && continentOf(country)
    const centre = country && centroidOf(country)
    return {
      address,
      assumed,
      ...(asn && { asn }),
      ...(country && { country }),
      ...(continent && { continent }),
      ...(place === 'exact' && { coordinates: at }),
      ...(place === 'country' && centre && { coordinates: centre, approximate: true }),
    }
  })
const STATES = ['held', 'held', 'held', 'missing', 'down', 'outdated', 'assumed'] as const
type State = (typeof STATES)[number]

interface World extends Case {
  readonly states: readonly State[]
}

const anyWorld: fc.Arbitrary<World> = fc
  .record({
    strategy: fc.constantFrom(...STRATEGIES),
    nearFactor: fc.constantFrom(1, 1.5, 3),
    preferSecure: fc.boolean(),
    mirrors: fc.array(fc.tuple(anyMirror, fc.constantFrom(...STATES)), { maxLength: 24, size: 'max' }),
    client: anyClient,
    secure: fc.boolean(),
    isRedirect: fc.boolean(),
    path: fc.constantFrom('iso/disk.iso', 'doc/a'),
    avoid: fc.constantFrom([], [], ['m0', 'm3', 'm5'], ['m.example'], ['m1', 'other.example']),
  })
  .map(({ mirrors, avoid, ...rest }) => {
    const states = mirrors.map(([, state]) => state)
    const unavailable = states.flatMap((state, index) =>
      state === 'held' || state === 'assumed' ? [] : [`m${index}`],
    )
    return {
      ...rest,
      mirrors: mirrors.map(([properties], index) => mirror(`m${index}`, properties)),
      avoid: new Set(avoid),
      states,
      unavailable: new Set(unavailable),
    }
  })

function inventory(state: State): Inventory | undefined {
  if (state === 'assumed') return undefined
  const whyMissing = () => (state === 'missing' ? 'it does not have the file' : undefined)
  return { whyMissing, isUnchecked: () => false, hasOurEtag: () => false }
}

function status(state: State, { urls }: Mirror, { preferSecure }: Case): MirrorStatus | undefined {
  if (state !== 'down' && state !== 'outdated') return undefined
  const first = preferSecure ? 'https:' : 'http:'
  return {
    downFor: state === 'down' ? DOWN_FOR_ALL : 0,
    reason: 'down',
    plainUrl: urls.find((url) => url.startsWith(first)) ?? urls[0],
    ignoresRange: false,
    ...(state === 'outdated' && { outdated: { from: 1000, reason: 'old' } }),
  }
}

function snapshotOf(world: World, strategy: World['strategy'] | Strategy = world.strategy): Snapshot {
  const { mirrors, states, nearFactor, preferSecure } = world
  const failed = (error: Error) => assert.fail(error)
  return createSnapshot(mirrors, { strategy, nearFactor, preferSecure }, failed).with(
    mirrors.map((one, index) => status(states[index] ?? 'held', one, world)),
    states.map(inventory),
  )
}

function queryOf({ path, secure, isRedirect, avoid }: World): RankQuery {
  return { path, secure, redirectable: isRedirect, changed: 2000, number: 1, avoid }
}

function listOf(world: World): string[] {
  const { groups, limit } = expected(world)
  return groups.flatMap((group) => group.ids).slice(0, limit)
}

/** Returns the probability of each mirror to be the target of a redirect. */
function targetsOf(world: World): Map<string, number> {
  const [first] = expected(world).groups
  if (first === undefined) return new Map([['', 1]])
  const { ids: [best = ''] = [], shares } = first
  return new Map(shares === undefined ? [[best, 1]] : first.ids.map((id, index) => [id, shares[index] ?? 0]))
}

/** Returns the share of a mirror in its group. Alone it has the whole. */
function shareOf({ ids: members, shares }: Group, index: number): number | undefined {
  return members.length === 1 ? 1 : shares?.[index]
}

function close(a: number | undefined, b: number | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Math.abs(a - b) < 1e-9)
}

const RUNS = { seed: 62, numRuns: 2500 }

describe('of the mirrors that can be given for a file', () => {
  test('lists name those that the documentation says, in its order', () => {
    fc.assert(
      fc.property(anyWorld, fc.integer({ min: 1, max: 6 }), (world, limit) => {
        const snapshot = snapshotOf(world)
        const list = (count: number) => ids(rank(snapshot, queryOf(world), world.client, count))
        assert.deepEqual(list(ALL), listOf(world))
        assert.deepEqual(list(limit), listOf(world).slice(0, limit))
        // Again, from the caches.
        assert.deepEqual(list(ALL), listOf(world))
      }),
      RUNS,
    )
  })

  test('the explanation says the same, with the shares of each tier', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const { ranked, omitted } = explain(snapshotOf(world), queryOf(world), world.client, 'p')
        assert.deepEqual(
          ranked.map(({ id }) => id),
          listOf(world),
        )
        const shares = new Map(
          expected(world).groups.flatMap((group) =>
            group.ids.map((id, index) => [id, shareOf(group, index)] as const),
          ),
        )
        for (const { id, share } of ranked) {
          const wanted = shares.get(id)
          assert.ok(close(share, wanted) || (wanted === 1 && share === undefined), `${id}: ${share}`)
        }
        const named = [...ranked, ...omitted].map(({ id }) => id)
        assert.deepEqual(named.toSorted(), ids(world.mirrors.map((one) => ({ mirror: one }))).toSorted())
        for (const { reason } of omitted) assert.notEqual(reason, '')
      }),
      RUNS,
    )
  })

  test('redirects lead to each as often as the documentation says', () => {
    const draws = 1500
    const random = seededDraw(62)
    fc.assert(
      fc.property(anyWorld, (world) => {
        const snapshot = snapshotOf(world)
        const query = queryOf(world)
        const counts = countOf(draws, () => ids(rank(snapshot, query, world.client, 1, random)).join())
        const likely = [...targetsOf(world)].filter(([, share]) => share * draws > 30)
        for (const [id] of counts) assert.ok(targetsOf(world).has(id), `${id} is no target`)
        const rare = 1 - likely.reduce((sum, [, share]) => sum + share, 0)
        if (rare > 1e-9 || likely.length < 2) return
        assertProportions(counts, new Map(likely), draws)
      }),
      { seed: 63, numRuns: 600 },
    )
  })

  test('a redirect names all that a list names, wherever chance decides the order', () => {
    const random = seededDraw(64)
    fc.assert(
      fc.property(anyWorld, (world) => {
        const { groups, limit } = expected(world)
        const given = ids(rank(snapshotOf(world), queryOf(world), world.client, ALL, random))
        assert.equal(given.length, listOf(world).length)
        let start = 0
        for (const group of groups) {
          const part = given.slice(start, Math.min(limit, start + group.ids.length))
          for (const id of part) assert.ok(group.ids.includes(id))
          if (group.shares === undefined) assert.deepEqual(part, group.ids.slice(0, part.length))
          start += group.ids.length
        }
      }),
      RUNS,
    )
  })

  for (const strategy of ['nearest', 'almalinux', 'mirrorbrain'] as const) {
    test(`a function that chooses as ${strategy} gives the same`, () => {
      const own: (nearFactor: number) => Strategy = (nearFactor) => {
        const named = strategyOf(strategy, nearFactor)
        return (mirrors, place) => named(mirrors, place)
      }
      fc.assert(
        fc.property(anyWorld, (any) => {
          const world = { ...any, strategy }
          const snapshot = snapshotOf(world, own(world.nearFactor))
          assert.deepEqual(ids(rank(snapshot, queryOf(world), world.client, ALL)), listOf(world))
          const { ranked } = explain(snapshot, queryOf(world), world.client, 'p')
          assert.deepEqual(
            ranked.map(({ id }) => id),
            listOf(world),
          )
        }),
        { seed: 65, numRuns: 1500 },
      )
    })
  }
})

describe('where the nearest mirror cannot be given', () => {
  const at = (id: string, kilometres: number, properties: Partial<Mirror> = {}) =>
    mirror(id, { location: 'de', coordinates: north(kilometres), ...properties })
  const WHY: readonly (readonly [why: string, properties: Partial<Mirror>, query: Partial<RankQuery>])[] = [
    ['its paths leave the file out', { paths: ['doc/**'] }, {}],
    ['the client avoids it', {}, { avoid: new Set(['n']) }],
    ['it has ftp alone', { urls: ['ftp://n.example/'] }, { redirectable: true }],
    ['it ignores Range', {}, { needsRange: true }],
    ['it lacks the file', {}, { number: 1 }],
    ['its copy is old', {}, { changed: 2000 }],
  ]
  for (const [why, properties, more] of WHY) {
    test(`because ${why}, the next share as if it did not exist`, () => {
      const mirrors = [at('n', 80, properties), at('a', 311), at('b', 315)]
      const missing = { whyMissing: () => 'absent', isUnchecked: () => false, hasOurEtag: () => false }
      const flawed = {
        downFor: 0,
        reason: '',
        plainUrl: mirrors[0]?.urls[0],
        ignoresRange: true,
        outdated: { from: 1000, reason: 'old' },
      }
      const snapshot = createSnapshot(mirrors).with([flawed], [missing])
      const query = { path: 'iso/disk.iso', secure: false, ...more }
      const random = seededDraw(66)
      const firsts = countOf(600, () => ids(rank(snapshot, query, SOMEONE, 1, random)).join())
      assertProportions(
        firsts,
        new Map([
          ['a', 0.5],
          ['b', 0.5],
        ]),
        600,
      )
    })
  }

  test('the choice is made once for all files that the same mirrors are missing for', () => {
    let calls = 0
    const strategy: Strategy = (mirrors) => {
      calls += 1
      return { tiers: [{ name: 'x', mirrors }] }
    }
    const mirrors = Array.from({ length: 40 }, (_, index) => at(`m${index}`, 100 + index))
    const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy })
    const ask = (...avoided: readonly string[]) =>
      ids(rank(snapshot, { path: 'a', secure: false, avoid: new Set(avoided) }, SOMEONE, ALL)).length
    assert.equal(ask(), 40)
    for (let index = 0; index < 100; index += 1) {
      assert.equal(ask('m3', 'm20'), 38)
      assert.equal(ask('m20', 'm3'), 38)
      assert.equal(ask('m3'), 39)
    }
    assert.equal(calls, 3)
  })

  test('unchecked mirrors that may be the best are noted all the same', () => {
    const unknown = { whyMissing: () => 'unchecked', isUnchecked: () => true, hasOurEtag: () => false }
    const mirrors = [at('n', 80), at('a', 311), at('b', 315), at('c', 900), at('d', 950)]
    for (const strategy of STRATEGIES) {
      const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy }).with(
        [],
        [unknown, undefined, undefined, undefined, unknown],
      )
      const query = { path: 'a', secure: false, number: 1, unchecked: [] }
      assert.equal(ids(rank(snapshot, query, SOMEONE, 1)).length, 1)
      assert.deepEqual(ids(query.unchecked), ['n'], strategy)
    }
  })
})
