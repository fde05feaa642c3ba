import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import { almalinux } from '../../../lib/mirrors/ranking/strategies/almalinux.js'
import type { Choice, Proximity } from '../../../lib/mirrors/ranking/strategies/strategy.js'
import type { Client, Mirror } from '../../../lib/model.js'
import { ids, mirror, near, north, SOMEONE } from '../../support/mirrors.js'
import { assertFirsts, OWN, REGION, WANTED } from './selections.js'

/** Returns the mirrors of one response: all tiers in order, cut at the limit. */
function listed({ tiers, maxMirrors = Number.POSITIVE_INFINITY }: Choice): string[] {
  return tiers.flatMap(({ mirrors }) => ids(mirrors)).slice(0, maxMirrors)
}

/** Returns `count` mirrors, of which `a0` is the nearest. */
function row(
  prefix: string,
  count: number,
  from: number,
  step: number,
  seen: Partial<Proximity> = {},
): Proximity[] {
  return Array.from({ length: count }, (_, index) => near(`${prefix}${index}`, from + index * step, seen))
}

describe('the rules, by distances that are given', () => {
  test('mirrors of the client’s asn or subnets come first, by distance, and the nearest others make it five', () => {
    const mirrors = [
      near('subnet', 9000, { prefix: 24 }),
      ...row('world', 9, 5, 100),
      ...row('country', 2, 300, 1, OWN),
      near('asn', 5000, { sameAsn: true }),
    ]
    // The other mirrors are the nearest of all, regardless of country and region.
    const expected = ['asn', 'subnet', 'world0', 'world1', 'world2']
    assert.deepEqual(listed(almalinux(mirrors, SOMEONE)), expected)
    assert.deepEqual(listed(almalinux(mirrors.toReversed(), SOMEONE)), expected)
  })

  test('of such mirrors all are listed, even where they are more than five', () => {
    const own = row('own', 7, 4000, 10, { sameAsn: true })
    assert.deepEqual(listed(almalinux([...row('country', 3, 10, 10, OWN), ...own], SOMEONE)), ids(own))
  })

  test('five such mirrors are not padded, four are by one, and too few others are all there is', () => {
    const others = row('other', 3, 10, 10)
    const list = (count: number) =>
      listed(almalinux([...others, ...row('own', count, 4000, 10, { prefix: 16 })], SOMEONE))
    assert.deepEqual(list(5), ['own0', 'own1', 'own2', 'own3', 'own4'])
    assert.deepEqual(list(4), ['own0', 'own1', 'own2', 'own3', 'other0'])
    assert.deepEqual(list(1), ['own0', 'other0', 'other1', 'other2'])
  })

  test('otherwise the ten nearest of the country are listed, where it has so many', () => {
    const mirrors = [
      ...row('world', 5, 1, 1),
      ...row('region', 5, 6, 1, REGION),
      ...row('c', 12, 100, 10, OWN),
    ]
    const expected = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9']
    assert.deepEqual(listed(almalinux(mirrors.toReversed(), SOMEONE)), expected)
  })

  test('after those of the country come the nearest of the region, though others are nearer, and no more than ten in all', () => {
    const mirrors = [
      ...row('world', 20, 1, 1),
      ...row('c', 3, 900, 10, OWN),
      ...row('r', 12, 500, 10, REGION),
    ]
    assert.deepEqual(listed(almalinux(mirrors.toReversed(), SOMEONE)), [
      ...['c0', 'c1', 'c2'],
      ...['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6'],
    ])
  })

  test('after those of the region come the nearest of elsewhere, where the list is not full', () => {
    const mirrors = [...row('w', 20, 1, 1), ...row('c', 3, 900, 10, OWN), ...row('r', 4, 500, 10, REGION)]
    assert.deepEqual(listed(almalinux(mirrors.toReversed(), SOMEONE)), [
      ...['c0', 'c1', 'c2'],
      ...['r0', 'r1', 'r2', 'r3'],
      ...['w0', 'w1', 'w2'],
    ])
  })

  test('weight has no part in it', () => {
    const heavy = near('heavy', 101, OWN, { weight: 10_000 })
    assert.deepEqual(listed(almalinux([heavy, near('light', 100, OWN, { weight: 1 })], SOMEONE)), [
      'light',
      'heavy',
    ])
  })

  test('for a client whose place is not known, all are listed', () => {
    const mirrors = Array.from({ length: 30 }, (_, index) => near(`m${10 + index}`, undefined))
    assert.deepEqual(listed(almalinux(mirrors, {})), ids(mirrors))
  })

  test('a client whose asn is all that is known gets those of its asn, and others, by weight', () => {
    const mirrors = [
      near('a', undefined),
      near('b', undefined, { sameAsn: true }),
      near('c', undefined, {}, { weight: 200 }),
    ]
    assert.deepEqual(listed(almalinux(mirrors, { asn: 64_500 })), ['b', 'c', 'a'])
  })
})

describe('through a snapshot', () => {
  const STRATEGY = { ...DEFAULT_SELECTION, strategy: 'almalinux' } as const
  const MIRRORS: readonly Mirror[] = [
    ...Array.from({ length: 6 }, (_, index) =>
      mirror(`us${index}`, { location: 'us', coordinates: north(50 + index) }),
    ),
    ...Array.from({ length: 4 }, (_, index) =>
      mirror(`fr${index}`, { location: 'fr', coordinates: north(500 - index * 10) }),
    ),
    ...Array.from({ length: 3 }, (_, index) =>
      mirror(`de${index}`, { location: 'de', coordinates: north(800 + index) }),
    ),
    mirror('net', { location: 'jp', coordinates: north(9000), subnets: ['198.51.100.0/24'] }),
    mirror('as', { location: 'jp', coordinates: north(9500), asn: [64_501] }),
  ]
  const snapshot = createSnapshot(MIRRORS, STRATEGY)
  const list = (client: Client, limit = 100) => ids(rank(snapshot, WANTED, client, limit))

  test('a client is listed country, region and elsewhere, ten in all, each by distance', () => {
    assert.deepEqual(list(SOMEONE), [
      ...['de0', 'de1', 'de2'],
      ...['fr3', 'fr2', 'fr1', 'fr0'],
      ...['us0', 'us1', 'us2'],
    ])
    assert.deepEqual(list(SOMEONE, 4), ['de0', 'de1', 'de2', 'fr3'])
  })

  test('a client of a subnet or asn of theirs is listed those, and the nearest to five', () => {
    const inSubnet = { ...SOMEONE, address: '198.51.100.7' }
    assert.deepEqual(list(inSubnet), ['net', 'us0', 'us1', 'us2', 'us3'])
    assert.deepEqual(list({ ...SOMEONE, asn: 64_501 }), ['as', 'us0', 'us1', 'us2', 'us3'])
    assert.deepEqual(list({ ...inSubnet, asn: 64_501 }), ['net', 'as', 'us0', 'us1', 'us2'])
  })

  test('redirects go to the first of the list', () => {
    assert.deepEqual(
      ids(rank(snapshot, WANTED, SOMEONE, 10, () => assert.fail('there is nothing to draw'))),
      list(SOMEONE),
    )
  })

  test('a client whose place is not known is listed all, and redirected by weight', () => {
    const nobody: Client = { address: '203.0.113.1' }
    assert.deepEqual(list(nobody).toSorted(), MIRRORS.map(({ id }) => id).toSorted())
    const expected = MIRRORS.map(({ id }) => [id, 1 / MIRRORS.length] as const)
    assertFirsts(snapshot, nobody, 43, Object.fromEntries(expected))
  })

  test('a mirror that lacks the file leaves its place to the next', () => {
    const partial = MIRRORS.map((one) => (one.id === 'de1' ? { ...one, paths: ['doc/**'] } : one))
    const given = ids(rank(createSnapshot(partial, STRATEGY), WANTED, SOMEONE, 100))
    assert.deepEqual(given, ['de0', 'de2', 'fr3', 'fr2', 'fr1', 'fr0', 'us0', 'us1', 'us2', 'us3'])
  })
})
