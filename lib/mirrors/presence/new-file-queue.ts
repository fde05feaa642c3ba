/** Shares of the time between two surveys after which a new file is looked for: mirrors fetch it when they see fit. */
const BACKOFF_MS = [0, 1 / 360, 1 / 72, 1 / 24, 1 / 6]
const MAX_NEW_FILES = 1000

interface Newcomer {
  readonly path: string
  /** Requests for it since it came. */
  asked: number
  tries: number
  /** By the steady clock. */
  due: number
}

/** New files, to be looked for on every mirror, until the next survey tells of all of them: hottest first. */
export class NewFileQueue {
  readonly #interval: number
  readonly #files = new Map<string, Newcomer>()

  /** @param interval between two surveys, in milliseconds */
  constructor(interval: number) {
    this.#interval = interval
  }

  get size(): number {
    return this.#files.size
  }

  /** @returns whether there was room for it; where there is none, a survey is less work */
  add(path: string, now: number): boolean {
    if (!this.#files.has(path) && this.#files.size >= MAX_NEW_FILES) return false
    this.#files.set(path, { path, asked: this.#files.get(path)?.asked ?? 0, tries: 0, due: now })
    return true
  }

  /** Somebody asks for a file: where it is new, it is looked for before others. */
  ask(path: string): void {
    const file = this.#files.get(path)
    if (file !== undefined) file.asked += 1
  }

  remove(path: string): void {
    this.#files.delete(path)
  }

  /** Those whose time has come, hottest first, at most so many. Each is given again later, a few times. */
  take(now: number, most: number): readonly string[] {
    const due = [...this.#files.values()].filter((file) => file.due <= now)
    const first = due.sort((one, other) => other.asked - one.asked).slice(0, most)
    for (const file of first) {
      file.tries += 1
      const share = BACKOFF_MS[file.tries]
      if (share === undefined) this.#files.delete(file.path)
      else file.due = now + share * this.#interval
    }
    return first.map(({ path }) => path)
  }
}
