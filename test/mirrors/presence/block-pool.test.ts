import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BLOCK_NUMBERS } from '../../../lib/mirrors/presence/sets/bits.js'
import { type Block, decodeBlock } from '../../../lib/mirrors/presence/sets/block.js'
import { BlockPool } from '../../../lib/mirrors/presence/sets/block-pool.js'
import { NumberSet } from '../../../lib/mirrors/presence/sets/number-set.js'
import { until } from '../../support/until.js'

const BASE = 2 ** 51
const FILES = 1_000_000

function complete(blocks: BlockPool): NumberSet {
  const set = new NumberSet(blocks)
  set.addRange(BASE, BASE + FILES)
  return set
}

/** A block of one member. */
function lone(low: number): Block {
  const block = decodeBlock(new Uint8Array(Uint16Array.of(low, low + 1).buffer))
  assert.ok(block !== undefined)
  return block
}

describe('five hundred sets of a million numbers', () => {
  test('share two blocks where they are complete: a full one, and the last', () => {
    const blocks = new BlockPool()
    const sets = Array.from({ length: 500 }, () => complete(blocks))
    for (const set of sets) set.settle()
    assert.equal(blocks.size, 2)
    assert.ok(sets.every((set) => set.size === FILES))
  })

  test('share all that is alike where they miss the same few, and where they were stored', () => {
    const blocks = new BlockPool()
    const missing = [5, 6, 3 * BLOCK_NUMBERS, 9 * BLOCK_NUMBERS + 100].map((number) => BASE + number)
    const sets = Array.from({ length: 500 }, () => {
      const set = complete(blocks)
      for (const number of missing) set.delete(number)
      return set
    })
    const changes = sets.map((set) => set.takeChanges())
    assert.equal(blocks.size, 5)
    for (const list of changes) {
      const loaded = new NumberSet(blocks)
      for (const { block, content } of list) assert.ok(loaded.put(block, content))
      assert.equal(loaded.size, FILES - missing.length)
    }
    assert.equal(blocks.size, 5)
    sets[0]?.delete(BASE + 12 * BLOCK_NUMBERS + 1)
    sets[0]?.settle()
    assert.equal(blocks.size, 6)
    assert.equal(sets[1]?.has(BASE + 12 * BLOCK_NUMBERS + 1), true)
  })
})

describe('shared blocks', () => {
  test('are the first of those that are equal', () => {
    const blocks = new BlockPool()
    const first = lone(5)
    assert.equal(blocks.share(first), first)
    assert.equal(blocks.share(lone(5)), first)
    assert.equal(blocks.share(first), first)
    assert.notEqual(blocks.share(lone(6)), first)
    assert.equal(blocks.size, 2)
  })

  test('are not taken for each other where only their hashes are equal', () => {
    const byHash = new Map<number, Block>()
    let pair: readonly [Block, Block] | undefined
    for (let seed = 1; pair === undefined && seed < 2_000_000; seed += 1) {
      // In some hundred thousand blocks there is a pair by chance.
      const edges = [seed % 9000, 10_000 + ((seed * 7919) % 25_000), 40_000 + ((seed * 104_729) % 25_000)]
      const block = decodeBlock(new Uint8Array(Uint16Array.from(edges).buffer))
      assert.ok(block !== undefined)
      const other = byHash.get(block.hash)
      if (other !== undefined && !other.equals(block)) pair = [other, block]
      byHash.set(block.hash, block)
    }
    assert.ok(pair !== undefined, 'no two have equal hashes')
    const blocks = new BlockPool()
    const [one, other] = pair
    assert.equal(one.hash, other.hash)
    assert.deepEqual([blocks.share(one), blocks.share(other)], [one, other])
    assert.deepEqual([blocks.share(other), blocks.share(one)], [other, one])
    assert.equal(blocks.size, 2)
  })

  test('are forgotten when nobody holds them any more', async () => {
    const blocks = new BlockPool()
    const kept = new NumberSet(blocks)
    kept.addRange(7, 70)
    kept.settle()
    fillAndForget(blocks)
    assert.ok(blocks.size > 100)
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    await until('all but one are forgotten', () => {
      collect()
      return blocks.size === 1
    })
    const again = new NumberSet(blocks)
    again.addRange(7, 70)
    again.settle()
    assert.equal(blocks.size, 1)
    assert.equal(kept.size, 63)
  })
})

function fillAndForget(blocks: BlockPool): void {
  for (let index = 0; index < 200; index += 1) {
    const set = new NumberSet(blocks)
    set.add(index * 3)
    set.add(BLOCK_NUMBERS + index)
    set.settle()
  }
}
