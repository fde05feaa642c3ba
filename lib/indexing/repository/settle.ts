import { type BigIntStats, lstatSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorMessage, isNotFound } from '../../errors.js'
import { identityOf, sameIdentity } from '../../identity.js'
import type { Identity } from '../../model.js'
import { followLink, isInside } from './walk.js'

export interface SettledEvents {
  /** A regular file that has been quiet for the settling time. */
  file(path: string, identity: Identity, target: string | undefined): void
  folder(path: string): void
  gone(path: string): void
  unreadable(path: string, why: string): void
}

/**
 * Turns touches of paths into settled changes: a file is passed on once its size, mtime and ctime have stayed the same
 * for `settle` milliseconds. One that was renamed into place that long after its last write is quiet at once.
 */
export class Settler {
  readonly #root: string
  readonly #settle: number
  readonly #events: SettledEvents
  /** In the order in which they fall due, for all wait equally long. */
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

  /** Number of files that are not quiet yet. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Looks at a path now. One that waits already is looked at when it falls due.
   *
   * @param renamed that it appeared: a rename sets the ctime, which then says nothing of writing
   */
  touch(path: string, renamed = false): void {
    if (!this.#waiting.has(path)) this.#look(path, undefined, renamed)
  }

  /** As `touch`, for a file that was just seen. */
  found(path: string, identity: Identity, target: string | undefined): void {
    if (this.#waiting.has(path)) return
    if (this.#isQuiet(identity)) this.#events.file(path, identity, target)
    else this.#wait(path, identity)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  #look(path: string, before: Identity | undefined, renamed = false): void {
    const seen = this.#stat(path)
    if (seen === undefined) return
    const { stats, target } = seen
    if (stats.isDirectory()) this.#events.folder(path)
    else if (!stats.isFile()) this.#events.gone(path)
    else {
      const identity = identityOf(stats)
      const same = before !== undefined && sameIdentity(before, identity)
      if (same || this.#isQuiet(identity, renamed)) this.#events.file(path, identity, target)
      else this.#wait(path, identity)
    }
  }

  #stat(path: string): { readonly stats: BigIntStats; readonly target?: string } | undefined {
    const absolute = join(this.#root, path)
    try {
      const stats = lstatSync(absolute, { bigint: true })
      const link = stats.isSymbolicLink() ? followLink(this.#root, absolute) : undefined
      if (link !== undefined) return link
      // A folder on the way may be a link that leads out of the root.
      if (!stats.isSymbolicLink() && isInside(this.#root, realpathSync(dirname(absolute)))) return { stats }
      this.#events.gone(path)
    } catch (error) {
      if (isNotFound(error)) this.#events.gone(path)
      else this.#events.unreadable(path, errorMessage(error))
    }
    return undefined
  }

  /** Not written for the settling time, by the file's own clock; a time in the future proves nothing. */
  #isQuiet({ mtimeNs, ctimeNs }: Identity, renamed = false): boolean {
    const newest = mtimeNs > ctimeNs || renamed ? mtimeNs : ctimeNs
    return newest <= BigInt(Date.now() - this.#settle) * 1_000_000n
  }

  #wait(path: string, identity: Identity): void {
    this.#waiting.set(path, { due: performance.now() + this.#settle, identity })
    this.#timer ??= setTimeout(() => this.#fallDue(), this.#settle)
  }

  #fallDue(): void {
    const now = performance.now()
    for (const [path, { due, identity }] of this.#waiting) {
      if (due > now) break
      this.#waiting.delete(path)
      this.#look(path, identity)
    }
    const [next] = this.#waiting.values()
    this.#timer = next && setTimeout(() => this.#fallDue(), Math.max(1, next.due - now))
  }
}
