import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { mirrorbits } from '../../../lib/mirrors/ranking/strategies/mirrorbits.js'
import type { Proximity } from '../../../lib/mirrors/ranking/strategies/strategy.js'
import type { Mirror } from '../../../lib/model.js'
import {
  assertProportions,
  countOf,
  draws,
  ids,
  mirror,
  near,
  north,
  SOMEONE,
  seededDraw,
  words,
} from '../../support/mirrors.js'
import { assertFirsts, OTHER, OWN, WANTED } from './selections.js'

function chosen(...mirrors: readonly Proximity[]): string[] {
  return words(mirrorbits(1.5)(mirrors, SOMEONE))
}

describe('a score', () => {
  // Each case adds the closest mirror (c = 100 km) and the farthest mirror (B = 8000 km).
  // Shares are s − B.
  // The closest, at 100 km and abroad: s = 8000 − 100 + 1 = 7901, + (8000 − 100) / 2 = 3950: 11851,
  // share 3851.
  // The farthest: s = 8000 − 8000 + 1 = 1, and no share.
  const closest = near('closest', 100)
  const farthest = near('farthest', 8000)
  const table: readonly (readonly [what: string, mirror: Proximity, share: number, sum: string])[] = [
    // In range: 100 km × 1.5.
    ['in range, in its country', near('m', 120, OWN), 7761, '8000 − 120 + 1 + 8000 − 120 = 15761'],
    [
      'in range, in a country that it also serves',
      near('m', 120, OTHER),
      3821,
      '7881 + 7880 / 2 = 11821: only the first country counts whole',
    ],
    ['in range, abroad', near('m', 120), 3821, '7881 + 7880 / 2 = 11821'],
    ['at the very end of the range', near('m', 150, OWN), 7701, '7851 + 7850 = 15701'],
    // Beyond the range.
    ['just beyond it, in its country', near('m', 151, OWN), 7095, '7850 + 8000 − 5 × 151 = 7245: 15095'],
    ['farther, in its country', near('m', 400, OWN), 5601, '7601 + 8000 − 2000 = 13601'],
    ['farther, in a country that it also serves', near('m', 400, OTHER), 7501, '7601 + 8000 − 100 = 15501'],
    ['far, in its country', near('m', 1300, OWN), 201, '6701 + 8000 − 6500 = 8201'],
    // Same asn: B / 2.
    ['in range, in its country and asn', near('m', 120, { ...OWN, sameAsn: true }), 11_761, '15761 + 4000'],
    ['far abroad, in its asn', near('m', 3000, { sameAsn: true }), 1001, '8000 − 3000 + 1 + 4000 = 9001'],
    ['in its subnet, which Mirrorbits does not know', near('m', 120, { prefix: 24 }), 3821, 'as without'],
    // Weight − 100 is the score in per cent, which is rounded: + 0.5, truncated.
    [
      'of weight 150',
      near('m', 120, OWN, { weight: 150 }),
      15_642,
      '15761 + 7880.5 + 0.5 = 23642, which is 15642 above B',
    ],
    ['of weight 60', near('m', 120, OWN, { weight: 60 }), 1457, '15761 − 6304.4 + 0.5 = 9457.1'],
    [
      'of weight 200, too far without',
      near('m', 2000, {}, { weight: 200 }),
      4002,
      '6001 + 6001 + 0.5 = 12002.5',
    ],
  ]
  for (const [what, one, share, sum] of table) {
    test(`of a mirror ${what}, is ${sum}`, () => {
      const { tiers, maxMirrors } = mirrorbits(1.5)([closest, one, farthest], SOMEONE)
      const [first, others] = tiers
      const shares = new Map(
        first?.mirrors.map((drawn, index) => [drawn.mirror.id, first.shares?.[index]] as const),
      )
      assert.deepEqual(
        shares,
        new Map([['m', share] as const, ['closest', 3851] as const].sort(([, a], [, b]) => b - a)),
      )
      assert.deepEqual(ids(others?.mirrors ?? []), ['farthest'])
      assert.equal(maxMirrors, 2)
    })
  }

  for (const [what, one] of [
    ['abroad and beyond the range', near('m', 400)],
    ['in its country, but farther than a fifth of the way to the farthest', near('m', 1400, OWN)],
    ['abroad in its asn, but farther than half of the way', near('m', 4002, { sameAsn: true })],
    ['near and in its country, but of weight 50', near('m', 120, OWN, { weight: 50 })],
  ] as const) {
    test(`gives a mirror that is ${what} no share`, () => {
      // 400 km: 7601. 1400 km: 6601 + 8000 − 7000 = 7601. 4002 km: 3999 + 4000 = 7999.
      // 15761 / 2 + 0.5 = 7881.
      const { tiers } = mirrorbits(1.5)([closest, one, farthest], SOMEONE)
      assert.deepEqual(
        tiers.map(({ mirrors }) => ids(mirrors)),
        [['closest'], ['m', 'farthest']],
      )
    })
  }

  test('that is exactly B is no share, and one above it is', () => {
    // 4001 km: 8000 − 4001 + 1 + 4000 = 8000. 4000 km: 8001.
    const asn = (distance: number) => near('m', distance, { sameAsn: true })
    assert.deepEqual(chosen(closest, asn(4001), farthest), ['score closest=100', 'others m, farthest'])
    assert.deepEqual(chosen(closest, asn(4000), farthest), ['score closest=3851 m=1', 'others farthest'])
  })

  test('is cut off to whole numbers as often as in Mirrorbits', () => {
    // B = 8001.9, truncated to 8001; c = 100.7.
    // closest, abroad: 8001 − 100 + 1 = 7902; (8001 − 100.7) / 2 = 3950.15: 11852.
    // own at 400.3: 8001 − 400 + 1 = 7602; 8001 − 2001.5 = 5999.5: 13601.
    // other at 600.9: 8001 − 600 + 1 = 7402; 8001 − 100.7 = 7900.3: 15302.
    // asn at 3000.5: 8001 − 3000 + 1 = 5002; 8001 / 2 = 4000.5: 9002.
    // far at 2000.3, own: 8001 − 2000 + 1 = 6002; 8001 − 10001.5 = −2000.5,
    // truncated to −2000: 4002.
    // far-asn, with the client's ASN: 8002.
    const mirrors = [
      near('closest', 100.7),
      near('own', 400.3, OWN),
      near('other', 600.9, OTHER),
      near('asn', 3000.5, { sameAsn: true }),
      near('far', 2000.3, OWN),
      near('far-asn', 2000.3, { ...OWN, sameAsn: true }),
      near('farthest', 8001.9),
    ]
    assert.deepEqual(chosen(...mirrors), [
      'score other=7301 own=5600 closest=3851 asn=1001 far-asn=1',
      // far is 4002 − 8001 = −3999, the farthest 1 − 8001.
      'others far, farthest',
    ])
  })

  test('is at least 1, however little a mirror weighs', () => {
    // farthest: 1 − 99 % + 0.5 would be 0.51. Where B is 0, a score of 1 is a share of 1.
    assert.deepEqual(chosen(near('a', 0, {}, { weight: 1 }), near('b', 0, {}, { weight: 1 })), [
      'score a=1 b=1',
    ])
  })

  test('counts a mirror whose place is not known as the farthest', () => {
    assert.deepEqual(chosen(closest, near('lost', undefined), farthest), [
      'score closest=100',
      'others farthest, lost',
    ])
  })
})

describe('what is returned', () => {
  const WORLD = [
    near('e', 8000),
    near('a', 100, OWN),
    near('b', 140),
    near('c', 400, OWN),
    near('d', 600, OTHER),
    near('f', 2000, OWN),
    near('g', 3000, { sameAsn: true }),
    near('h', 1000),
  ]

  test('are those with a share, the best first, and after them the others, in case', () => {
    const choice = mirrorbits(1.5)(WORLD, SOMEONE)
    assert.deepEqual(words(choice), [
      'score a=7801 d=7301 c=5601 b=3791 g=1001',
      // 7001, 6001 − 2000, 1.
      'others h, f, e',
    ])
    assert.equal(choice.maxMirrors, 5)
  })

  test('are five at most', () => {
    const many = Array.from({ length: 9 }, (_, index) => near(`m${index}`, 100, OWN))
    const choice = mirrorbits(1.5)([...many, near('farthest', 8000)], SOMEONE)
    assert.equal(choice.tiers[0]?.mirrors.length, 9)
    assert.equal(choice.maxMirrors, 5)
  })

  test('is one alone, where it alone has a share, and that is 100', () => {
    const choice = mirrorbits(1.5)([near('b', 8000), near('a', 100, OWN)], SOMEONE)
    assert.deepEqual(words(choice), ['score a=100', 'others b'])
    assert.equal(choice.maxMirrors, 1)
  })

  test('are the five best, where none has a share', () => {
    const light = WORLD.map((one) => ({ ...one, mirror: { ...one.mirror, weight: 10 } }))
    const choice = mirrorbits(1.5)(light, SOMEONE)
    // Tenths of 15801, 15301, 13601, 11791, 9001, 7001, 4001 and 1.
    assert.deepEqual(words(choice), ['others a, d, c, b, g, h, f, e'])
    assert.equal(choice.maxMirrors, 5)
  })

  test('are five of all, at random, for a client whose place is not known', () => {
    const choice = mirrorbits(1.5)(
      [near('a', undefined), near('b', undefined, {}, { weight: 900 }), near('c', undefined)],
      {},
    )
    assert.deepEqual(words(choice), ['world a=1 b=1 c=1'])
    assert.equal(choice.maxMirrors, 5)
  })

  test('is nothing where there is nothing', () => {
    assert.deepEqual(words(mirrorbits(1.5)([], SOMEONE)), [])
    assert.deepEqual(words(mirrorbits(1.5)([], {})), [])
  })

  test('goes by the range that is set', () => {
    // c at 400 km is within 4 × 100: 7601 + 7600 = 15201. h at 1000 is not.
    const choice = mirrorbits(4)(WORLD, SOMEONE)
    assert.match(words(choice)[0] ?? '', / c=7201 /)
    // At 10 × 100, h is, abroad: 7001 + 3500 = 10501.
    assert.match(words(mirrorbits(10)(WORLD, SOMEONE))[0] ?? '', / h=2501 /)
  })
})

describe('through a snapshot', () => {
  const STRATEGY = { ...DEFAULT_SELECTION, strategy: 'mirrorbits' } as const
  // Half kilometres, so that results do not depend on the last digit of a distance. B = 8000, c =
  // 100.5.
  const MIRRORS: readonly Mirror[] = [
    // 1
    mirror('e', { coordinates: north(8000.5) }),
    // 8000 − 100 + 1 + (8000 − 100.5 = 7899) = 15800
    mirror('a', { coordinates: north(100.5), location: 'de' }),
    // 8000 − 140 + 1 + ((8000 − 140.5) / 2 = 3929) = 11790
    mirror('b', { coordinates: north(140.5), location: 'fr' }),
    // 8000 − 400 + 1 + (8000 − 2002.5 = 5997) = 13598
    mirror('c', { coordinates: north(400.5), location: 'de' }),
    // 8000 − 600 + 1 + (8000 − 100.5 = 7899) = 15300
    mirror('d', { coordinates: north(600.5), location: 'fr', countries: ['at', 'de'] }),
    // 8000 − 3000 + 1 + 4000 = 9001
    mirror('g', { coordinates: north(3000.5), location: 'us', asn: [64_499, 64_500] }),
    // 8000 − 1000 + 1 = 7001
    mirror('h', { coordinates: north(1000.5), location: 'fr' }),
  ]
  const SHARES = { a: 7800, d: 7300, c: 5598, b: 3790, g: 1001 } // 25489 together
  const snapshot = createSnapshot(MIRRORS, STRATEGY)

  test('the choice is that of the rules', () => {
    const { choice } = snapshot.choose(SOMEONE, false)
    assert.deepEqual(words(choice), ['score a=7800 d=7300 c=5598 b=3790 g=1001', 'others h, e'])
  })

  test('lists are in the order of scores, and name no more than have a share', () => {
    assert.deepEqual(ids(rank(snapshot, WANTED, SOMEONE, 100)), ['a', 'd', 'c', 'b', 'g'])
    assert.deepEqual(ids(rank(snapshot, WANTED, SOMEONE, 3)), ['a', 'd', 'c'])
  })

  test('redirects are those whose share the draws fall on, one after the other', () => {
    const order = (...numbers: readonly number[]) =>
      ids(rank(snapshot, WANTED, SOMEONE, 100, draws(...numbers)))
    // Shares end at 7800, 15100, 20698, 24488 and 25489.
    assert.deepEqual(order(0.99, 0, 0.5, 0.7, 0.9), ['g', 'a', 'd', 'c', 'b'])
    assert.deepEqual(order(0.306, 0.3061, 0.5924, 0.5925, 0.8121, 0.96, 0.961), ['a', 'd', 'c', 'b', 'g'])
  })

  test('each is first as often as its share says', () => {
    const expected = Object.entries(SHARES).map(([id, share]) => [id, share / 25_489] as const)
    assertFirsts(snapshot, SOMEONE, 41, Object.fromEntries(expected))
  })

  test('a client whose place is not known gets five at random, whatever their weight', () => {
    const weighty = MIRRORS.map((one, index) => ({ ...one, weight: 1 + index * 100 }))
    const unknown = createSnapshot(weighty, STRATEGY)
    const nobody = { address: '' }
    const rounds = 20_000
    const random = seededDraw(42)
    const firsts = countOf(rounds, () => {
      const given = ids(rank(unknown, WANTED, nobody, 100, random))
      assert.equal(new Set(given).size, 5)
      return given[0] ?? ''
    })
    assertProportions(firsts, new Map(MIRRORS.map(({ id }) => [id, 1 / 7])), rounds)
  })

  test('the others stand by for a file that the chosen do not have, and for a client that avoids them', () => {
    const partial = MIRRORS.map((one) => (one.id === 'a' ? { ...one, paths: ['doc/**'] } : one))
    assert.deepEqual(ids(rank(createSnapshot(partial, STRATEGY), WANTED, SOMEONE, 100)), [
      'd',
      'c',
      'b',
      'g',
      'h',
    ])
    const avoid = new Set(['a', 'b', 'c', 'd', 'g'])
    for (const random of [undefined, Math.random]) {
      assert.deepEqual(ids(rank(snapshot, { ...WANTED, avoid }, SOMEONE, 100, random)), ['h', 'e'])
    }
  })
})
