import { BLOCK_NUMBERS } from './bits.js'
import { type Block, decodeBlock, encodeBlock, WHOLE_BLOCK } from './block.js'
import type { BlockPool } from './block-pool.js'
import { OpenBlock } from './open-block.js'

/** Upper bound of the numbers, exclusive. */
const NUMBER_LIMIT = 2 ** 52

/** A non-empty block of a set. */
export interface BlockContent {
  /** Number of the block: its first number divided by 65,536. */
  readonly block: number
  /** As `encodeBlock` returns it. */
  readonly content: Uint8Array
}

/** A change of a block. */
export interface BlockChange {
  /** Number of the block: its first number divided by 65,536. */
  readonly block: number
  /** As `encodeBlock` returns it; undefined if the block is empty now. */
  readonly content: Uint8Array | undefined
}

/**
 * A set of integers from 0 to 2^52 - 1, made for long runs of members: the content numbers of the
 * files that a mirror has. A block of 65,536 numbers takes a few bytes if nearly all or nearly no
 * numbers are members, and 8 KiB at most. A block that another set shares takes no extra memory.
 *
 * Numbers can be added one by one in any order. A changed block is a private bitmap of 8 KiB until
 * `settle`, `takeChanges` or `replace`.
 */
export class NumberSet implements Iterable<number> {
  readonly #pool: BlockPool
  /** Numbers of the non-empty blocks, ascending. */
  readonly #blockNumbers: number[] = []
  /** The blocks, in the order of `#blockNumbers`. */
  readonly #contents: (Block | OpenBlock)[] = []
  /**
   * The first block's number, and how many blocks follow it without a gap: found without a search.
   */
  #firstBlock = 0
  #gaplessBlocks = 0
  /**
   * Changed blocks as they were when changes were last taken; undefined if there was no block.
   * Every open block is among them.
   */
  readonly #originals = new Map<number, Block | undefined>()

  /** Returns the set of stored blocks. Ignores malformed ones. */
  static of(contents: readonly BlockContent[], pool: BlockPool): NumberSet {
    const set = new NumberSet(pool)
    for (const { block, content } of contents) set.put(block, content)
    return set
  }

  /** @param pool shared blocks; sets that may resemble each other need one pool */
  constructor(pool: BlockPool) {
    this.#pool = pool
  }

  /** Number of members. Adds up the sizes of all blocks. */
  get size(): number {
    let size = 0
    for (const content of this.#contents) size += content.size
    return size
  }

  /** @param number an integer */
  has(number: number): boolean {
    const block = Math.floor(number / BLOCK_NUMBERS)
    const content = this.#contentOf(block)
    return content?.has(number - block * BLOCK_NUMBERS) === true
  }

  /**
   * @returns whether the number was added; false if it was a member before
   * @throws RangeError unless the number is an integer from 0 to 2^52 - 1
   */
  add(number: number): boolean {
    checkNumber(number, NUMBER_LIMIT - 1)
    const block = Math.floor(number / BLOCK_NUMBERS)
    const low = number - block * BLOCK_NUMBERS
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content.add(low)
    return content?.has(low) !== true && this.#open(block).add(low)
  }

  /**
   * @param number an integer
   * @returns whether the number was a member before
   */
  delete(number: number): boolean {
    const block = Math.floor(number / BLOCK_NUMBERS)
    const low = number - block * BLOCK_NUMBERS
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content.delete(low)
    return content?.has(low) === true && this.#open(block).delete(low)
  }

  /**
   * Adds every number of a half-open range, in time proportional to the number of its blocks.
   *
   * @throws RangeError unless both bounds are integers from 0 to 2^52
   */
  addRange(from: number, to: number): void {
    checkNumber(from, NUMBER_LIMIT)
    checkNumber(to, NUMBER_LIMIT)
    for (let block = Math.floor(from / BLOCK_NUMBERS); block * BLOCK_NUMBERS < to; block += 1) {
      const first = Math.max(from - block * BLOCK_NUMBERS, 0)
      const end = Math.min(to - block * BLOCK_NUMBERS, BLOCK_NUMBERS)
      if (first === 0 && end === BLOCK_NUMBERS) this.#set(block, WHOLE_BLOCK)
      else if (first < end) this.#open(block).fill(first, end, true)
    }
  }

  /** Deletes all numbers outside of the half-open range. `to` may be `Infinity`. */
  keepOnly(from: number, to: number): void {
    for (const block of [...this.#blockNumbers]) {
      const first = Math.max(from - block * BLOCK_NUMBERS, 0)
      const end = Math.min(to - block * BLOCK_NUMBERS, BLOCK_NUMBERS)
      if (first >= end) this.#set(block, undefined)
      else if (first > 0 || end < BLOCK_NUMBERS) {
        const open = this.#open(block)
        open.fill(0, first, false)
        open.fill(end, BLOCK_NUMBERS, false)
      }
    }
  }

  /**
   * Deletes the numbers that another set lacks. Settles both sets. Takes little time for blocks
   * that are equal, or full in the other set.
   */
  retain(other: NumberSet): void {
    for (const block of [...this.#blockNumbers]) {
      const [own, kept] = [this.#close(block), other.#close(block)]
      if (kept === undefined) this.#set(block, undefined)
      else if (own !== kept && kept.size < BLOCK_NUMBERS)
        for (const low of [...(own?.members() ?? [])])
          if (!kept.has(low)) this.delete(block * BLOCK_NUMBERS + low)
    }
  }

  /**
   * Makes this set equal to another one and shares its blocks. Settles the other set. Only blocks
   * that differ count as changed.
   */
  replace(other: NumberSet): void {
    other.settle()
    for (const block of [...this.#blockNumbers])
      if (other.#contentOf(block) === undefined) this.#set(block, undefined)
    for (const block of other.#blockNumbers) this.#set(block, other.#close(block))
  }

  /** Frees the memory that changed blocks take: closes them and shares equal ones. */
  settle(): void {
    for (const block of this.#originals.keys()) this.#close(block)
  }

  /** Returns the blocks that changed since the last call, ascending. */
  takeChanges(): BlockChange[] {
    const changes: BlockChange[] = []
    for (const [block, before] of this.#originals) {
      const now = this.#close(block)
      if (now !== before) changes.push({ block, content: now && encodeBlock(now) })
    }
    this.#originals.clear()
    return changes.sort((a, b) => a.block - b.block)
  }

  /** Returns all blocks, ascending. */
  contents(): BlockContent[] {
    return [...this.#blockNumbers].flatMap((block) => {
      const now = this.#close(block)
      return now === undefined ? [] : [{ block, content: encodeBlock(now) }]
    })
  }

  /** Marks every block as changed. Call it when the stored blocks are lost. */
  markAllChanged(): void {
    for (const block of this.#blockNumbers) this.#originals.set(block, undefined)
  }

  /**
   * Replaces a block by a stored one, which does not count as a change.
   *
   * @param content undefined if no block is stored
   * @returns false, with the set unchanged, if `block` or `content` is invalid
   */
  put(block: number, content: Uint8Array | undefined): boolean {
    const stored = content && decodeBlock(content)
    if (content !== undefined && stored === undefined) return false
    if (!isWithin(block, NUMBER_LIMIT / BLOCK_NUMBERS - 1)) return false
    this.#originals.delete(block)
    this.#place(block, stored && this.#pool.share(stored))
    return true
  }

  /**
   * Returns a random member; all members are equally likely.
   *
   * @param random returns numbers as `Math.random` does
   * @returns undefined if the set is empty
   */
  random(random: () => number): number | undefined {
    let rank = Math.floor(random() * this.size)
    for (const [index, content] of this.#contents.entries()) {
      if (rank < content.size)
        return (this.#blockNumbers[index] ?? 0) * BLOCK_NUMBERS + content.memberAt(rank)
      rank -= content.size
    }
    return undefined
  }

  /**
   * Iterates ascending. The set may change meanwhile: each block is read when the iteration reaches
   * it.
   */
  [Symbol.iterator](): Generator<number, void> {
    return this.from(0)
  }

  /** Iterates ascending from a number on, as `[Symbol.iterator]` does. */
  *from(first: number): Generator<number, void> {
    for (const block of [...this.#blockNumbers]) {
      if ((block + 1) * BLOCK_NUMBERS <= first) continue
      for (const low of this.#contentOf(block)?.members() ?? []) {
        const number = block * BLOCK_NUMBERS + low
        if (number >= first) yield number
      }
    }
  }

  #contentOf(block: number): Block | OpenBlock | undefined {
    const index = this.#indexOf(block)
    return index < 0 ? undefined : this.#contents[index]
  }

  /**
   * Returns the index of a block; if there is no such block, -1 minus the index where it belongs.
   */
  #indexOf(block: number): number {
    const numbers = this.#blockNumbers
    const distance = block - this.#firstBlock
    if (distance >= 0 && distance < this.#gaplessBlocks) return distance
    let start = 0
    let end = numbers.length
    while (start < end) {
      const middle = (start + end) >>> 1
      const middleBlock = numbers[middle] ?? 0
      if (middleBlock === block) return middle
      if (middleBlock < block) start = middle + 1
      else end = middle
    }
    return -1 - start
  }

  /** Returns the block, ready for changes. */
  #open(block: number): OpenBlock {
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content
    const open = new OpenBlock(content)
    this.#keepOriginal(block, content)
    this.#place(block, open)
    return open
  }

  /** Ends the changes of a block and returns it. */
  #close(block: number): Block | undefined {
    const content = this.#contentOf(block)
    if (!(content instanceof OpenBlock)) return content
    const closed = content.close()
    const shared = closed && this.#pool.share(closed)
    this.#place(block, shared)
    return shared
  }

  /** Replaces a whole block. */
  #set(block: number, content: Block | undefined): void {
    this.#keepOriginal(block, this.#close(block))
    this.#place(block, content && this.#pool.share(content))
  }

  #keepOriginal(block: number, before: Block | undefined): void {
    if (!this.#originals.has(block)) this.#originals.set(block, before)
  }

  #place(block: number, content: Block | OpenBlock | undefined): void {
    const index = this.#indexOf(block)
    if (index >= 0 && content !== undefined) {
      this.#contents[index] = content
      return
    }
    if (content !== undefined) {
      this.#blockNumbers.splice(-1 - index, 0, block)
      this.#contents.splice(-1 - index, 0, content)
    } else if (index >= 0) {
      this.#blockNumbers.splice(index, 1)
      this.#contents.splice(index, 1)
    }
    this.#countGapless()
  }

  #countGapless(): void {
    this.#firstBlock = this.#blockNumbers[0] ?? 0
    const gap = this.#blockNumbers.findIndex((number, index) => number !== this.#firstBlock + index)
    this.#gaplessBlocks = gap === -1 ? this.#blockNumbers.length : gap
  }
}

function isWithin(number: number, max: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= max
}

function checkNumber(number: number, max: number): void {
  if (!isWithin(number, max)) throw new RangeError(`${number} is not an integer from 0 to ${max}`)
}
