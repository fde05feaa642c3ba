import { type BigIntStats, readdirSync, realpathSync, statSync } from 'node:fs'

const POLL_MS = 1000

export interface RootEvents {
  /** The root is missing, or an empty folder is in its place, as if its disk were not mounted. */
  missing(): void
  /**
   * The root is back, or was replaced by another folder at its path: watches are dead, and every
   * file may differ.
   */
  restored(): void
  /** A symbolic link was pointed elsewhere: the root has another real path. */
  moved(): void
}

/**
 * Polls the root folder, because watches do not reliably report that it was unmounted, moved, or
 * swapped by a symbolic link. While the root is missing, missing files prove nothing.
 */
export class Root {
  readonly #path: string
  readonly #real: string
  readonly #events: RootEvents
  #timer: NodeJS.Timeout | undefined
  /** State of the folder that is watched. */
  #watched: BigIntStats | undefined
  #isMissing = false
  #hasMoved = false

  /**
   * @param path the absolute path of the root, whose symbolic links are followed at each check
   * @param real the real path that the root is scanned and watched by
   */
  constructor(path: string, real: string, events: RootEvents) {
    this.#path = path
    this.#real = real
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

  /** Checks the root now. A root that has moved is not checked again. */
  check(): void {
    if (this.#hasMoved) return
    const present = stat(this.#path)
    const real = present && realPath(this.#path)
    const same =
      real === this.#real &&
      present !== undefined &&
      present.dev === this.#watched?.dev &&
      present.ino === this.#watched.ino
    if (same && !this.#isMissing) return
    // A root that was empty at the start may be filled later. A folder that is empty and was not
    // here before is a mount point without its disk.
    if (present === undefined || real === undefined || isEmpty(this.#path)) {
      if (!this.#isMissing) this.#events.missing()
      this.#isMissing = true
      return
    }
    if (real !== this.#real) {
      // What is known of the earlier folder proves nothing of this one.
      this.#isMissing = true
      this.#hasMoved = true
      this.#events.moved()
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

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path)
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
