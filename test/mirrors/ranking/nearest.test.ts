import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { nearest } from '../../../lib/mirrors/ranking/strategies/nearest.js'
import type { Client, Coordinates, Mirror } from '../../../lib/model.js'
import { draws, HERE, ids, mirror, near, north, SOMEONE, words } from '../../support/mirrors.js'
import { assertFirsts, OTHER, OWN, REGION, WANTED } from './selections.js'

describe('the rules, by distances that are given', () => {
  test('subnets come before asn, country, continent and world, whatever the distance', () => {
    const mirrors = [
      near('world', 1),
      near('continent', 10, REGION),
      near('other-country', 160, OTHER),
      near('country', 100, OWN),
      near('asn', 9000, { sameAsn: true }),
      near('subnet', 15_000, { prefix: 8 }),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), [
      'subnet subnet=100',
      'asn asn=100',
      'country country=100',
      'country other-country',
      'continent continent=100',
      'world world=100',
    ])
    assert.equal(nearest(1.5)(mirrors, SOMEONE).maxMirrors, undefined)
  })

  test('a mirror is in the innermost of its tiers, and in no other', () => {
    const all = { prefix: 24, sameAsn: true, country: 'own', sameContinent: true } as const
    const mirrors = [
      near('a', 5, all),
      near('b', 5, { ...all, prefix: undefined }),
      near('c', 5, { ...all, prefix: undefined, sameAsn: false }),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), ['subnet a=100', 'asn b=100', 'country c=100'])
  })

  test('of subnets, the longest prefix comes first, and equal ones share by weight, whatever the distance', () => {
    const mirrors = [
      near('wide', 1, { prefix: 8 }),
      near('narrow', 9000, { prefix: 24 }),
      near('heavy', 10, { prefix: 16 }, { weight: 300 }),
      near('light', 9999, { prefix: 16 }, { weight: 50 }),
      near('all', 0, { prefix: 0 }),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), [
      'subnet narrow=100',
      'subnet heavy=300 light=50',
      'subnet wide=100',
      'subnet all=100',
    ])
  })

  test('mirrors not more than 1.5 times as far as the nearest share by weight; the rest comes by distance', () => {
    const mirrors = [
      near('e', 400, OWN),
      near('d', 150.1, OWN, { weight: 1000 }),
      near('c', 150, OWN, { weight: 10 }),
      near('b', 149, OWN, { weight: 500 }),
      near('a', 100, OWN),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), ['country b=500 a=100 c=10', 'country d, e'])
  })

  test('the range counts from the nearest of its own tier', () => {
    const mirrors = [
      near('country', 100, OWN),
      near('r600', 600, REGION),
      near('r900', 900, REGION),
      near('r901', 901, REGION),
      near('w5000', 5000),
      near('w7500', 7500),
      near('w7501', 7501),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), [
      'country country=100',
      'continent r600=100 r900=100',
      'continent r901',
      'world w5000=100 w7500=100',
      'world w7501',
    ])
  })

  for (const [range, expected] of [
    [1, ['world a=100', 'world b, c, d']],
    [1.2, ['world a=100 b=100', 'world c, d']],
    [2, ['world a=100 b=100 c=100', 'world d']],
    [100, ['world a=100 b=100 c=100 d=100']],
  ] as const) {
    test(`the range can be set: ${range}`, () => {
      const mirrors = [near('d', 401), near('c', 400), near('b', 240), near('a', 200)]
      assert.deepEqual(words(nearest(range)(mirrors, SOMEONE)), expected)
    })
  }

  test('what is within 50 km of the client is equally near, even if one of them is at its very place', () => {
    const mirrors = [near('d', 51, OWN), near('c', 50, OWN), near('b', 10, OWN), near('a', 0, OWN)]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), ['country a=100 b=100 c=100', 'country d'])
    assert.deepEqual(words(nearest(1)(mirrors, SOMEONE)), ['country a=100 b=100 c=100', 'country d'])
  })

  test('of those as far as each other, and beyond the range, the heaviest comes first, then the first by id', () => {
    const mirrors = [
      near('b', 900),
      near('a', 900),
      near('c', 900, {}, { weight: 101 }),
      near('x', 100),
      near('d', 899),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), ['world x=100', 'world d, c, a, b'])
  })

  test('mirrors whose place is not known come last in their tier, by weight', () => {
    const mirrors = [
      near('lost', undefined, OWN),
      near('lost-heavy', undefined, OWN, { weight: 200 }),
      near('far', 900, OWN),
      near('near', 100, OWN),
      near('world', 1),
    ]
    assert.deepEqual(words(nearest(1.5)(mirrors, SOMEONE)), [
      'country near=100',
      'country far',
      'country lost-heavy=200 lost=100',
      'world world=100',
    ])
  })

  test('of a client of whom the country is all that is known, all mirrors of the country share', () => {
    const mirrors = [
      near('asn-far', 700, { sameAsn: true }),
      near('asn-near', 70, { sameAsn: true }),
      near('far', 700, OWN, { weight: 300 }),
      near('near', 70, OWN),
      near('region-far', 701, REGION),
      near('region-near', 400, REGION),
      near('world-far', 9001),
      near('world-near', 6000),
    ]
    const place = { country: 'de', continent: 'eu', coordinates: HERE, approximate: true }
    assert.deepEqual(words(nearest(1.5)(mirrors, place)), [
      'asn asn-far=100 asn-near=100',
      'country far=300 near=100',
      'continent region-near=100',
      'continent region-far',
      'world world-near=100',
      'world world-far',
    ])
  })

  test('of a client of whom nothing is known, all mirrors share by weight', () => {
    const mirrors = [near('a', undefined), near('c', undefined, {}, { weight: 7 }), near('b', undefined)]
    assert.deepEqual(words(nearest(1.5)(mirrors, {})), ['world a=100 b=100 c=7'])
  })

  test('there is no tier without a mirror', () => {
    assert.deepEqual(nearest(1.5)([], SOMEONE), { tiers: [] })
  })
})

/** Places with their great-circle distances from Cologne, from an atlas. */
const CITIES = {
  frankfurt: { location: 'de', coordinates: [50.11, 8.68] }, // 152 km
  berlin: { location: 'de', coordinates: [52.52, 13.4] }, // 478 km
  amsterdam: { location: 'nl', coordinates: [52.37, 4.9] }, // 214 km
  paris: { location: 'fr', coordinates: [48.86, 2.35] }, // 403 km
  madrid: { location: 'es', coordinates: [40.42, -3.7] }, // 1420 km
  newYork: { location: 'us', coordinates: [40.71, -74.01] }, // 6050 km
  chicago: { location: 'us', coordinates: [41.88, -87.63] }, // 6800 km
  tokyo: { location: 'jp', coordinates: [35.68, 139.69] }, // 9360 km
  sydney: { location: 'au', coordinates: [-33.87, 151.21] }, // 16,540 km
} satisfies Record<string, { location: string; coordinates: Coordinates }>
const WORLD: readonly Mirror[] = Object.entries(CITIES).map(([id, place]) => mirror(id, place))
const COLOGNE: Client = {
  address: '192.0.2.1',
  country: 'de',
  continent: 'eu',
  coordinates: [50.94, 6.96],
}

describe('with real places', () => {
  const list = (client: Client, mirrors = WORLD) =>
    ids(rank(createSnapshot(mirrors), WANTED, client, mirrors.length))

  test('a client in Cologne gets its country, then its continent, then the world, each by distance', () => {
    assert.deepEqual(list(COLOGNE), [
      'frankfurt',
      'berlin',
      'amsterdam',
      'paris',
      'madrid',
      // Up to 1.5 times the distance of New York: these share, and lists sort them by weight, then
      // by id.
      'chicago',
      'newYork',
      'tokyo',
      'sydney',
    ])
  })

  test('a client in Auckland gets its continent across the sea, and the rest across the antimeridian', () => {
    const auckland: Client = { address: '', country: 'nz', continent: 'oc', coordinates: [-36.85, 174.76] }
    // 2,160 km to Sydney; then 8,840 km to Tokyo, 13,160 to Chicago, 14,190 to New York, 17,500 and
    // more to Europe.
    const [first, second, ...rest] = list(auckland)
    assert.deepEqual([first, second], ['sydney', 'chicago'])
    // 1.5 × 8,840 km reaches Chicago (lists sort these by id), not New York.
    assert.deepEqual(rest.slice(0, 2), ['tokyo', 'newYork'])
  })

  test('a client whose country has no mirror begins with its continent', () => {
    const vienna: Client = { address: '', country: 'at', continent: 'eu', coordinates: [48.21, 16.37] }
    // Berlin 524 km, Frankfurt 598 km: similar distances. Then Amsterdam 936, Paris 1034, Madrid
    // 1810.
    assert.deepEqual(list(vienna).slice(0, 5), ['berlin', 'frankfurt', 'amsterdam', 'paris', 'madrid'])
  })

  test('a mirror is found in other countries that it serves as its own', () => {
    const mirrors = WORLD.map((one) => (one.id === 'madrid' ? { ...one, countries: ['de', 'pt'] } : one))
    assert.deepEqual(list(COLOGNE, mirrors).slice(0, 4), ['frankfurt', 'berlin', 'madrid', 'amsterdam'])
  })

  test('redirects are drawn among the near, by weight, and come by distance beyond', () => {
    const mirrors = [
      mirror('a', { location: 'de', coordinates: north(100), weight: 100 }),
      mirror('b', { location: 'de', coordinates: north(120), weight: 300 }),
      mirror('c', { location: 'de', coordinates: north(400), weight: 900 }),
      mirror('d', { location: 'de', coordinates: north(300), weight: 1 }),
      mirror('e', { location: 'fr', coordinates: north(10) }),
    ]
    const snapshot = createSnapshot(mirrors)
    const order = (...numbers: readonly number[]) =>
      ids(rank(snapshot, WANTED, SOMEONE, 5, draws(...numbers)))
    // b has the first three quarters. Tiers without shares need no draw.
    assert.deepEqual(order(0, 0.75, 0), ['b', 'a', 'd', 'c', 'e'])
    assert.deepEqual(order(0.749, 0.75, 0), ['b', 'a', 'd', 'c', 'e'])
    assert.deepEqual(order(0.75, 0.1, 0), ['a', 'b', 'd', 'c', 'e'])
    // A mirror that two draws hit is named once.
    assert.deepEqual(order(0.9, 0.8, 0.99, 0.2, 0.5), ['a', 'b', 'd', 'c', 'e'])
    assertFirsts(snapshot, SOMEONE, 31, { a: 0.25, b: 0.75 })
  })

  test('the range of the options decides who shares', () => {
    const mirrors = [
      mirror('a', { location: 'de', coordinates: north(100) }),
      mirror('b', { location: 'de', coordinates: north(180), weight: 300 }),
    ]
    const first = (nearFactor: number) =>
      ids(rank(createSnapshot(mirrors, { ...DEFAULT_SELECTION, nearFactor }), WANTED, SOMEONE, 1))
    assert.deepEqual(first(1.5), ['a'])
    assert.deepEqual(first(1.75), ['a'])
    assert.deepEqual(first(1.85), ['b'])
  })
})
