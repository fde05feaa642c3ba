import { type BigIntStats, readdirSync, statSync } from 'node:fs'

const POLL_MS = 1000

export interface RootEvents {
  /** The root is missing, or an empty folder is in its place, as if its disk were not mounted. */
  missing(): void
  /**
   * The root is back, or was replaced by another folder: watches are dead, and every file may
   * differ.
   */
  restored(): void
}

/**
 * Polls the root folder, because watches do not reliably report that it was unmounted or moved.
 * While the root is missing, missing files prove nothing.
 */
export class Root {
  readonly #path: string
  readonly #events: RootEvents
  #timer: NodeJS.Timeout | undefined
  /** State of the folder that is watched. */
  #watched: BigIntStats | undefined
  #isMissing = false

  /**
   * @param path the real path of the root
   */
  constructor(path: string, events: RootEvents) {
    this.#path = path
    this.#events = events
    this.#watched = stat(path)
  }

  /**
   * Starts to poll the root.
   *
   * @param hasIndex whether the index has files: an empty root then counts as missing
   */
  start(hasIndex: boolean): void {
    this.#isMissing = this.#watched === undefined || (hasIndex && isEmpty(this.#path))
    this.#timer = setInterval(() => this.check(), POLL_MS)
    if (this.#isMissing) this.#events.missing()
  }

  get isMissing(): boolean {
    return this.#isMissing
  }

  /** Checks the root now. */
  check(): void {
    const present = stat(this.#path)
    const same =
      present !== undefined && present.dev === this.#watched?.dev && present.ino === this.#watched.ino
    if (same && !this.#isMissing) return
    // A root that was empty at the start may be filled later. A folder that is empty and was not
    // here before is a mount point without its disk.
    if (present === undefined || isEmpty(this.#path)) {
      if (!this.#isMissing) this.#events.missing()
      this.#isMissing = true
      return
    }
    this.#watched = present
    this.#isMissing = false
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
