/**
 * Times of the checks of a new file, as shares of the survey interval. They are spread, because
 * mirrors copy new files at times of their own.
 */
const BACKOFF_SHARES = [0, 1 / 360, 1 / 72, 1 / 24, 1 / 6]
const MAX_NEW_FILES = 1000

interface NewFile {
  readonly path: string
  /** Number of requests for the file since it is new. */
  requests: number
  /** Number of times it has been checked. */
  tries: number
  /** By the steady clock. */
  dueAt: number
}

/**
 * New files that are checked on every mirror, until the next survey covers them. Most requested
 * first.
 */
export class NewFileQueue {
  readonly #interval: number
  readonly #files = new Map<string, NewFile>()

  /** @param interval milliseconds between two surveys */
  constructor(interval: number) {
    this.#interval = interval
  }

  get size(): number {
    return this.#files.size
  }

  /** @returns false if the queue is full; a survey is then less work */
  add(path: string, now: number): boolean {
    const file = this.#files.get(path)
    if (file === undefined && this.#files.size >= MAX_NEW_FILES) return false
    this.#files.set(path, { path, requests: file?.requests ?? 0, tries: 0, dueAt: now })
    return true
  }

  /** Counts a request for a file, if it is in the queue. */
  countRequest(path: string): void {
    const file = this.#files.get(path)
    if (file !== undefined) file.requests += 1
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  /**
   * Returns files that are due, most requested first. Each becomes due again until its tries are
   * used up.
   */
  take(now: number, maxFiles: number): readonly string[] {
    const due = [...this.#files.values()].filter(({ dueAt }) => dueAt <= now)
    const first = due.sort((one, other) => other.requests - one.requests).slice(0, maxFiles)
    for (const file of first) {
      file.tries += 1
      const share = BACKOFF_SHARES[file.tries]
      if (share === undefined) this.#files.delete(file.path)
      else file.dueAt = now + share * this.#interval
    }
    return first.map(({ path }) => path)
  }
}
