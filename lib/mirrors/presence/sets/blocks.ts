import type { Block } from './block.js'

/**
 * Lets those who hold equal blocks hold the same one: five hundred mirrors that have everything share what that takes. A
 * block that nobody holds any more is forgotten.
 */
export class Blocks {
  readonly #known = new Map<number, readonly WeakRef<Block>[]>()
  readonly #gone = new FinalizationRegistry<number>((hash) => this.#tidy(hash))

  /** The one that is to be held in the place of a block: itself, or an equal one that is known. */
  share(block: Block): Block {
    const known = this.#known.get(block.hash) ?? []
    for (const reference of known) {
      const other = reference.deref()
      if (other?.equals(block) === true) return other
    }
    this.#known.set(block.hash, [...known, new WeakRef(block)])
    this.#gone.register(block, block.hash)
    return block
  }

  /** How many different ones are known; some may have gone, and not have been forgotten yet. */
  get size(): number {
    let size = 0
    for (const known of this.#known.values()) size += known.length
    return size
  }

  #tidy(hash: number): void {
    const left = this.#known.get(hash)?.filter((reference) => reference.deref() !== undefined) ?? []
    if (left.length > 0) this.#known.set(hash, left)
    else this.#known.delete(hash)
  }
}
