import { type Bits, countBits, createBits, fillBits, flipBit, hasBit, listBits, selectBit } from './bits.js'
import { type Block, blockOf } from './block.js'

/** A block while it changes: always a bitmap. */
export class OpenBlock {
  readonly #bits: Bits
  #size: number

  /** @param block the initial members; undefined for an empty block */
  constructor(block: Block | undefined) {
    this.#bits = block?.toBits() ?? createBits()
    this.#size = block?.size ?? 0
  }

  /** Number of members. */
  get size(): number {
    return this.#size
  }

  /** @param low 0 to 65,535 */
  has(low: number): boolean {
    return hasBit(this.#bits, low)
  }

  /** Returns the member at zero-based `rank`, which must be less than `size`. */
  memberAt(rank: number): number {
    return selectBit(this.#bits, rank)
  }

  /** Returns all members, ascending. */
  members(): Uint16Array {
    return listBits(this.#bits)
  }

  /** @returns true if `low` was added, false if it was a member before */
  add(low: number): boolean {
    if (hasBit(this.#bits, low)) return false
    flipBit(this.#bits, low)
    this.#size += 1
    return true
  }

  /** @returns whether `low` was a member before */
  delete(low: number): boolean {
    if (!hasBit(this.#bits, low)) return false
    flipBit(this.#bits, low)
    this.#size -= 1
    return true
  }

  /** Adds or deletes all numbers of a half-open range. */
  fill(from: number, to: number, areMembers: boolean): void {
    fillBits(this.#bits, from, to, areMembers)
    this.#size = countBits(this.#bits)
  }

  /**
   * Returns the immutable block. The open block must not be used afterwards, because its memory may
   * have become the block's.
   *
   * @returns undefined if there are no members
   */
  close(): Block | undefined {
    return blockOf(this.#bits)
  }
}
