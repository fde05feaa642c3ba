import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEGREE_KM } from '../../../lib/geo/distance.js'
import { rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { mirrorbrain } from '../../../lib/mirrors/ranking/strategies/mirrorbrain.js'
import type { Client, Coordinates, Mirror } from '../../../lib/model.js'
import { HERE, ids, mirror, near, north, SOMEONE, words } from '../../support/mirrors.js'
import { assertFirsts, OTHER, OWN, REGION, WANTED } from './selections.js'

const NOWHERE = { country: 'de', continent: 'eu' }

describe('tiers', () => {
  test('are prefix, asn, country, region and elsewhere, whatever the distance; other countries count as its own', () => {
    const mirrors = [
      near('elsewhere', 1),
      near('region', 10, REGION),
      near('other', 200, OTHER),
      near('country', 100, OWN),
      near('asn', 9000, { sameAsn: true }),
      near('prefix', 15_000, { prefix: 8 }),
    ]
    assert.deepEqual(words(mirrorbrain(mirrors, SOMEONE)), [
      'subnet prefix',
      'asn asn',
      'country country',
      'country other',
      'continent region',
      'world elsewhere',
    ])
  })

  test('of prefixes are one, however long these are', () => {
    const mirrors = [near('wide', 100, { prefix: 8 }), near('narrow', 5000, { prefix: 24 })]
    assert.deepEqual(words(mirrorbrain(mirrors, SOMEONE)), ['subnet wide', 'subnet narrow'])
  })
})

describe('without coordinates', () => {
  test('each tier is a random order by score', () => {
    const mirrors = [
      near('x', undefined, {}, { weight: 5 }),
      near('b', undefined, OWN, { weight: 20 }),
      near('a', undefined, OWN, { weight: 10 }),
      near('c', undefined, OWN, { weight: 70 }),
    ]
    assert.deepEqual(words(mirrorbrain(mirrors, NOWHERE)), ['country c=70 b=20 a=10', 'world x=5'])
  })
})

describe('with coordinates', () => {
  /** Converts degrees to kilometres. A degree is 1000 units of MirrorBrain. */
  const degrees = (count: number) => count * DEGREE_KM
  const A = near('a', degrees(3))
  const B = near('b', degrees(7), {}, { weight: 200 })

  test('a tier is in the order of distance and 2,000,000 / n / score', () => {
    // n = 2: 3000 + 1,000,000 / 100 = 13,000; 7000 + 1,000,000 / 200 = 12,000.
    assert.deepEqual(words(mirrorbrain([A, B], SOMEONE)), ['world b', 'world a'])
    // n = 4: 3000 + 5000 = 8000; 7000 + 2500 = 9500; 60,000 + 5000; 60,000 + 500,000 / 50.
    const far = near('far', degrees(60))
    const light = near('light', degrees(60), {}, { weight: 50 })
    assert.deepEqual(words(mirrorbrain([A, B, light, far], SOMEONE)), [
      'world a',
      'world b',
      'world far',
      'world light',
    ])
  })

  test('n is the number of mirrors of the tier, not of all', () => {
    const country = [near('c1', degrees(1), OWN), near('c2', degrees(1.5), OWN)]
    assert.deepEqual(words(mirrorbrain([A, ...country, B], SOMEONE)), [
      'country c1',
      'country c2',
      'world b',
      'world a',
    ])
  })

  test('n counts mirrors whose place is not known; they come last, by score', () => {
    const lost = [near('lost', undefined), near('lost-heavy', undefined, {}, { weight: 300 })]
    assert.deepEqual(words(mirrorbrain([...lost, A, B], SOMEONE)), [
      'world a',
      'world b',
      'world lost-heavy=300 lost=100',
    ])
  })

  test('mirrors that nothing tells apart share by score', () => {
    const mirrors = [near('n', degrees(4)), near('m', degrees(4)), near('l', degrees(1))]
    assert.deepEqual(words(mirrorbrain(mirrors, SOMEONE)), ['world l', 'world m=100 n=100'])
  })
})

describe('through a snapshot', () => {
  const STRATEGY = { ...DEFAULT_SELECTION, strategy: 'mirrorbrain' } as const
  const list = (client: Client, ...mirrors: readonly Mirror[]) =>
    ids(rank(createSnapshot(mirrors, STRATEGY), WANTED, client, 100))

  test('distances are great circles: across the antimeridian, and along a parallel far north', () => {
    const at = (longitude: number, latitude = 0.25): { coordinates: Coordinates } => ({
      coordinates: [latitude, longitude],
    })
    const fiji: Client = { address: '', coordinates: [0.25, 179.75] }
    // 10 degrees to the east, across the antimeridian; 30 to the west. Plane coordinates give 350
    // and 30.
    assert.deepEqual(list(fiji, mirror('a', at(149.75)), mirror('b', at(-170.25))), ['b', 'a'])
    const north: Client = { address: '', coordinates: [80.25, 0.25] }
    // There, 20 degrees of longitude are 3.4 degrees of a great circle, less than 5 degrees to the
    // south. In plane coordinates, the order is reversed.
    assert.deepEqual(list(north, mirror('a', at(0.25, 75.25)), mirror('b', at(20.25, 80.25))), ['b', 'a'])
  })

  test('distance and score are summed as by hand', () => {
    const near = mirror('near', { location: 'de', coordinates: north(3 * DEGREE_KM) })
    const heavy = mirror('heavy', { location: 'de', coordinates: north(7 * DEGREE_KM), weight: 200 })
    const light = mirror('light', { location: 'de', coordinates: north(7 * DEGREE_KM), weight: 150 })
    // 13,000 and 12,000; and 7000 + 1,000,000 / 150 = 13,667.
    assert.deepEqual(list(SOMEONE, near, heavy), ['heavy', 'near'])
    assert.deepEqual(list(SOMEONE, near, light), ['near', 'light'])
  })

  test('a mirror of score 0 never comes', () => {
    assert.deepEqual(list(SOMEONE, mirror('never', { weight: 0, coordinates: HERE }), mirror('a')), ['a'])
  })

  const { coordinates: _, ...placeless } = SOMEONE
  const asn = [64_500]
  const subnets = ['192.0.2.0/24']
  const RESTRICTED: readonly (readonly [
    what: string,
    properties: Partial<Mirror>,
    tiers: readonly string[],
  ])[] = [
    ['to its prefix, elsewhere', { serves: 'subnet', location: 'de', asn }, []],
    ['to its prefix, there', { serves: 'subnet', subnets }, ['subnet']],
    ['to its asn, elsewhere', { serves: 'asn', location: 'de' }, []],
    ['to its asn, there', { serves: 'asn', asn }, ['asn']],
    ['to its asn, in the prefix', { serves: 'asn', asn, subnets }, ['subnet']],
    ['to its country, elsewhere', { serves: 'country', location: 'fr' }, []],
    ['to its country, there', { serves: 'country', location: 'de' }, ['country']],
    ['to its country, in the asn', { serves: 'country', location: 'de', asn }, ['asn']],
    ['to its country, in the prefix', { serves: 'country', location: 'de', subnets }, ['subnet']],
    ['to its region, elsewhere', { serves: 'continent', location: 'us' }, []],
    ['to its region, there', { serves: 'continent', location: 'fr' }, ['continent']],
    ['to its region, in the country', { serves: 'continent', location: 'de' }, ['country']],
  ]
  for (const [what, properties, tiers] of RESTRICTED) {
    test(`a mirror restricted ${what}, comes ${tiers[0] ? `in the tier ${tiers[0]} alone` : 'nowhere'}`, () => {
      const snapshot = createSnapshot([mirror('m', { coordinates: HERE, ...properties })], STRATEGY)
      for (const client of [SOMEONE, placeless]) {
        const { choice } = snapshot.choose(client, false)
        const found = choice.tiers.filter(({ mirrors }) => mirrors.length > 0)
        assert.deepEqual(
          found.map(({ name }) => name),
          tiers,
        )
      }
    })
  }

  test('without coordinates of the client, redirects are drawn by score', () => {
    const mirrors = [
      mirror('a', { location: 'de', weight: 10 }),
      mirror('b', { location: 'de', weight: 20 }),
      mirror('c', { location: 'de', weight: 70 }),
      mirror('x', { location: 'fr', weight: 1000 }),
    ]
    const snapshot = createSnapshot(mirrors, STRATEGY)
    const client: Client = { address: '', country: 'de', continent: 'eu' }
    assertFirsts(snapshot, client, 44, { a: 0.1, b: 0.2, c: 0.7 })
  })

  test('two mirrors in one house are redirected to in equal parts', () => {
    const mirrors = [mirror('a', { coordinates: north(100) }), mirror('b', { coordinates: north(100) })]
    const snapshot = createSnapshot(mirrors, STRATEGY)
    assertFirsts(snapshot, SOMEONE, 45, { a: 0.5, b: 0.5 })
  })
})
