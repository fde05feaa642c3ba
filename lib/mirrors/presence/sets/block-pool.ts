import type { Block } from './block.js'

/**
 * Interns blocks, so that sets with equal blocks share one object: five hundred complete mirrors
 * take the memory of one. Holds blocks weakly: a block that no set uses any more is removed.
 */
export class BlockPool {
  readonly #byHash = new Map<number, readonly WeakRef<Block>[]>()
  readonly #collected = new FinalizationRegistry<number>((hash) => this.#removeCollected(hash))

  /**
   * Returns the block of the pool that equals `block`; adds `block` if the pool has no equal one.
   */
  share(block: Block): Block {
    const references = this.#byHash.get(block.hash) ?? []
    for (const reference of references) {
      const other = reference.deref()
      if (other?.equals(block) === true) return other
    }
    this.#byHash.set(block.hash, [...references, new WeakRef(block)])
    this.#collected.register(block, block.hash)
    return block
  }

  /** Number of different blocks, including blocks that were collected but not removed yet. */
  get size(): number {
    let size = 0
    for (const references of this.#byHash.values()) size += references.length
    return size
  }

  #removeCollected(hash: number): void {
    const live = this.#byHash.get(hash)?.filter((reference) => reference.deref() !== undefined) ?? []
    if (live.length > 0) this.#byHash.set(hash, live)
    else this.#byHash.delete(hash)
  }
}
