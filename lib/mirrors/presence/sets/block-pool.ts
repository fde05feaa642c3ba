import type { Block } from './block.js'

/**
 * Lets those who hold equal blocks hold the same one: five hundred mirrors that have everything share what that takes. A
 * block that nobody holds any more is forgotten.
 */
export class BlockPool {
  readonly #byHash = new Map<number, readonly WeakRef<Block>[]>()
  readonly #collected = new FinalizationRegistry<number>((hash) => this.#removeCollected(hash))

  /** The one that is to be held in the place of a block: itself, or an equal one that is known. */
  share(block: Block): Block {
    const known = this.#byHash.get(block.hash) ?? []
    for (const reference of known) {
      const other = reference.deref()
      if (other?.equals(block) === true) return other
    }
    this.#byHash.set(block.hash, [...known, new WeakRef(block)])
    this.#collected.register(block, block.hash)
    return block
  }

  /** How many different ones are known; some may have gone, and not have been forgotten yet. */
  get size(): number {
    let size = 0
    for (const known of this.#byHash.values()) size += known.length
    return size
  }

  #removeCollected(hash: number): void {
    const left = this.#byHash.get(hash)?.filter((reference) => reference.deref() !== undefined) ?? []
    if (left.length > 0) this.#byHash.set(hash, left)
    else this.#byHash.delete(hash)
  }
}
