import { BLOCK_NUMBERS } from './bits.js'
import { type Block, decodeBlock, encodeBlock, WHOLE_BLOCK } from './block.js'
import type { BlockPool } from './block-pool.js'
import { OpenBlock } from './open-block.js'

/** Numbers are below it. */
const NUMBER_LIMIT = 2 ** 52

/** A block with something in it. */
export interface BlockContent {
  /** Its number: that of its first number, divided by 65,536. */
  readonly block: number
  /** As `encodeBlock` writes it. */
  readonly content: Uint8Array
}

/** What has become of a block. */
export interface BlockChange {
  /** Its number: that of its first number, divided by 65,536. */
  readonly block: number
  /** As `encodeBlock` writes it; undefined where nothing is left. */
  readonly content: Uint8Array | undefined
}

/**
 * A set of whole numbers from 0 to 2^52 - 1 that mostly stand together, wherever that is: those of the files that a mirror
 * has. A block of 65,536 numbers takes from a few bytes, where all or hardly any are in it, up to 8 KiB; one that another
 * set has too takes nothing.
 *
 * A block that changes is a bitmap of 8 KiB of its own until `settle`, `takeChanges` or `replace`, so that many numbers may
 * come one by one, in any order.
 */
export class NumberSet implements Iterable<number> {
  readonly #pool: BlockPool
  /** Numbers of blocks, ascending. */
  readonly #blockNumbers: number[] = []
  /** The blocks, in the same places. */
  readonly #contents: (Block | OpenBlock)[] = []
  /** The first block's number, and how many follow each other from there: those are found without a search. */
  #firstBlock = 0
  #gaplessBlocks = 0
  /** What those that have changed were when changes were taken last. Every open one is among them. */
  readonly #originals = new Map<number, Block | undefined>()

  /** @param blocks those that are shared; the same for all sets that may be like each other */
  constructor(blocks: BlockPool) {
    this.#pool = blocks
  }

  /** How many numbers. It is counted by blocks. */
  get size(): number {
    let size = 0
    for (const content of this.#contents) size += content.size
    return size
  }

  /** @param number a whole one */
  has(number: number): boolean {
    const block = Math.floor(number / BLOCK_NUMBERS)
    const content = this.#contentOf(block)
    return content?.has(number - block * BLOCK_NUMBERS) === true
  }

  /**
   * @returns whether it was not there before
   * @throws RangeError where it is no whole number from 0 to 2^52 - 1
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
   * @param number a whole one
   * @returns whether it was there before
   */
  delete(number: number): boolean {
    const block = Math.floor(number / BLOCK_NUMBERS)
    const low = number - block * BLOCK_NUMBERS
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content.delete(low)
    return content?.has(low) === true && this.#open(block).delete(low)
  }

  /**
   * Adds every number of a half-open range. What that costs goes by its length in blocks.
   *
   * @throws RangeError where one of them is no whole number from 0 to 2^52
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

  /** Deletes every number below `from`, and every one from `to` on, which may be `Infinity`. */
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

  /** Becomes equal to another set, and shares its blocks; that one is settled. Only blocks that differ count as changed. */
  replace(other: NumberSet): void {
    other.settle()
    for (const block of [...this.#blockNumbers])
      if (other.#contentOf(block) === undefined) this.#set(block, undefined)
    for (const block of other.#blockNumbers) this.#set(block, other.#close(block))
  }

  /** Gives up the memory that changes take: equal blocks are shared from then on. */
  settle(): void {
    for (const block of this.#originals.keys()) this.#close(block)
  }

  /** The blocks that are not what they were when this was asked last, ascending. */
  takeChanges(): BlockChange[] {
    const changes: BlockChange[] = []
    for (const [block, before] of this.#originals) {
      const now = this.#close(block)
      if (now !== before) changes.push({ block, content: now && encodeBlock(now) })
    }
    this.#originals.clear()
    return changes.sort((a, b) => a.block - b.block)
  }

  /** All blocks, ascending. */
  contents(): BlockContent[] {
    return [...this.#blockNumbers].flatMap((block) => {
      const now = this.#close(block)
      return now === undefined ? [] : [{ block, content: encodeBlock(now) }]
    })
  }

  /** Every block counts as changed, for what was stored is lost. */
  markAllChanged(): void {
    for (const block of this.#blockNumbers) this.#originals.set(block, undefined)
  }

  /**
   * Takes a block as it was stored, in the place of what is there. It does not count as changed.
   *
   * @param content undefined where nothing is stored
   * @returns whether that can be; nothing is done where it cannot
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
   * One of the numbers, each as likely as the others.
   *
   * @param draw as `Math.random`
   * @returns undefined where there are none
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

  /** Ascending. The set may change meanwhile: each block is given as it is when its turn comes. */
  [Symbol.iterator](): Generator<number, void> {
    return this.from(0)
  }

  /** The same from a number on. */
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

  /** Where a block is; where it would be, as -1 - that, while it is nowhere. */
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

  /** The block, for changes. */
  #open(block: number): OpenBlock {
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content
    const open = new OpenBlock(content)
    this.#keepOriginal(block, content)
    this.#place(block, open)
    return open
  }

  /** The block after its changes. */
  #close(block: number): Block | undefined {
    const content = this.#contentOf(block)
    if (!(content instanceof OpenBlock)) return content
    const closed = content.close()
    const shared = closed && this.#pool.share(closed)
    this.#place(block, shared)
    return shared
  }

  /** Changes the whole of a block. */
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
  if (!isWithin(number, max)) throw new RangeError(`${number} is no whole number from 0 to ${max}`)
}
