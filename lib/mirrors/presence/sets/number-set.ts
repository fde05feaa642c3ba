import { SPAN } from './bits.js'
import { type Block, decodeBlock, encodeBlock, WHOLE_BLOCK } from './block.js'
import type { Blocks } from './blocks.js'
import { OpenBlock } from './open-block.js'

/** Numbers are below it. */
const LIMIT = 2 ** 52

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
  readonly #blocks: Blocks
  /** Numbers of blocks, ascending. */
  readonly #numbers: number[] = []
  /** The blocks, in the same places. */
  readonly #contents: (Block | OpenBlock)[] = []
  /** The first block's number, and how many follow each other from there: those are found without a search. */
  #first = 0
  #gapless = 0
  /** What those that have changed were when changes were taken last. Every open one is among them. */
  readonly #before = new Map<number, Block | undefined>()

  /** @param blocks those that are shared; the same for all sets that may be like each other */
  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  /** How many numbers. It is counted by blocks. */
  get size(): number {
    let size = 0
    for (const content of this.#contents) size += content.size
    return size
  }

  /** @param number a whole one */
  has(number: number): boolean {
    const block = Math.floor(number / SPAN)
    const content = this.#contentOf(block)
    return content?.has(number - block * SPAN) === true
  }

  /**
   * @returns whether it was not there before
   * @throws RangeError where it is no whole number from 0 to 2^52 - 1
   */
  add(number: number): boolean {
    checkNumber(number, LIMIT - 1)
    const block = Math.floor(number / SPAN)
    const low = number - block * SPAN
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content.add(low)
    return content?.has(low) !== true && this.#open(block).add(low)
  }

  /**
   * @param number a whole one
   * @returns whether it was there before
   */
  delete(number: number): boolean {
    const block = Math.floor(number / SPAN)
    const low = number - block * SPAN
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
    checkNumber(from, LIMIT)
    checkNumber(to, LIMIT)
    for (let block = Math.floor(from / SPAN); block * SPAN < to; block += 1) {
      const first = Math.max(from - block * SPAN, 0)
      const end = Math.min(to - block * SPAN, SPAN)
      if (first === 0 && end === SPAN) this.#set(block, WHOLE_BLOCK)
      else if (first < end) this.#open(block).fill(first, end, true)
    }
  }

  /** Deletes every number below `from`, and every one from `to` on, which may be `Infinity`. */
  keepOnly(from: number, to: number): void {
    for (const block of [...this.#numbers]) {
      const first = Math.max(from - block * SPAN, 0)
      const end = Math.min(to - block * SPAN, SPAN)
      if (first >= end) this.#set(block, undefined)
      else if (first > 0 || end < SPAN) {
        const open = this.#open(block)
        open.fill(0, first, false)
        open.fill(end, SPAN, false)
      }
    }
  }

  /** Becomes equal to another set, and shares its blocks; that one is settled. Only blocks that differ count as changed. */
  replace(other: NumberSet): void {
    other.settle()
    for (const block of [...this.#numbers])
      if (other.#contentOf(block) === undefined) this.#set(block, undefined)
    for (const block of other.#numbers) this.#set(block, other.#close(block))
  }

  /** Gives up the memory that changes take: equal blocks are shared from then on. */
  settle(): void {
    for (const block of this.#before.keys()) this.#close(block)
  }

  /** The blocks that are not what they were when this was asked last, ascending. */
  takeChanges(): BlockChange[] {
    const changes: BlockChange[] = []
    for (const [block, before] of this.#before) {
      const now = this.#close(block)
      if (now !== before) changes.push({ block, content: now && encodeBlock(now) })
    }
    this.#before.clear()
    return changes.sort((a, b) => a.block - b.block)
  }

  /** All blocks, ascending. */
  contents(): BlockContent[] {
    return [...this.#numbers].flatMap((block) => {
      const now = this.#close(block)
      return now === undefined ? [] : [{ block, content: encodeBlock(now) }]
    })
  }

  /** Every block counts as changed, for what was stored is lost. */
  markAllChanged(): void {
    for (const block of this.#numbers) this.#before.set(block, undefined)
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
    if (!isWithin(block, LIMIT / SPAN - 1)) return false
    this.#before.delete(block)
    this.#place(block, stored && this.#blocks.share(stored))
    return true
  }

  /**
   * One of the numbers, each as likely as the others.
   *
   * @param draw as `Math.random`
   * @returns undefined where there are none
   */
  random(random: () => number): number | undefined {
    let before = Math.floor(random() * this.size)
    for (const [index, content] of this.#contents.entries()) {
      if (before < content.size) return (this.#numbers[index] ?? 0) * SPAN + content.member(before)
      before -= content.size
    }
    return undefined
  }

  /** Ascending. The set may change meanwhile: each block is given as it is when its turn comes. */
  [Symbol.iterator](): Generator<number, void> {
    return this.from(0)
  }

  /** The same from a number on. */
  *from(first: number): Generator<number, void> {
    for (const block of [...this.#numbers]) {
      if ((block + 1) * SPAN <= first) continue
      for (const low of this.#contentOf(block)?.members() ?? []) {
        const number = block * SPAN + low
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
    const numbers = this.#numbers
    const behind = block - this.#first
    if (behind >= 0 && behind < this.#gapless) return behind
    let start = 0
    let end = numbers.length
    while (start < end) {
      const middle = (start + end) >>> 1
      const there = numbers[middle] ?? 0
      if (there === block) return middle
      if (there < block) start = middle + 1
      else end = middle
    }
    return -1 - start
  }

  /** The block, for changes. */
  #open(block: number): OpenBlock {
    const content = this.#contentOf(block)
    if (content instanceof OpenBlock) return content
    const open = new OpenBlock(content)
    this.#remember(block, content)
    this.#place(block, open)
    return open
  }

  /** The block after its changes. */
  #close(block: number): Block | undefined {
    const content = this.#contentOf(block)
    if (!(content instanceof OpenBlock)) return content
    const closed = content.close()
    const shared = closed && this.#blocks.share(closed)
    this.#place(block, shared)
    return shared
  }

  /** Changes the whole of a block. */
  #set(block: number, content: Block | undefined): void {
    this.#remember(block, this.#close(block))
    this.#place(block, content && this.#blocks.share(content))
  }

  #remember(block: number, before: Block | undefined): void {
    if (!this.#before.has(block)) this.#before.set(block, before)
  }

  #place(block: number, content: Block | OpenBlock | undefined): void {
    const index = this.#indexOf(block)
    if (index >= 0 && content !== undefined) {
      this.#contents[index] = content
      return
    }
    if (content !== undefined) {
      this.#numbers.splice(-1 - index, 0, block)
      this.#contents.splice(-1 - index, 0, content)
    } else if (index >= 0) {
      this.#numbers.splice(index, 1)
      this.#contents.splice(index, 1)
    }
    this.#findGap()
  }

  #findGap(): void {
    this.#first = this.#numbers[0] ?? 0
    const gap = this.#numbers.findIndex((number, index) => number !== this.#first + index)
    this.#gapless = gap === -1 ? this.#numbers.length : gap
  }
}

function isWithin(number: number, most: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= most
}

function checkNumber(number: number, most: number): void {
  if (!isWithin(number, most)) throw new RangeError(`${number} is no whole number from 0 to ${most}`)
}
