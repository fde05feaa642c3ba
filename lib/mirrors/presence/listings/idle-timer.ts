import type { ListingReader } from './listing-reader.js'

/** Aborts a listing if its server is silent for too long. Runs only while data is awaited. */
export class IdleTimer {
  readonly #reader: ListingReader
  #timer: NodeJS.Timeout | undefined

  constructor(reader: ListingReader) {
    this.#reader = reader
  }

  /** Starts or restarts the timer. Call it before data is awaited, and when data came. */
  start(): void {
    const { idleMs } = this.#reader.limits
    if (this.#timer === undefined)
      this.#timer = setTimeout(() => this.#reader.stop(`nothing came for ${idleMs / 1000} s`), idleMs)
    else this.#timer.refresh()
  }

  /** Stops the timer. Call it while the consumer is busy, and at the end. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
