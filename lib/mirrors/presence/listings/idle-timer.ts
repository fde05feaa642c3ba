import type { ListingReader } from './listing-reader.js'

/** Ends a scan when its server has been silent for too long. It runs only while something is waited for. */
export class IdleTimer {
  readonly #reader: ListingReader
  #timer: NodeJS.Timeout | undefined

  constructor(scan: ListingReader) {
    this.#reader = scan
  }

  /** Begins, or begins anew: something is waited for, or has come. */
  start(): void {
    const { idleMs } = this.#reader.limits
    if (this.#timer === undefined)
      this.#timer = setTimeout(() => this.#reader.stop(`nothing came for ${idleMs / 1000} s`), idleMs)
    else this.#timer.refresh()
  }

  /** Nothing is waited for: the reader takes its time, or all is done. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
