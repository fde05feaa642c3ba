import type { IndexedFile } from '../../model.js'

/** A piece that a mirror did not send completely, once. */
export interface PendingConfirmation {
  /** Id of the mirror. */
  readonly mirror: string
  readonly path: string
  /** Number of the file's content in the index. */
  readonly number: number
  readonly piece: number
  /** By the steady clock. */
  readonly since: number
}

/**
 * Incomplete pieces that must be fetched again before the copy counts as broken. A single
 * incomplete download may be an accident of the network.
 */
export class Confirmations {
  readonly #delay: number
  readonly #now: () => number
  /** By mirror and content. */
  readonly #pending = new Map<string, PendingConfirmation>()

  /**
   * @param delay milliseconds until the second attempt
   * @param now returns the time in milliseconds of a clock that is never set
   */
  constructor(delay: number, now: () => number) {
    this.#delay = delay
    this.#now = now
  }

  /** Returns the confirmations whose second attempt is due. */
  due(): readonly PendingConfirmation[] {
    return [...this.#pending.values()].filter((pending) => this.#isDue(pending))
  }

  /** @returns whether an incomplete piece confirms an earlier one; otherwise notes it */
  confirm(mirror: string, { number, path }: IndexedFile, piece: number): boolean {
    const pending = this.#pending.get(keyOf(mirror, number))
    if (pending !== undefined) return this.#isDue(pending)
    this.#pending.set(keyOf(mirror, number), { mirror, path, number, piece, since: this.#now() })
    return false
  }

  /** @param piece only if this piece is the one that was incomplete; undefined: whichever it was */
  clear(mirror: string, number: number, piece?: number): void {
    const key = keyOf(mirror, number)
    if (piece === undefined || this.#pending.get(key)?.piece === piece) this.#pending.delete(key)
  }

  #isDue({ since }: PendingConfirmation): boolean {
    return this.#now() - since >= this.#delay
  }
}

function keyOf(mirror: string, number: number): string {
  return `${mirror} ${number}`
}
