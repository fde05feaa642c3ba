export interface TokenBucketOptions {
  /** Tokens at the start. */
  readonly initial: number
  /** Tokens that a pause can save up. Default: `initial`. */
  readonly max?: number
  /** Tokens added per second. */
  readonly rate: number
  /** Returns the time in milliseconds of a clock that is never set. */
  readonly now: () => number
}

/**
 * A rate limit that permits bursts: actions take tokens, and tokens are added at a constant rate.
 */
export class TokenBucket {
  readonly #max: number
  readonly #rate: number
  readonly #now: () => number
  #tokens: number
  #updatedAt: number

  constructor({ initial, max = initial, rate, now }: TokenBucketOptions) {
    this.#max = max
    this.#rate = rate
    this.#now = now
    this.#tokens = initial
    this.#updatedAt = now()
  }

  /** Tokens at the moment; negative after an action took more than there were. */
  get tokens(): number {
    const now = this.#now()
    this.#tokens = Math.min(this.#max, this.#tokens + ((now - this.#updatedAt) / 1000) * this.#rate)
    this.#updatedAt = now
    return this.#tokens
  }

  /** Milliseconds until `tokens` is no longer negative. */
  get waitTime(): number {
    return Math.max(0, (-this.tokens / this.#rate) * 1000)
  }

  /** Returns the milliseconds until there are so many tokens. */
  waitFor(count: number): number {
    return Math.max(0, ((count - this.tokens) / this.#rate) * 1000)
  }

  take(count: number): void {
    this.#tokens = this.tokens - count
  }
}
