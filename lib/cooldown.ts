export interface CooldownOptions {
  /** Length of a cooldown in milliseconds. */
  readonly milliseconds: number
  /**
   * Number of keys at which all are forgotten. Bounds memory; a few keys may then start again
   * early.
   */
  readonly maxKeys: number
  /** Returns the time in milliseconds of a clock that is never set. */
  readonly now: () => number
}

/**
 * A rate limit per key: a key that was started cannot start again until its cooldown has passed.
 */
export class Cooldown<K> {
  readonly #options: CooldownOptions
  readonly #startedAt = new Map<K, number>()

  constructor(options: CooldownOptions) {
    this.#options = options
  }

  /**
   * Starts the cooldown of a key.
   *
   * @returns false if an earlier cooldown of this key still runs; it is not extended
   */
  start(key: K): boolean {
    const { milliseconds, maxKeys, now } = this.#options
    const time = now()
    const startedAt = this.#startedAt.get(key)
    if (startedAt !== undefined && time - startedAt < milliseconds) return false
    if (this.#startedAt.size >= maxKeys) this.#startedAt.clear()
    this.#startedAt.set(key, time)
    return true
  }
}
