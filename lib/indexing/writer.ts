import type { MirroredByError } from '../errors.js'
import { type Change, type Store, storeError } from '../store/store.js'

/** Changes are stored together, up to so many, at the latest after so many milliseconds. */
const BATCH_CHANGES = 512
const BATCH_MS = 50
/** Milliseconds until a store that refused is tried again. */
const RETRY_MS = 1000

export interface WriterEvents {
  /** Paths that are stored anew, or no longer. */
  changed(paths: readonly string[]): void
  /** A folder is gone, with everything below it. */
  removed(folder: string): void
  warning(error: MirroredByError): void
}

/** Applies changes to a store in batches and in order. What the store refuses is kept and tried again. */
export class Writer {
  readonly #store: Pick<Store, 'apply'>
  readonly #events: WriterEvents
  #changes: Change[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #refused = false

  constructor(store: Pick<Store, 'apply'>, events: WriterEvents) {
    this.#store = store
    this.#events = events
  }

  /** Changes that are not stored yet. */
  get size(): number {
    return this.#changes.length
  }

  /** Whether a file waits to be stored. */
  has(path: string): boolean {
    return this.#changes.some((change) => change.kind === 'put' && change.file.path === path)
  }

  add(change: Change): void {
    this.#changes.push(change)
    if (this.#refused) return
    if (this.#changes.length >= BATCH_CHANGES) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS)
  }

  /** Stores what is waiting, after what is being stored; a store that refuses is left for later. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  /** A last try. */
  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
  }

  async #write(): Promise<void> {
    while (this.#changes.length > 0) {
      const batch = this.#changes.slice(0, BATCH_CHANGES)
      try {
        await this.#store.apply(batch)
      } catch (error) {
        this.#refuse(error)
        return
      }
      this.#refused = false
      this.#changes.splice(0, batch.length)
      this.#tell(batch)
    }
  }

  #refuse(error: unknown): void {
    this.#timer = setTimeout(() => void this.flush(), RETRY_MS)
    if (this.#refused) return
    this.#refused = true
    const meanwhile = 'it is tried again, and files that changed are served without digests until then'
    this.#events.warning(storeError(`cannot be written; ${meanwhile}`, error))
  }

  #tell(batch: readonly Change[]): void {
    const paths: string[] = []
    for (const change of batch) {
      if (change.kind === 'removeFolder') this.#events.removed(change.folder)
      else paths.push(change.kind === 'put' ? change.file.path : change.path)
    }
    if (paths.length > 0) this.#events.changed(paths)
  }
}
