import { type Bits, countBits, createBits, fillBits, flipBit, hasBit, listBits, selectBit } from './bits.js'
import { type Block, blockOf } from './block.js'

/** A block while it changes: a bitmap, whatever its members. */
export class OpenBlock {
  readonly #bits: Bits
  #size: number

  /** @param block what it holds at first; nothing where it is undefined */
  constructor(block: Block | undefined) {
    this.#bits = block?.toBits() ?? createBits()
    this.#size = block?.size ?? 0
  }

  /** How many members. */
  get size(): number {
    return this.#size
  }

  /** @param low 0 to 65,535 */
  has(low: number): boolean {
    return hasBit(this.#bits, low)
  }

  /** The member before which there are so many, which are fewer than all. */
  memberAt(before: number): number {
    return selectBit(this.#bits, before)
  }

  /** All of them, ascending. */
  members(): Uint16Array {
    return listBits(this.#bits)
  }

  /** @returns whether it was no member before */
  add(low: number): boolean {
    if (hasBit(this.#bits, low)) return false
    flipBit(this.#bits, low)
    this.#size += 1
    return true
  }

  /** @returns whether it was a member before */
  delete(low: number): boolean {
    if (!hasBit(this.#bits, low)) return false
    flipBit(this.#bits, low)
    this.#size -= 1
    return true
  }

  /** Makes members of all numbers of a half-open range, or of none. */
  fill(from: number, to: number, areMembers: boolean): void {
    fillBits(this.#bits, from, to, areMembers)
    this.#size = countBits(this.#bits)
  }

  /**
   * What has become of it. It must not be used any more: its memory may have become the block's.
   *
   * @returns undefined where it holds nothing
   */
  close(): Block | undefined {
    return blockOf(this.#bits)
  }
}
