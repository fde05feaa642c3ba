import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  clientKindBit,
  clientKindBits,
  DOWN_FOR_ALL,
  isDownFor,
  type MirrorStatus,
} from '../../../lib/mirrors/ranking/mirror-status.js'
import { explain, rank } from '../../../lib/mirrors/ranking/rank.js'
import { createSnapshot } from '../../../lib/mirrors/ranking/snapshot.js'
import type { Client } from '../../../lib/model.js'
import { ids, mirror, seededDraw } from '../../support/mirrors.js'

const FOUR: Client = { address: '198.51.100.1' }
const SIX: Client = { address: '2001:db8::1' }
const NOBODY: Client = { address: '' }
const DOWN: MirrorStatus = {
  downFor: DOWN_FOR_ALL,
  reason: 'down since then',
  plainUrl: undefined,
  ignoresRange: false,
}
const WHOLE: MirrorStatus = { downFor: 0, reason: '', plainUrl: 'https://x.example/', ignoresRange: true }
const MIRRORS = ['a', 'b', 'c', 'd'].map((id) => mirror(id))

describe('a client is told by its family, and by https', () => {
  const bit4 = clientKindBit(false, 'ipv4')
  const bit6 = clientKindBit(false, 'ipv6')
  test('by one bit, or two where its family is not known', () => {
    assert.deepEqual([clientKindBits(FOUR, false), clientKindBits(SIX, false)], [bit4, bit6])
    assert.equal(clientKindBits(NOBODY, false), bit4 | bit6)
    assert.equal(clientKindBits({ address: '', family: 'ipv6' }, false), bit6)
    assert.notEqual(clientKindBits(FOUR, true), clientKindBits(FOUR, false))
  })

  test('a mirror is closed for who cannot come by any family', () => {
    const closed4 = { ...DOWN, downFor: bit4 }
    assert.deepEqual(
      [FOUR, SIX, NOBODY].map((client) => isDownFor(closed4, clientKindBits(client, false))),
      [true, false, false],
    )
    assert.equal(isDownFor(closed4, clientKindBits(FOUR, true)), false)
    for (const client of [FOUR, SIX, NOBODY])
      for (const secure of [false, true]) assert.ok(isDownFor(DOWN, clientKindBits(client, secure)))
  })
})

describe('what ails mirrors', () => {
  const prepared = createSnapshot(MIRRORS)
  const query = { path: 'p', secure: false }

  test('leaves them out, in lists and by chance, and is the reason that is given', () => {
    const snapshot = prepared.with([undefined, DOWN, undefined, DOWN])
    assert.deepEqual(ids(rank(snapshot, query, FOUR, 9)), ['a', 'c'])
    for (let seed = 0; seed < 50; seed += 1)
      assert.deepEqual(ids(rank(snapshot, query, FOUR, 9, seededDraw(seed))).toSorted(), ['a', 'c'])
    const { ranked, omitted } = explain(snapshot, query, FOUR, 'p')
    assert.deepEqual(
      ranked.map(({ id, share }) => [id, share]),
      [
        ['a', 0.5],
        ['c', 0.5],
      ],
    )
    assert.deepEqual(omitted, [
      { id: 'b', reason: 'down since then' },
      { id: 'd', reason: 'down since then' },
    ])
  })

  test('lets the next come after those that are out', () => {
    const snapshot = prepared.with([DOWN, DOWN, undefined, undefined])
    assert.deepEqual(ids(rank(snapshot, query, FOUR, 1)), ['c'])
    assert.deepEqual(ids(rank(snapshot, query, FOUR, 1, () => 0)), ['c'])
  })

  test('takes those who ignore Range from who may use several, and from nobody else', () => {
    const snapshot = prepared.with([WHOLE, undefined, undefined, undefined])
    assert.deepEqual(ids(rank(snapshot, { ...query, needsRange: true }, FOUR, 9)), ['b', 'c', 'd'])
    assert.deepEqual(ids(rank(snapshot, { ...query, redirectable: true }, FOUR, 9)), ['a', 'b', 'c', 'd'])
  })

  test('leaves an old copy out for what changed since it was made, and for nothing else', () => {
    const outdated = { from: 1000, reason: 'its copy is from then' }
    const old: MirrorStatus = { ...WHOLE, ignoresRange: false, outdated }
    const snapshot = prepared.with([undefined, old, undefined, undefined])
    const given = (changed: number | undefined) =>
      ids(rank(snapshot, { ...query, changed }, FOUR, 9)).join('')
    assert.deepEqual([1001, 1000, 999, -5, undefined].map(given), ['acd', 'abcd', 'abcd', 'abcd', 'abcd'])
    const { omitted } = explain(snapshot, { ...query, changed: 1001 }, FOUR, 'p')
    assert.deepEqual(omitted, [{ id: 'b', reason: 'its copy is from then' }])
    const drawn = rank(snapshot, { ...query, changed: 2000, redirectable: true }, FOUR, 9, seededDraw(1))
    assert.deepEqual(ids(drawn).toSorted(), ['a', 'c', 'd'])
  })

  test('may change the URL for clients of http', () => {
    const both = createSnapshot([mirror('x', { urls: ['https://x.example/', 'http://x.example/'] })])
    const ailing = both.with([{ ...WHOLE, ignoresRange: false, plainUrl: 'http://x.example/' }])
    const url = (secure: boolean) => explain(ailing, { path: 'p', secure }, FOUR, 'p').ranked[0]?.url
    assert.deepEqual([url(false), url(true)], ['http://x.example/p', 'https://x.example/p'])
  })

  test('is all of them: none is left', () => {
    const snapshot = prepared.with(MIRRORS.map(() => DOWN))
    assert.deepEqual(rank(snapshot, query, FOUR, 9), [])
    assert.deepEqual(rank(snapshot, query, FOUR, 9, seededDraw(1)), [])
    assert.equal(explain(snapshot, query, FOUR, 'p').omitted.length, 4)
  })

  test('is another one from snapshot to snapshot, and orders are the same objects', () => {
    const one = prepared.with([DOWN, undefined, undefined, undefined])
    const other = one.with([undefined, undefined, undefined, DOWN])
    assert.equal(one.orderFor(FOUR, false), prepared.orderFor(FOUR, false))
    assert.equal(other.orderFor(FOUR, false), prepared.orderFor(FOUR, false))
    assert.deepEqual(
      [prepared, one, other].map((snapshot) => ids(rank(snapshot, query, FOUR, 9)).join('')),
      ['abcd', 'bcd', 'abc'],
    )
  })

  test('whatever it is, the others are given as if the ailing were not in the list', () => {
    const statuses = fc.array(fc.constantFrom(undefined, DOWN), { minLength: 8, maxLength: 8 })
    const all = Array.from({ length: 8 }, (_, index) => mirror(`m${index}`, { weight: 1 + index }))
    const snapshot = createSnapshot(all)
    fc.assert(
      fc.property(statuses, fc.nat(8), (list, limit) => {
        const left = createSnapshot(all.filter((_, index) => list[index] === undefined))
        assert.deepEqual(
          ids(rank(snapshot.with(list), query, FOUR, limit)),
          ids(rank(left, query, FOUR, limit)),
        )
      }),
    )
  })
})
