import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BLOCK_NUMBERS, createBits, fillBits } from '../../../lib/mirrors/presence/sets/bits.js'
import {
  type Block,
  blockOf,
  decodeBlock,
  encodeBlock,
  WHOLE_BLOCK,
} from '../../../lib/mirrors/presence/sets/block.js'
import { OpenBlock } from '../../../lib/mirrors/presence/sets/open-block.js'
import { seededDraw } from '../../support/mirrors.js'

function blockWith(members: Iterable<number>): Block {
  const open = new OpenBlock(undefined)
  for (const low of members) open.add(low)
  const block = open.close()
  assert.ok(block !== undefined)
  return block
}

/** Half-open ranges, each of members or of gaps; later ones override earlier ones. */
const ranges = fc.array(
  fc.record({
    from: fc.nat(BLOCK_NUMBERS - 1),
    length: fc.oneof(fc.nat(70), fc.nat(BLOCK_NUMBERS)),
    on: fc.boolean(),
  }),
  { maxLength: 12 },
)
/** Members at random, by seed: as many runs as possible. */
const noise = fc.record({ seed: fc.nat(), share: fc.constantFrom(0, 0, 0.001, 0.02, 0.04, 0.5, 0.97) })
const members = fc.tuple(ranges, noise).map(([list, { seed, share }]) => {
  const flags = new Uint8Array(BLOCK_NUMBERS)
  for (const { from, length, on } of list)
    flags.fill(on ? 1 : 0, from, Math.min(from + length, BLOCK_NUMBERS))
  const random = seededDraw(seed)
  if (share > 0)
    for (let low = 0; low < BLOCK_NUMBERS; low += 1) if (random() < share) flags[low] = 1 - (flags[low] ?? 0)
  return [...flags.keys()].filter((low) => flags[low] === 1)
})
const someMembers = members.filter((list) => list.length > 0)

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

describe('whatever its members, a block', () => {
  test('says of each number whether it is one, and gives them in order', () => {
    const seen = { edges: 0, bits: 0 }
    fc.assert(
      fc.property(someMembers, (list) => {
        const block = blockWith(list)
        seen[block.bits === undefined ? 'edges' : 'bits'] += 1
        const set = new Set(list)
        for (let low = 0; low < BLOCK_NUMBERS; low += 1)
          if (block.has(low) !== set.has(low)) assert.fail(`${low} is ${set.has(low)}`)
        assert.equal(block.size, list.length)
        assert.ok(Buffer.from(Uint16Array.from(list).buffer).equals(Buffer.from(block.members().buffer)))
      }),
      { numRuns: 40 },
    )
    assert.ok(seen.edges > 5 && seen.bits > 5, JSON.stringify(seen))
  })

  test('is the same after it was written and read, and the same bytes however its members came', () => {
    fc.assert(
      fc.property(someMembers, (list) => {
        const block = blockWith(list)
        const bytes = encodeBlock(block)
        assert.ok(bytes.length <= 8192)
        const read = decodeBlock(bytes)
        assert.ok(read !== undefined)
        assert.ok(read.equals(block))
        assert.equal(read.size, block.size)
        const others = new OpenBlock(WHOLE_BLOCK)
        const set = new Set(list)
        for (let low = BLOCK_NUMBERS - 1; low >= 0; low -= 1) if (!set.has(low)) others.delete(low)
        const other = others.close()
        assert.ok(other !== undefined)
        assert.ok(other.equals(block))
        assert.deepEqual(encodeBlock(other), bytes)
      }),
      { numRuns: 40 },
    )
  })

  test('gives each of them by its place, open or not', () => {
    fc.assert(
      fc.property(someMembers, fc.nat(), (list, number) => {
        const block = blockWith(list)
        for (const place of [0, list.length - 1, number % list.length]) {
          assert.equal(block.memberAt(place), list[place])
          assert.equal(new OpenBlock(block).memberAt(place), list[place])
        }
      }),
      { numRuns: 40 },
    )
  })

  test('stays as it is while a copy changes', () => {
    for (const block of [
      blockWith(range(5, 900)),
      blockWith(range(0, BLOCK_NUMBERS).filter((low) => low % 3 === 0)),
    ]) {
      const bytes = encodeBlock(block)
      const open = new OpenBlock(block)
      open.fill(0, BLOCK_NUMBERS, true)
      assert.equal(open.size, BLOCK_NUMBERS)
      assert.ok(open.close()?.equals(WHOLE_BLOCK))
      assert.deepEqual(encodeBlock(block), bytes)
    }
  })

  test('is another one with one member more or less', () => {
    fc.assert(
      fc.property(someMembers, fc.nat(BLOCK_NUMBERS - 1), (list, low) => {
        const block = blockWith(list)
        const open = new OpenBlock(block)
        if (!open.delete(low)) open.add(low)
        const other = open.close()
        assert.equal(other?.equals(block) ?? false, false)
      }),
      { numRuns: 40 },
    )
  })
})

describe('a block takes', () => {
  const holes = (count: number) => new Set(range(0, count).map((index) => 100 + index * 600))
  for (const [what, list, most] of [
    ['two bytes for everything', range(0, BLOCK_NUMBERS), 2],
    ['four for everything up to somewhere', range(0, 40_000), 4],
    ['four for each of few members', [3, 77, 5000, 60_000], 16],
    [
      'four for each of few that are missing',
      range(0, BLOCK_NUMBERS).filter((low) => !holes(50).has(low)),
      202,
    ],
    ['the same below where the numbers end', range(0, 40_000).filter((low) => !holes(50).has(low)), 204],
    ['8 KiB for every other', range(0, BLOCK_NUMBERS).filter((low) => low % 2 === 0), 8192],
  ] as const) {
    test(what, () => {
      assert.equal(encodeBlock(blockWith(list)).length, most)
    })
  }

  test('8 KiB from 4,096 edges on', () => {
    const lone = (count: number) => range(0, count).map((index) => index * 3)
    assert.equal(encodeBlock(blockWith(lone(2047))).length, 4094 * 2)
    assert.equal(encodeBlock(blockWith([...lone(2047), BLOCK_NUMBERS - 1])).length, 4095 * 2)
    assert.equal(encodeBlock(blockWith(lone(2048))).length, 8192)
  })
})

test('bytes have their places: the lower ones first, on every machine', () => {
  assert.deepEqual(encodeBlock(blockWith([0x1234])), Uint8Array.of(0x34, 0x12, 0x35, 0x12))
  assert.deepEqual(encodeBlock(WHOLE_BLOCK), Uint8Array.of(0, 0))
  const bitmap = encodeBlock(
    blockWith([...range(0, 7), 9, ...range(16, BLOCK_NUMBERS).filter((low) => low % 2 === 1)]),
  )
  assert.deepEqual(bitmap.slice(0, 4), Uint8Array.of(0b0111_1111, 0b0000_0010, 0b1010_1010, 0b1010_1010))
})

test('a bitmap is filled from bit to bit', () => {
  for (const [from, to] of [
    [0, 1],
    [31, 33],
    [32, 64],
    [5, 5],
    [0, BLOCK_NUMBERS],
    [BLOCK_NUMBERS - 1, BLOCK_NUMBERS],
  ] as const) {
    const bits = createBits()
    fillBits(bits, from, to, true)
    assert.deepEqual([...(blockOf(bits)?.members() ?? [])], range(from, to))
    const rest = createBits().fill(-1)
    fillBits(rest, from, to, false)
    assert.equal(blockOf(rest)?.size ?? 0, BLOCK_NUMBERS - (to - from))
  }
})

describe('what no block can have written', () => {
  const refused: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ['nothing', new Uint8Array(0)],
    ['half an edge', Uint8Array.of(1, 2, 3)],
    ['an edge twice', Uint8Array.of(5, 0, 5, 0)],
    ['edges in another order', Uint8Array.of(6, 0, 5, 0)],
    ['a bitmap of nothing', new Uint8Array(8192)],
    ['a bitmap of everything', new Uint8Array(8192).fill(255)],
    ['a bitmap that edges would tell in less', new Uint8Array(8192).fill(0b0101_0101, 0, 500)],
    ['half a bitmap', new Uint8Array(4096).fill(0b0101_0101)],
    ['more than a bitmap', new Uint8Array(8194).fill(0b0101_0101)],
    ['4,096 edges', Uint8Array.from(range(0, 8194), (at) => (at % 2 === 0 ? (at / 2) & 255 : at >> 9))],
  ]
  for (const [what, bytes] of refused) {
    test(`is refused: ${what}`, () => {
      assert.equal(decodeBlock(bytes), undefined)
    })
  }

  test('is refused, and whatever is not is written just so', () => {
    const ascending = fc
      .uniqueArray(fc.nat(BLOCK_NUMBERS - 1), { maxLength: 60 })
      .map((list) => new Uint8Array(Uint16Array.from(list.sort((a, b) => a - b)).buffer))
    const bitmap = fc.tuple(fc.nat(), fc.constantFrom(0.01, 0.2, 0.5)).map(([seed, share]) => {
      const random = seededDraw(seed)
      return Uint8Array.from({ length: 8192 }, () => (random() < share ? Math.floor(random() * 256) : 0))
    })
    const spoilt = fc.tuple(fc.oneof(ascending, bitmap), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
      const copy = bytes.slice()
      copy[at % Math.max(1, copy.length)] = value
      return copy
    })
    const anything = fc.oneof(fc.uint8Array({ maxLength: 40 }), ascending, bitmap, spoilt)
    let taken = 0
    let left = 0
    fc.assert(
      // Within other bytes, at an odd offset, as a database may return them.
      fc.property(anything, fc.nat(3), (bytes, before) => {
        const within = new Uint8Array(bytes.length + 8).fill(7)
        within.set(bytes, before)
        const block = decodeBlock(within.subarray(before, before + bytes.length))
        if (block === undefined) {
          left += 1
          return
        }
        taken += 1
        assert.ok(Buffer.from(bytes).equals(encodeBlock(block)))
        const list = block.members()
        assert.equal(list.length, block.size)
        assert.ok(list.length > 0)
        assert.ok(list.every((low, index) => index === 0 || low > (list[index - 1] ?? 0)))
      }),
      { numRuns: 300 },
    )
    assert.ok(taken > 50 && left > 50, `${taken} taken, ${left} left`)
  })

  test('changes no block later', () => {
    const bytes = encodeBlock(blockWith([1, 2, 3, 90]))
    const block = decodeBlock(bytes)
    bytes.fill(0)
    assert.deepEqual([...(block?.members() ?? [])], [1, 2, 3, 90])
  })
})
