import type { MirroredByError } from '../errors.js'
import { type Change, type Store, storeError } from '../store/store.js'

/** Changes that are stored together. */
const MAX_BATCH_CHANGES = 512
/** Time after which a batch is stored even if it is not full. */
const BATCH_MS = 50
/** Pause after an error of the store. */
const RETRY_MS = 1000

export interface WriterEvents {
  /** These paths were stored or removed. */
  changed(paths: readonly string[]): void
  /** A folder was removed, with everything below it. */
  removed(folder: string): void
  warning(error: MirroredByError): void
}

/**
 * Applies changes to a store in batches and in order. Keeps a batch that fails, and tries it
 * again.
 */
export class Writer {
  readonly #store: Pick<Store, 'apply'>
  readonly #events: WriterEvents
  #changes: Change[] = []
  /** Number of waiting puts, by path. */
  readonly #puts = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isFailing = false

  constructor(store: Pick<Store, 'apply'>, events: WriterEvents) {
    this.#store = store
    this.#events = events
  }

  /** Number of changes that are not stored yet. */
  get size(): number {
    return this.#changes.length
  }

  /** Returns whether a file waits to be stored. */
  has(path: string): boolean {
    return this.#puts.has(path)
  }

  add(change: Change): void {
    this.#changes.push(change)
    if (change.kind === 'put') this.#puts.set(change.file.path, (this.#puts.get(change.file.path) ?? 0) + 1)
    if (this.#isFailing) return
    if (this.#changes.length >= MAX_BATCH_CHANGES) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS)
  }

  /** Stores all waiting changes, after those being stored. Settles early if the store fails. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  /** Tries once more to store what is waiting. */
  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
  }

  async #write(): Promise<void> {
    while (this.#changes.length > 0) {
      const batch = this.#changes.slice(0, MAX_BATCH_CHANGES)
      try {
        await this.#store.apply(batch)
      } catch (error) {
        this.#retryLater(error)
        return
      }
      this.#isFailing = false
      this.#changes.splice(0, batch.length)
      for (const change of batch) if (change.kind === 'put') this.#forgetPut(change.file.path)
      this.#notify(batch)
    }
  }

  #forgetPut(path: string): void {
    const puts = this.#puts.get(path) ?? 1
    if (puts > 1) this.#puts.set(path, puts - 1)
    else this.#puts.delete(path)
  }

  #retryLater(error: unknown): void {
    this.#timer = setTimeout(() => void this.flush(), RETRY_MS)
    if (this.#isFailing) return
    this.#isFailing = true
    const consequence = 'it is tried again, and files that changed are served without digests until then'
    this.#events.warning(storeError(`cannot be written; ${consequence}`, error))
  }

  #notify(batch: readonly Change[]): void {
    const paths: string[] = []
    for (const change of batch) {
      if (change.kind === 'removeFolder') this.#events.removed(change.folder)
      else paths.push(change.kind === 'put' ? change.file.path : change.path)
    }
    if (paths.length > 0) this.#events.changed(paths)
  }
}
