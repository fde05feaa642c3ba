import { type BigIntStats, lstatSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorMessage, isNotFound } from '../../errors.js'
import { identityOf, sameIdentity } from '../../identity.js'
import type { Identity } from '../../model.js'
import { followLink, isInside } from './walk.js'

export interface SettledEvents {
  /** A regular file has not changed for the settling time. */
  file(path: string, identity: Identity, target: string | undefined): void
  /** @param renamed whether the folder appeared, and may be another one of the same name */
  folder(path: string, renamed: boolean): void
  gone(path: string): void
  unreadable(path: string, reason: string): void
}

/**
 * Debounces changes of files: passes a file on once its size, mtime and ctime have stayed the
 * same for the settling time. A file that is renamed into place that long after its last write
 * has settled already.
 */
export class Settler {
  readonly #root: string
  readonly #settle: number
  readonly #events: SettledEvents
  /**
   * Files that have not settled, in the order of their due times, because all wait equally long.
   */
  readonly #waiting = new Map<string, { readonly due: number; readonly identity: Identity }>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param root the real path of the repository
   * @param settle milliseconds
   */
  constructor(root: string, settle: number, events: SettledEvents) {
    this.#root = root
    this.#settle = settle
    this.#events = events
  }

  /** Number of files that have not settled. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Checks a path now; a path that waits already is checked when it is due, unless it was renamed.
   *
   * @param renamed whether the path appeared by a rename, which sets the ctime: only the mtime
   * then shows the last write
   */
  touch(path: string, renamed = false): void {
    if (renamed || !this.#waiting.has(path)) this.#check(path, undefined, renamed)
  }

  /** Returns whether a file waits until it has settled. */
  has(path: string): boolean {
    return this.#waiting.has(path)
  }

  /** Does what `touch` does, for a file whose state a scan has just read. */
  found(path: string, identity: Identity, target: string | undefined): void {
    if (this.#waiting.has(path)) return
    if (this.#hasSettled(identity)) this.#events.file(path, identity, target)
    else this.#wait(path, identity)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  #check(path: string, before: Identity | undefined, renamed = false): void {
    const found = this.#stat(path)
    if (found === undefined) return
    const { stats, target } = found
    if (stats.isDirectory()) this.#events.folder(path, renamed)
    else if (!stats.isFile()) this.#events.gone(path)
    else {
      const identity = identityOf(stats)
      const same = before !== undefined && sameIdentity(before, identity)
      if (same || this.#hasSettled(identity, renamed)) {
        this.#waiting.delete(path)
        this.#events.file(path, identity, target)
      } else if (!this.#waiting.has(path)) this.#wait(path, identity)
    }
  }

  #stat(path: string): { readonly stats: BigIntStats; readonly target?: string } | undefined {
    const absolute = join(this.#root, path)
    try {
      const stats = lstatSync(absolute, { bigint: true })
      const link = stats.isSymbolicLink() ? followLink(this.#root, absolute) : undefined
      if (link !== undefined) return link
      // A parent folder may be a link that leads out of the root.
      if (!stats.isSymbolicLink() && isInside(this.#root, realpathSync(dirname(absolute)))) return { stats }
      this.#events.gone(path)
    } catch (error) {
      if (isNotFound(error)) this.#events.gone(path)
      else this.#events.unreadable(path, errorMessage(error))
    }
    return undefined
  }

  /**
   * Returns whether the timestamps are older than the settling time. Timestamps in the future
   * prove nothing.
   */
  #hasSettled({ mtimeNs, ctimeNs }: Identity, renamed = false): boolean {
    const newest = mtimeNs > ctimeNs || renamed ? mtimeNs : ctimeNs
    return newest <= BigInt(Date.now() - this.#settle) * 1_000_000n
  }

  #wait(path: string, identity: Identity): void {
    this.#waiting.set(path, { due: performance.now() + this.#settle, identity })
    this.#timer ??= setTimeout(() => this.#checkDue(), this.#settle)
  }

  #checkDue(): void {
    const now = performance.now()
    for (const [path, { due, identity }] of this.#waiting) {
      if (due > now) break
      this.#waiting.delete(path)
      this.#check(path, identity)
    }
    const [next] = this.#waiting.values()
    this.#timer = next && setTimeout(() => this.#checkDue(), Math.max(1, next.due - now))
  }
}
