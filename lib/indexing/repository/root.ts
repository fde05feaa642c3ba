import { type BigIntStats, readdirSync, statSync } from 'node:fs'

/** Milliseconds between two looks. */
const POLL_MS = 1000

export interface RootEvents {
  /** The root is not there, or an empty folder lies in its place, as under a disk that is not mounted. */
  missing(): void
  /** The root is there again, or another folder has taken its place: watches are dead, and everything may differ. */
  restored(): void
}

/**
 * Looks after the root itself, of which no watch tells reliably that it was unmounted or moved. While it is away, what is
 * missing below it says nothing.
 */
export class Root {
  readonly #path: string
  readonly #events: RootEvents
  #timer: NodeJS.Timeout | undefined
  #known: BigIntStats | undefined
  #away = false

  /** @param path the real path of the root */
  constructor(path: string, events: RootEvents) {
    this.#path = path
    this.#events = events
    this.#known = stat(path)
  }

  /**
   * Looks after it from now on.
   *
   * @param indexed whether the index holds files: an empty root then is one that is away
   */
  start(indexed: boolean): void {
    this.#away = this.#known === undefined || (indexed && isEmpty(this.#path))
    this.#timer = setInterval(() => this.look(), POLL_MS)
    if (this.#away) this.#events.missing()
  }

  get isMissing(): boolean {
    return this.#away
  }

  /** Looks now. */
  look(): void {
    const present = stat(this.#path)
    const same = present !== undefined && present.dev === this.#known?.dev && present.ino === this.#known.ino
    if (same && !this.#away) return
    // An empty folder at start may fill; an empty one that was not there before is a mount point without its disk.
    if (present === undefined || isEmpty(this.#path)) {
      if (!this.#away) this.#events.missing()
      this.#away = true
      return
    }
    this.#known = present
    this.#away = false
    this.#events.restored()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

function stat(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return true
  }
}
