import { errorMessage, MirroredByError } from '../errors.js'
import { sameIdentity } from '../identity.js'
import type { Algorithm, Identity, Watch } from '../model.js'
import { includesWholePath, isWithin, joinPath, type PathFilter } from '../paths.js'
import { type Store, storeError } from '../store/store.js'
import { Hasher, hashError } from './digest/hasher.js'
import type { HashOutcome } from './digest/worker.js'
import { Root } from './repository/root.js'
import type { Scanner } from './repository/scan.js'
import { Settler } from './repository/settle.js'
import type { FolderListing, FoundFile } from './repository/walk.js'
import { Watcher } from './repository/watch.js'
import { Writer, type WriterEvents } from './writer.js'

export interface IndexerOptions {
  /** The real path of the repository. */
  readonly root: string
  readonly store: Store
  readonly scanner: Scanner
  readonly includes: PathFilter
  readonly algorithms: readonly Algorithm[]
  /** Threads that hash. */
  readonly workers: number
  /** Milliseconds for which a file must be quiet. */
  readonly settle: number
  /** Whether to follow changes: by watches, by listing everything again and again, or not at all. */
  readonly watch: Watch
  /** Milliseconds between two listings of what cannot be watched. */
  readonly rescan: number
}

/** How far the index is. */
export interface Progress {
  /** Files and bytes looked at by the scan so far. */
  readonly seen: { readonly files: number; readonly bytes: number }
  /** Files and bytes still to be hashed. */
  readonly pending: { readonly files: number; readonly bytes: number }
  /** Hashed since the start: files, and bytes read, of unfinished files too. */
  readonly hashed: { readonly files: number; readonly bytes: number }
}

/** Files that wait to be hashed, or changes to be stored, before the scan pauses: bounds memory, not speed. */
const MAX_WAITING = 20_000
/** Milliseconds between two looks at what is still to be done. */
const POLL_MS = 50
/** A file written without pause must not hold up `ready`: so many settling times are waited for. */
const BACK_PRESSURE_MS = 10

/** Keeps the store true to the disk: repository → digest → store. */
export class Indexer {
  readonly #options: IndexerOptions
  readonly #events: WriterEvents
  readonly #root: Root
  readonly #settler: Settler
  readonly #watcher: Watcher | undefined
  readonly #hasher: Hasher
  readonly #writer: Writer
  /** Folders to list again, each once, one after the other. */
  readonly #rescans = new Set<string>()
  readonly #rescanTimer: NodeJS.Timeout | undefined
  #rescanning = false
  #rescanned: Promise<void> = Promise.resolve()
  #seen = { files: 0, bytes: 0 }
  #hashedFiles = 0
  #closed = false
  /** Woken whenever the queues get shorter. */
  #wake: (() => void) | undefined

  constructor(options: IndexerOptions, events: WriterEvents) {
    this.#options = options
    this.#events = events
    const { root, store, algorithms, workers, settle, watch, rescan } = options
    this.#hasher = new Hasher({ root, algorithms }, workers, (outcomes) => this.#hashed(outcomes))
    this.#writer = new Writer(store, events)
    this.#settler = new Settler(root, settle, {
      file: (path, identity, target) => this.#settled(path, identity, target),
      folder: (path) => {
        // It may be another one under the same name, and the old watch dead.
        this.#watcher?.removeFolder(path)
        this.#rescan(path)
      },
      gone: (path) => this.#gone(path),
      unreadable: (path, why) => this.#warn(hashError(path, why)),
    })
    if (watch === true) {
      this.#watcher = new Watcher(root, {
        touched: (path, renamed) => this.touch(path, renamed),
        warning: events.warning,
      })
    }
    if (watch !== false) this.#rescanTimer = setInterval(() => void this.#rescanUnwatched(), rescan)
    this.#root = new Root(root, {
      missing: () => this.#warn(rootAway(root)),
      restored: () => {
        this.#watcher?.removeFolder('')
        this.#rescan('')
      },
    })
  }

  get progress(): Progress {
    return {
      seen: { ...this.#seen },
      pending: { files: this.#hasher.files + this.#settler.size, bytes: this.#hasher.bytes },
      hashed: { files: this.#hashedFiles, bytes: this.#hasher.bytesRead },
    }
  }

  /**
   * The first pass: what is on disk is in the store when it ends, but for files that are being written all the time.
   *
   * @throws MirroredByError ERR_SCAN where the scan fails as a whole
   */
  async run(): Promise<void> {
    const known = await this.#options.store.folders('')
    this.#root.start(known.length > 0)
    await this.#scan('')
    const patience = performance.now() + BACK_PRESSURE_MS * this.#options.settle
    while (!this.#closed && this.#isBusy() && (this.#hasher.files > 0 || performance.now() < patience)) {
      await this.#change()
    }
    await this.#writer.flush()
  }

  /** Whether a path waits to be hashed, is being hashed, or waits to be stored. */
  isPending(path: string): boolean {
    return this.#hasher.has(path) || this.#writer.has(path)
  }

  /**
   * Looks at a path of the repository again, because something happened to it or its file is not what the index says.
   *
   * @param renamed that it came or went
   */
  touch(path: string, renamed = false): void {
    if (!this.#closed && includesWholePath(this.#options.includes, path)) this.#settler.touch(path, renamed)
  }

  /** Looks at everything again: the index may have lost some of it. */
  rescan(): void {
    this.#rescan('')
  }

  /** Ends every watch, timer and thread. What was hashed is stored. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wake?.()
    clearInterval(this.#rescanTimer)
    this.#root.close()
    this.#settler.close()
    this.#rescans.clear()
    await Promise.all([this.#watcher?.close(), this.#hasher.close(), this.#options.scanner.close()])
    await this.#rescanned
    await this.#writer.close()
  }

  #isBusy(): boolean {
    return this.#hasher.files > 0 || this.#settler.size > 0 || this.#rescanning
  }

  /** The next time that something is finished, or a moment later: settling tells nobody. */
  async #change(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, POLL_MS)
    })
    clearTimeout(timer)
  }

  async #scan(folder: string): Promise<void> {
    if (this.#root.isMissing) return
    await this.#watchFolders(folder)
    const listed = new Set<string>()
    const unread: string[] = []
    for await (const listing of this.#options.scanner.scan(folder)) {
      if (this.#closed) return
      listed.add(listing.folder)
      if (listing.error === undefined) await this.#compare(listing)
      else {
        unread.push(listing.folder)
        this.#warn(
          new MirroredByError(
            'ERR_SCAN',
            `cannot read the folder ${JSON.stringify(listing.folder || '.')} of ${this.#options.root}: ` +
              `${listing.error}; what is known of it is kept`,
          ),
        )
      }
      while (this.#isFull() && !this.#closed) await this.#change()
    }
    this.#root.look()
    if (this.#root.isMissing || this.#closed) return
    for (const known of await this.#options.store.folders(folder)) {
      if (!listed.has(known) && !unread.some((path) => isWithin(known, { folder: path })))
        this.#removeFolder(known)
    }
  }

  /** Watches first, and lists then: what happens in between is told, and what happened before is listed. */
  async #watchFolders(folder: string): Promise<void> {
    if (this.#watcher === undefined) return
    const begun: Promise<boolean>[] = []
    for await (const { folder: path, realFolder } of this.#options.scanner.scan(folder, true)) {
      if (this.#closed) return
      begun.push(this.#watcher.addFolder(path, realFolder))
    }
    await Promise.all(begun)
  }

  #follow(path: string, target: string): void {
    void this.#watcher?.addLink(path, target).then((isNew) => {
      if (isNew) this.touch(path)
    })
  }

  async #compare(listing: FolderListing): Promise<void> {
    const { folder, realFolder, files } = listing
    // It was not there a moment ago.
    if (await this.#watcher?.addFolder(folder, realFolder)) this.#rescan(folder)
    const stored = new Map<string, { identity: Identity; algorithms: readonly Algorithm[] }>()
    for (const file of await this.#options.store.list(folder)) stored.set(joinPath(folder, file.name), file)
    for (const found of files) {
      this.#seen.files += 1
      this.#seen.bytes += found.identity.size
      if (found.target !== undefined) this.#follow(found.path, found.target)
      const known = stored.get(found.path)
      stored.delete(found.path)
      if (known === undefined || !this.#isCurrent(found, known.identity, known.algorithms)) {
        this.#settler.found(found.path, found.identity, found.target)
      }
    }
    if (stored.size === 0) return
    this.#root.look()
    if (this.#root.isMissing) return
    for (const path of stored.keys()) this.#writer.add({ kind: 'remove', path })
  }

  #isFull(): boolean {
    return this.#hasher.files > MAX_WAITING || this.#writer.size > MAX_WAITING
  }

  #isCurrent(found: FoundFile, identity: Identity, algorithms: readonly Algorithm[]): boolean {
    return (
      sameIdentity(found.identity, identity) &&
      this.#options.algorithms.every((algorithm) => algorithms.includes(algorithm))
    )
  }

  #settled(path: string, identity: Identity, target: string | undefined): void {
    if (target !== undefined) this.#follow(path, target)
    this.#hasher.add(path, identity.size)
  }

  #hashed(outcomes: readonly HashOutcome[]): void {
    for (const { path, digested, changed, error } of outcomes) {
      if (digested !== undefined) {
        this.#hashedFiles += 1
        const { identity, digests, pieces } = digested
        this.#writer.add({ kind: 'put', file: { path, identity, digests }, pieces })
      } else if (changed) {
        this.#settler.touch(path)
      } else {
        this.#warn(hashError(path, error))
      }
    }
    this.#wake?.()
  }

  #rescan(folder: string): void {
    this.#rescans.add(folder)
    if (!this.#rescanning) this.#rescanned = this.#rescanAll()
  }

  async #rescanAll(): Promise<void> {
    this.#rescanning = true
    try {
      for (const folder of this.#rescans) {
        if (this.#closed) break
        this.#rescans.delete(folder)
        await this.#scan(folder)
      }
    } catch (error) {
      this.#warn(
        error instanceof MirroredByError
          ? error
          : new MirroredByError('ERR_SCAN', errorMessage(error), error),
      )
    } finally {
      this.#rescanning = false
    }
  }

  /** What the watches do not tell. The topmost folders are enough, for each is listed with all below it. */
  async #rescanUnwatched(): Promise<void> {
    const unwatched = this.#watcher === undefined ? [''] : this.#watcher.unwatched
    await this.#watcher?.retry()
    for (const folder of unwatched) {
      if (!unwatched.some((other) => other !== folder && isWithin(folder, { folder: other })))
        this.#rescan(folder)
    }
  }

  #gone(path: string): void {
    // A root that is away takes every file with it, and may come back: nothing is forgotten.
    this.#root.look()
    if (this.#root.isMissing) return
    this.#hasher.drop(path)
    void this.#removeGone(path).catch((error: unknown) =>
      this.#events.warning(storeError('cannot be read', error)),
    )
  }

  async #removeGone(path: string): Promise<void> {
    const known = await this.#options.store.get(path)
    this.#writer.add({ kind: 'remove', path })
    if (known === undefined) this.#removeFolder(path)
  }

  #removeFolder(folder: string): void {
    this.#watcher?.removeFolder(folder)
    this.#hasher.dropFolder(folder)
    this.#writer.add({ kind: 'removeFolder', folder })
  }

  #warn(error: MirroredByError): void {
    if (!this.#closed) this.#events.warning(error)
  }
}

function rootAway(root: string): MirroredByError {
  return new MirroredByError(
    'ERR_ROOT',
    `${root} is away: it is missing, or empty as a mount point without its disk; the index is kept until it is back`,
  )
}
