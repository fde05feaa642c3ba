import { MILLISECOND_NS, SECOND_NS } from '../../identity.js'

/**
 * Age that a timestamp must have before its file is read. Kernels take timestamps from a clock
 * that ticks every 1 to 10 ms. A file that changes twice within a tick may have the same timestamps
 * after both changes.
 */
const TICK_MS = 20
/**
 * Age for timestamps of whole seconds: some file systems store seconds only, and FAT stores every
 * other second.
 */
const COARSE_TICK_MS = 2020

/**
 * Computes how long to wait until every further change of a file changes its timestamp.
 *
 * Uses the wall clock. A timestamp in the future means that the clock was set back, or that the
 * clock of the file server differs. Then the wait is one tick on the monotonic clock, counted
 * from the first time that this timestamp or a later one was seen; so files that are seen
 * together cost one wait.
 */
export class TimestampGranularity {
  #latest: bigint | undefined
  #since = 0

  /**
   * Returns the time to wait in milliseconds; 0 if the file can be read now.
   *
   * @param ctimeNs when the file last changed
   * @param now milliseconds since 1970
   * @param steady milliseconds of a clock that is never set
   */
  waitTime(ctimeNs: bigint, now: number, steady: number): number {
    const tick = ctimeNs % SECOND_NS === 0n ? COARSE_TICK_MS : TICK_MS
    const age = now - Number(ctimeNs / MILLISECOND_NS)
    if (age >= 0) return Math.max(0, tick - age)
    if (this.#latest === undefined || ctimeNs > this.#latest) {
      this.#latest = ctimeNs
      this.#since = steady
    }
    return Math.max(0, tick - (steady - this.#since))
  }
}
