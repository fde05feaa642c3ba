import { join } from 'node:path'
import { identityAt, sameExceptCtime, sameIdentity } from '../identity.js'
import { type Store, storeError, type Totals } from '../store/store.js'
import { Indexer, type IndexerOptions, type Progress } from './indexer.js'
import { realRoot } from './repository/on-disk.js'
import { Scanner } from './repository/scan.js'
import type { WriterEvents } from './writer.js'

/** Result of the first pass. */
export interface Indexed {
  /** Number of files in the index. */
  readonly files: number
  readonly bytes: number
  /** Number of files hashed in this pass; the others were in the index already. */
  readonly hashed: number
  readonly seconds: number
}

export interface FirstPassOptions extends Omit<IndexerOptions, 'scanner' | 'realRoot'> {
  readonly store: Store
  /** Globs that `includes` was made from. */
  readonly ignore: readonly string[]
}

export interface FirstPassEvents extends WriterEvents {
  /** This process has completed its first pass. */
  completed(): Promise<void>
  /** The first pass is complete, by this process or another. Called once. */
  indexed(indexed: Indexed): void
  warning(error: unknown): void
}

const NO_PROGRESS: Progress = {
  seen: { files: 0, bytes: 0 },
  pending: { files: 0, bytes: 0 },
  hashed: { files: 0, bytes: 0 },
}

/** Runs an indexer while this process leads, and tells when the first pass is complete. */
export class FirstPass {
  /** Settles when the first pass is complete, or is given up because of `close`. Never rejects. */
  readonly ready: Promise<Indexed>
  readonly #options: FirstPassOptions
  readonly #events: FirstPassEvents
  /** Undefined if this process follows. */
  #indexer: Indexer | undefined
  #running: Promise<void> = Promise.resolve()
  /** Settles when indexers of earlier terms have stopped. */
  #stopping: Promise<void> = Promise.resolve()
  #becomeReady: (indexed: Indexed) => void = () => {}
  #isReady = false
  #closed = false

  constructor(options: FirstPassOptions, events: FirstPassEvents) {
    this.#options = options
    this.#events = events
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
  }

  get progress(): Progress {
    return this.#indexer?.progress ?? NO_PROGRESS
  }

  /** Starts to index. */
  lead(): void {
    if (!this.#closed) this.#running = this.#run()
  }

  /** Stops indexing: another process indexes. */
  follow(): void {
    this.#stop()
  }

  /** Notes that another process has completed its first pass. */
  completedElsewhere(): void {
    void this.#complete(0, 0)
  }

  /** Scans the whole repository again, because the index may have lost a part of it. */
  rescan(): void {
    this.#indexer?.rescan()
  }

  /**
   * Checks a path again, because its file was requested and differs from the index. The file is
   * hashed before files that were not requested. Ignores a path whose change was stored after the
   * request that noticed it was planned.
   */
  invalidate(path: string): void {
    const indexer = this.#indexer
    if (indexer?.isPending(path)) indexer.expedite(path)
    else if (indexer !== undefined)
      void this.#touchIfChanged(indexer, path).catch(() => indexer.request(path, false))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#indexer?.close()
    await Promise.all([this.#running, this.#stopping])
    this.#becomeReady({ files: 0, bytes: 0, hashed: 0, seconds: 0 })
  }

  async #run(): Promise<void> {
    const start = performance.now()
    await this.#stopping
    if (this.#closed) return
    const root = realRoot(this.#options.root)
    const scanner = new Scanner({ root, ignore: this.#options.ignore })
    const indexer: Indexer = new Indexer(
      { ...this.#options, realRoot: root, scanner },
      { ...this.#events, moved: () => this.#restart(indexer) },
    )
    this.#indexer = indexer
    try {
      await indexer.run()
    } catch (error) {
      if (!this.#closed) this.#events.warning(error)
    }
    if (this.#closed || this.#indexer !== indexer) return
    await this.#events.completed()
    await this.#complete(indexer.progress.hashed.files, (performance.now() - start) / 1000)
  }

  /** Replaces an indexer, because its root leads to another folder now. */
  #restart(indexer: Indexer): void {
    if (this.#closed || this.#indexer !== indexer) return
    this.#stop()
    this.#running = this.#run()
  }

  #stop(): void {
    const indexer = this.#indexer
    this.#indexer = undefined
    if (indexer !== undefined) this.#stopping = Promise.all([this.#stopping, indexer.close()]).then(() => {})
  }

  async #complete(hashed: number, seconds: number): Promise<void> {
    if (this.#isReady) return
    this.#isReady = true
    let totals: Totals = { files: 0, bytes: 0 }
    try {
      totals = await this.#options.store.totals()
    } catch (error) {
      this.#events.warning(storeError('cannot be used at the moment', error))
    }
    const indexed = { ...totals, hashed, seconds }
    this.#events.indexed(indexed)
    this.#becomeReady(indexed)
  }

  async #touchIfChanged(indexer: Indexer, path: string): Promise<void> {
    indexer.checkRoot()
    const stored = await this.#options.store.get(path)
    const present = identityAt(join(this.#options.root, path))
    if (stored !== undefined && present !== undefined && sameIdentity(stored.identity, present)) return
    // The mtime shows the last write then: there is nothing to wait for.
    const isSettled =
      stored !== undefined && present !== undefined && sameExceptCtime(stored.identity, present)
    indexer.request(path, isSettled)
  }
}
