import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { baseUrl } from '../../../lib/mirrors/ranking/candidate.js'
import { explain, type RankQuery, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { type Client, type Mirror, SERVES } from '../../../lib/model.js'
import { assertProportions, ids, mirror, seededDraw } from '../../support/mirrors.js'

const NOBODY: Client = { address: '' }
const PLAIN: RankQuery = { path: 'iso/disk.iso', secure: false }
const SECURE: RankQuery = { path: 'iso/disk.iso', secure: true }

function rankedIds(mirrors: readonly Mirror[], query = PLAIN, limit = 100, random?: () => number): string[] {
  return ids(rank(createSnapshot(mirrors), query, NOBODY, limit, random))
}

describe('without chance', () => {
  test('the heaviest come first, then by id, whatever the order of the file', () => {
    const mirrors = [mirror('c'), mirror('b', { weight: 200 }), mirror('a'), mirror('d', { weight: 50 })]
    assert.deepEqual(rankedIds(mirrors), ['b', 'a', 'c', 'd'])
    assert.deepEqual(rankedIds(mirrors.toReversed()), ['b', 'a', 'c', 'd'])
  })

  test('there are no more than the limit', () => {
    const mirrors = [mirror('a'), mirror('b'), mirror('c')]
    assert.deepEqual(rankedIds(mirrors, PLAIN, 2), ['a', 'b'])
    assert.deepEqual(rankedIds(mirrors, PLAIN, 0), [])
    assert.deepEqual(rankedIds([], PLAIN, 5), [])
  })

  test('the limit counts those that will do', () => {
    const mirrors = [mirror('a', { paths: ['other/**'] }), mirror('b'), mirror('c', { paths: ['iso/**'] })]
    assert.deepEqual(rankedIds(mirrors, PLAIN, 2), ['b', 'c'])
  })
})

test('mirrors that are disabled, private, of weight 0 or not for the world are left out', () => {
  const mirrors = [
    mirror('good'),
    mirror('disabled', { enabled: false }),
    mirror('private', { private: true }),
    mirror('weightless', { weight: 0 }),
    mirror('own-country', { serves: 'country' }),
    mirror('own-subnet', { serves: 'subnet' }),
  ]
  for (const random of [undefined, () => 0, () => 0.999_999, Math.random]) {
    assert.deepEqual(rankedIds(mirrors, PLAIN, 100, random), ['good'])
  }
})

test('a client that came by https gets https URLs alone, one that came by http gets them where there are some', () => {
  const mirrors = [
    mirror('a', { urls: ['http://a.example/'] }),
    mirror('b', { urls: ['http://b.example/', 'https://b.example/'] }),
    mirror('c', { urls: ['https://c.example/', 'http://c.example/'] }),
    mirror('d', { urls: ['ftp://d.example/'] }),
    mirror('e', { urls: ['ftp://e.example/', 'http://e.example/'] }),
  ]
  const urls = (query: RankQuery, preferSecure = true) =>
    rank(createSnapshot(mirrors, { ...DEFAULT_SELECTION, preferSecure }), query, NOBODY, 100).map((one) =>
      baseUrl(one, query.secure),
    )
  assert.deepEqual(urls(SECURE), ['https://b.example/', 'https://c.example/'])
  const preferred = ['http://a.example/', 'https://b.example/', 'https://c.example/']
  assert.deepEqual(urls(PLAIN), [...preferred, 'ftp://d.example/', 'http://e.example/'])
  assert.deepEqual(urls({ ...PLAIN, redirectable: true }), [...preferred, 'http://e.example/'])
  const plain = ['http://a.example/', 'http://b.example/', 'http://c.example/']
  assert.deepEqual(urls(PLAIN, false), [...plain, 'ftp://d.example/', 'http://e.example/'])
  assert.deepEqual(urls(SECURE, false), ['https://b.example/', 'https://c.example/'])
})

describe('by chance', () => {
  const mirrors = [mirror('a', { weight: 10 }), mirror('b', { weight: 20 }), mirror('c', { weight: 70 })]

  test('the same draws give the same answer', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const first = rankedIds(mirrors, PLAIN, 3, seededDraw(seed))
      assert.deepEqual(rankedIds(mirrors, PLAIN, 3, seededDraw(seed)), first)
    }
  })

  test('a draw picks the mirror on whose weight it falls', () => {
    // In the order c, b, a the weights end at 0.7, 0.9 and 1.
    const table = { 0: 'c', 0.69: 'c', 0.71: 'b', 0.89: 'b', 0.91: 'a', 0.999: 'a' }
    for (const [point, id] of Object.entries(table)) {
      assert.deepEqual(
        rankedIds(mirrors, PLAIN, 1, () => Number(point)),
        [id],
        point,
      )
    }
  })

  test('each mirror is first as often as its weight says', () => {
    const random = seededDraw(20)
    const rounds = 20_000
    const snapshot = createSnapshot(mirrors)
    const firsts = new Map<string, number>()
    for (let round = 0; round < rounds; round += 1) {
      const [id = ''] = ids(rank(snapshot, PLAIN, NOBODY, 1, random))
      firsts.set(id, (firsts.get(id) ?? 0) + 1)
    }
    assertProportions(firsts, new Map(mirrors.map(({ id, weight }) => [id, weight / 100])), rounds)
  })

  test('the second is drawn by weight among those left', () => {
    const random = seededDraw(21)
    const rounds = 20_000
    const snapshot = createSnapshot(mirrors)
    const pairs = new Map<string, number>()
    for (let round = 0; round < rounds; round += 1) {
      const pair = ids(rank(snapshot, PLAIN, NOBODY, 2, random)).join()
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
    const expected = new Map<string, number>()
    for (const one of mirrors) {
      for (const other of mirrors) {
        if (one !== other)
          expected.set(`${one.id},${other.id}`, ((one.weight / 100) * other.weight) / (100 - one.weight))
      }
    }
    assertProportions(pairs, expected, rounds)
  })

  test('mirrors that will not do have no part in the draw', () => {
    const random = seededDraw(22)
    const rounds = 20_000
    const heavy = Array.from({ length: 30 }, (_, index) =>
      mirror(`x${index}`, { weight: 1000, paths: ['other/**'] }),
    )
    const snapshot = createSnapshot([...heavy, ...mirrors])
    const firsts = new Map<string, number>()
    for (let round = 0; round < rounds; round += 1) {
      const [id = ''] = ids(rank(snapshot, PLAIN, NOBODY, 1, random))
      firsts.set(id, (firsts.get(id) ?? 0) + 1)
    }
    assertProportions(firsts, new Map(mirrors.map(({ id, weight }) => [id, weight / 100])), rounds)
  })

  test('a snapshot with no mirror gives none, without a draw', () => {
    assert.deepEqual(
      rankedIds([], PLAIN, 5, () => assert.fail('there is nothing to draw')),
      [],
    )
  })
})

describe('whatever the mirrors', () => {
  const urls = fc.subarray(['https://m.example/', 'http://m.example/', 'ftp://m.example/'], { minLength: 1 })
  const anyMirror = fc.record({
    urls: urls.chain((some) => fc.shuffledSubarray(some, { minLength: some.length })),
    weight: fc.oneof(fc.constant(0), fc.nat(1000), fc.double({ min: 0, max: 1e6, noNaN: true })),
    paths: fc.constantFrom([], ['**'], ['iso/**'], ['other/**'], ['!iso/**'], ['**', '!iso/*.iso']),
    serves: fc.constantFrom(...SERVES, 'world' as const, 'world' as const),
    private: fc.boolean(),
    enabled: fc.boolean(),
  })
  const anyMirrors = fc
    .array(anyMirror, { maxLength: 25 })
    .map((list) => list.map((properties, index) => mirror(`m${index}`, properties)))
  const query = fc.record({
    path: fc.constantFrom('iso/disk.iso', 'other/file', 'iso/deep/file'),
    secure: fc.boolean(),
    redirectable: fc.boolean(),
  })
  const point = fc.double({ min: 0, max: 1 - Number.EPSILON / 2, noNaN: true })
  // The worst random sources: always the same number, or a few numbers repeatedly.
  const draws = fc.oneof(
    fc.constant(undefined),
    fc.constantFrom(0, 0.5, 0.999_999_999, 1 - Number.EPSILON / 2).map((one) => () => one),
    fc.array(point, { minLength: 1, maxLength: 5 }).map((points) => {
      let index = 0
      return () => points[index++ % points.length] ?? 0
    }),
    fc.integer().map((seed) => seededDraw(seed)),
  )

  /** A second, simple implementation: whether a mirror fits. */
  function fits(
    one: Mirror,
    { path, secure, redirectable }: { path: string; secure: boolean; redirectable: boolean },
  ) {
    if (!one.enabled || one.private || one.weight === 0 || one.serves !== 'world') return false
    if (secure && !one.urls.includes('https://m.example/')) return false
    if (redirectable && one.urls.every((url) => url.startsWith('ftp'))) return false
    const key = one.paths.join()
    if (key === 'iso/**') return path.startsWith('iso/')
    if (key === 'other/**') return path.startsWith('other/')
    if (key === '!iso/**') return !path.startsWith('iso/')
    if (key === '**,!iso/*.iso') return path !== 'iso/disk.iso'
    return true
  }

  test('all that fit are given, once each, where the limit allows, and no others', () => {
    fc.assert(
      fc.property(anyMirrors, query, draws, (mirrors, what, random) => {
        const given = rankedIds(mirrors, what, mirrors.length, random)
        const fit = mirrors.filter((one) => fits(one, what)).map(({ id }) => id)
        assert.deepEqual(given.toSorted(), fit.toSorted())
      }),
      { numRuns: 1000 },
    )
  })

  test('the limit is kept, and reached where enough fit', () => {
    fc.assert(
      fc.property(anyMirrors, query, draws, fc.nat(30), (mirrors, what, random, limit) => {
        const given = rankedIds(mirrors, what, limit, random)
        const fit = mirrors.filter((one) => fits(one, what)).map(({ id }) => id)
        assert.equal(given.length, Math.min(limit, fit.length))
        assert.equal(new Set(given).size, given.length)
        for (const id of given) assert.ok(fit.includes(id), id)
      }),
      { numRuns: 1000 },
    )
  })

  test('a client that came by https is never given a plain URL, and nobody one that the mirror does not have', () => {
    fc.assert(
      fc.property(anyMirrors, query, draws, (mirrors, what, random) => {
        for (const one of rank(createSnapshot(mirrors), what, NOBODY, 100, random)) {
          const url = baseUrl(one, what.secure)
          assert.ok(url !== undefined && one.mirror.urls.includes(url))
          if (what.secure) assert.ok(url.startsWith('https:'), url)
          if (what.redirectable) assert.match(url, /^https?:/)
        }
      }),
    )
  })

  test('every mirror is either ranked or left out with a reason', () => {
    fc.assert(
      fc.property(anyMirrors, query, (mirrors, what) => {
        const { ranked, omitted } = explain(createSnapshot(mirrors), what, NOBODY, 'p')
        assert.deepEqual(
          [...ranked, ...omitted].map(({ id }) => id).toSorted(),
          mirrors.map(({ id }) => id).toSorted(),
        )
        for (const { reason } of omitted) assert.notEqual(reason, '')
      }),
    )
  })

  test('shares of a tier are 1 together', () => {
    fc.assert(
      fc.property(anyMirrors, (mirrors) => {
        const { ranked } = explain(createSnapshot(mirrors), PLAIN, NOBODY, 'p')
        if (ranked.length === 0) return
        const sum = ranked.reduce((all, { share = 0 }) => all + share, 0)
        assert.ok(Math.abs(sum - 1) < 1e-9, `${sum}`)
      }),
    )
  })
})

test('a snapshot keeps the mirrors in the order of the operator', () => {
  const mirrors = [mirror('c'), mirror('a', { enabled: false }), mirror('b')]
  assert.equal(createSnapshot(mirrors).mirrors, mirrors)
})

test('a request looks at few more mirrors than it names, however many there are', () => {
  const real = createSnapshot(Array.from({ length: 10_000 }, (_, index) => mirror(`m${index}`)))
  const { tiers, maxMirrors } = real.orderFor(NOBODY, false)
  let looks = 0
  const watched = tiers.map(({ candidates, cumulative }) => ({
    cumulative,
    candidates: new Proxy(candidates, {
      get(target, key) {
        // Count reads of elements, and of methods that read all elements.
        if (typeof key === 'string' && key !== 'length') looks += 1
        return Reflect.get(target, key)
      },
    }),
  }))
  const snapshot = { ...real, orderFor: () => ({ tiers: watched, maxMirrors }) }
  const random = seededDraw(23)
  const avoid = new Set(['m5', 'm6'])
  for (const from of [undefined, random]) {
    for (let round = 0; round < 100; round += 1) {
      looks = 0
      assert.equal(rank(snapshot, { ...PLAIN, avoid }, NOBODY, 5, from).length, 5)
      assert.ok(looks <= 10, `${looks} looks`)
    }
  }
})

test('clients of one place share their order', () => {
  const snapshot = createSnapshot([mirror('a')])
  const [one, other] = [{ address: '192.0.2.1' }, { address: '192.0.2.2' }]
  assert.equal(snapshot.orderFor(one, false), snapshot.orderFor(other, false))
})

const REASONS: readonly (readonly [properties: Partial<Mirror>, query: RankQuery, reason: string])[] = [
  [{ enabled: false }, PLAIN, 'disabled'],
  [{ weight: 0 }, PLAIN, 'weight 0'],
  [{ private: true }, PLAIN, 'private: only for its own asn and subnets'],
  [{ serves: 'country' }, PLAIN, 'serves its country only'],
  [{ serves: 'subnet' }, PLAIN, 'serves its subnets only'],
  [{ urls: ['http://m.example/'] }, SECURE, 'no https URL, and the client came by https'],
  [{ urls: ['ftp://m.example/'] }, { ...PLAIN, redirectable: true }, 'no URL that a browser can follow'],
  [{ paths: ['other/**'] }, PLAIN, 'its paths leave the file out'],
  [{ enabled: false, weight: 0, private: true }, PLAIN, 'disabled'],
]

for (const [properties, what, reason] of REASONS) {
  test(`a mirror of ${JSON.stringify(properties)} is left out because: ${reason}`, () => {
    const { ranked, omitted } = explain(
      createSnapshot([mirror('m', properties), mirror('good')]),
      what,
      NOBODY,
      'iso/disk.iso',
    )
    assert.deepEqual(omitted, [{ id: 'm', reason }])
    assert.deepEqual(
      ranked.map(({ id }) => id),
      ['good'],
    )
  })
}

test('the explanation says of each mirror where it stands', () => {
  const client = { address: '192.0.2.1' }
  const mirrors = [mirror('a', { weight: 30 }), mirror('b', { weight: 10, urls: ['http://b.example/'] })]
  const ranking = explain(createSnapshot(mirrors), PLAIN, client, 'iso/disk%201.iso')
  assert.deepEqual(ranking, {
    path: 'iso/disk.iso',
    client,
    ranked: [
      { id: 'a', tier: 'world', weight: 30, share: 0.75, url: 'https://a.example/repo/iso/disk%201.iso' },
      { id: 'b', tier: 'world', weight: 10, share: 0.25, url: 'http://b.example/iso/disk%201.iso' },
    ],
    omitted: [],
  })
})
