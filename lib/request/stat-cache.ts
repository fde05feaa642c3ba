import { identityAt } from '../identity.js'
import type { Identity } from '../model.js'

const STAT_CACHE_MS = 1

/**
 * Identities of files, cached for 1 ms because `stat` costs as much as the rest of a redirect.
 * Use it only for responses without file bytes, which take longer than that to arrive; code that
 * sends bytes must `fstat` the open file.
 */
export class StatCache {
  readonly #now: () => number
  readonly #identities = new Map<string, Identity>()
  #startedAt = 0

  /**
   * @param now returns the time in milliseconds of a clock that is never set
   */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Returns the identity of a file on disk; undefined if there is no regular file, which is not
   * cached.
   */
  identify(absolute: string): Identity | undefined {
    const now = this.#now()
    if (now - this.#startedAt > STAT_CACHE_MS) {
      this.#identities.clear()
      this.#startedAt = now
    }
    const cached = this.#identities.get(absolute)
    if (cached !== undefined) return cached
    const identity = identityAt(absolute)
    if (identity !== undefined) this.#identities.set(absolute, identity)
    return identity
  }
}
