import { SECOND_NS } from '../../identity.js'

/**
 * Kernels stamp files by a clock that ticks every 1 to 10 ms: a file that changes twice within a tick may look the same
 * after both. One that changed less than this long ago, in milliseconds, is read only when it has passed.
 */
const TICK_MS = 20
/** The same where a stamp is of whole seconds, as on file systems that keep no more, or every other second as FAT does. */
const COARSE_TICK_MS = 2020

const MILLISECOND = 1_000_000n

/**
 * Says how long to wait until a file's time stamp is past, so that whatever happens to the file from then on changes it.
 *
 * That is told by the system's clock, unless the stamp lies in its future: then the clock was set back, or the file system
 * has another one, on another machine. Such a stamp is past a tick after it was first seen, by a clock that nobody sets; and
 * with it all that are not later, so that files that are seen together cost one wait.
 */
export class TimestampGranularity {
  #latest: bigint | undefined
  #since = 0

  /**
   * @param ctimeNs when the file last changed
   * @param now milliseconds since 1970
   * @param steady milliseconds of a clock that is never set
   * @returns milliseconds; 0 where nothing is to be waited for
   */
  waitTime(ctimeNs: bigint, now: number, steady: number): number {
    const tick = ctimeNs % SECOND_NS === 0n ? COARSE_TICK_MS : TICK_MS
    const age = now - Number(ctimeNs / MILLISECOND)
    if (age >= 0) return Math.max(0, tick - age)
    if (this.#latest === undefined || ctimeNs > this.#latest) {
      this.#latest = ctimeNs
      this.#since = steady
    }
    return Math.max(0, tick - (steady - this.#since))
  }
}
