import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { MirroredByError } from '../errors.js'
import { changedAt, sameExceptCtime, sameIdentity } from '../identity.js'
import type { Algorithm, Identity, Watch } from '../model.js'
import { includesWholePath, isWithin, joinPath, type PathFilter } from '../paths.js'
import { type Store, storeError } from '../store/store.js'
import { Hasher, hashError } from './digest/hasher.js'
import type { HashOutcome } from './digest/worker.js'
import { Root } from './repository/root.js'
import type { Scanner } from './repository/scan.js'
import { Settler } from './repository/settle.js'
import { TouchQueue } from './repository/touch-queue.js'
import type { FolderListing, FoundFile } from './repository/walk.js'
import { Watcher } from './repository/watch.js'
import { Rescans } from './rescans.js'
import { Writer, type WriterEvents } from './writer.js'

export interface IndexerOptions {
  /** The absolute path of the repository, as configured. */
  readonly root: string
  /** The real path that `root` leads to. */
  readonly realRoot: string
  readonly store: Store
  readonly scanner: Scanner
  readonly includes: PathFilter
  readonly algorithms: readonly Algorithm[]
  /** Threads that hash. */
  readonly workers: number
  /** Milliseconds for which a file must not change before it is hashed. */
  readonly settle: number
  /** How changes are followed: by watches, by repeated scans, or not at all. */
  readonly watch: Watch
  /** Milliseconds between two scans of what cannot be watched. */
  readonly rescan: number
}

export interface IndexerEvents extends WriterEvents {
  /** The root leads to another folder now. A new indexer is needed for that folder. */
  moved(): void
}

/** Progress of the index. */
export interface Progress {
  /** Files and bytes that scans have seen so far. */
  readonly seen: { readonly files: number; readonly bytes: number }
  /** Files and bytes that wait to be hashed. */
  readonly pending: { readonly files: number; readonly bytes: number }
  /**
   * Files hashed since the start, and bytes read since then, including those of unfinished files.
   */
  readonly hashed: { readonly files: number; readonly bytes: number }
}

/**
 * Files waiting to be hashed, or changes waiting to be stored, at which a scan pauses. Bounds
 * memory, not speed.
 */
const MAX_WAITING = 20_000
/** Time that the event of a change may take. A change that is older was missed. */
const GRACE_MS = 2000
/** Requested files whose order in the queue is remembered. */
const MAX_REQUESTED = 10_000
/**
 * Interval at which `run` checks whether files have settled, because the settler sends no event
 * for that.
 */
const POLL_MS = 50
/**
 * Settling times that `run` waits for files that keep changing: a file written without pause must
 * not delay `ready`.
 */
const MAX_SETTLING_TIMES = 10

/** Keeps the index equal to the files on disk: scans and watches, hashes, and stores. */
export class Indexer {
  readonly #options: IndexerOptions
  readonly #events: IndexerEvents
  readonly #root: Root
  readonly #touches = new TouchQueue((path, renamed) => this.touch(path, renamed))
  readonly #settler: Settler
  readonly #watcher: Watcher | undefined
  readonly #hasher: Hasher
  readonly #writer: Writer
  readonly #rescans: Rescans
  /** Requested files that have not settled: they are hashed before others. */
  readonly #requested = new Set<string>()
  /** Folders that the last scan could not read. */
  readonly #unread = new Set<string>()
  /** Files that could not be hashed: that they are not in the index proves nothing. */
  readonly #unhashable = new Set<string>()
  #hasWarned = false
  #seen = { files: 0, bytes: 0 }
  #hashedFiles = 0
  #closed = false
  /** Resumes a scan, or `run`, that waits for the queues to get shorter. */
  #wake: (() => void) | undefined

  constructor(options: IndexerOptions, events: IndexerEvents) {
    this.#options = options
    this.#events = events
    const {
      root: configuredRoot,
      realRoot: root,
      store,
      algorithms,
      workers,
      settle,
      watch,
      rescan,
    } = options
    this.#hasher = new Hasher({ root, algorithms }, workers, (outcomes) => this.#hashed(outcomes))
    this.#writer = new Writer(store, events)
    this.#settler = new Settler(root, settle, {
      file: (path, identity, target) => this.#settled(path, identity, target),
      folder: (path, renamed) => {
        // Only its mode, owner or times changed: what is in it reports its own changes.
        if (!renamed && this.#watcher?.has(path) && !this.#unread.has(path)) return
        // It may be another folder of the same name; the watch of the old one is then dead.
        this.#watcher?.removeFolder(path)
        this.#rescans.add(path)
      },
      gone: (path) => this.#gone(path),
      unreadable: (path, reason) => this.#warn(hashError(path, reason)),
    })
    if (watch === true) {
      this.#watcher = new Watcher(root, {
        touched: (path, renamed) => this.#touches.add(path, renamed),
        warning: events.warning,
      })
    }
    this.#rescans = new Rescans(
      {
        scan: (folder) => this.#scan(folder),
        retryUnwatched: () => this.#retryUnwatched(),
        verify: () => this.#verify(),
        warning: (error) => this.#warn(error),
      },
      watch === false ? undefined : rescan,
    )
    this.#root = new Root(configuredRoot, root, {
      missing: () => this.#warn(missingRoot(configuredRoot)),
      restored: () => {
        this.#watcher?.removeFolder('')
        this.rescan()
      },
      moved: () => events.moved(),
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
   * Runs the first pass. When it ends, the store has every file on disk, except files that keep
   * changing.
   *
   * @throws MirroredByError ERR_SCAN if the scan fails as a whole
   */
  async run(): Promise<void> {
    const storedFolders = await this.#options.store.folders('')
    this.#root.start(storedFolders.length > 0)
    await this.#scan('')
    const deadline = performance.now() + MAX_SETTLING_TIMES * this.#options.settle
    while (!this.#closed && this.#isBusy() && (this.#hasher.files > 0 || performance.now() < deadline)) {
      await this.#nextChange()
    }
    await this.#writer.flush()
  }

  /** Returns whether a path waits to be hashed, is being hashed, or waits to be stored. */
  isPending(path: string): boolean {
    return this.#hasher.has(path) || this.#writer.has(path)
  }

  /**
   * Checks a path of the repository again, because it changed or its file differs from the index.
   *
   * @param renamed whether the path appeared or disappeared
   */
  touch(path: string, renamed = false): void {
    if (!this.#closed && includesWholePath(this.#options.includes, path)) this.#settler.touch(path, renamed)
  }

  /**
   * Checks a path again, because its file was requested and differs from the index. The file is
   * hashed before others.
   *
   * @param isSettled whether the last write was long ago, although the ctime is new
   */
  request(path: string, isSettled: boolean): void {
    if (this.#requested.size >= MAX_REQUESTED) this.#requested.clear()
    this.#requested.add(path)
    this.touch(path, isSettled)
  }

  /** Hashes a file that waits before others. */
  expedite(path: string): void {
    this.#hasher.expedite(path)
  }

  /** Checks now whether the root leads to another folder. */
  checkRoot(): void {
    this.#root.check()
  }

  /** Scans the whole repository again, because the index may have lost a part of it. */
  rescan(): void {
    this.#rescans.add('')
  }

  /** Ends every watch, timer and thread. Files that are hashed already are stored. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wake?.()
    this.#root.close()
    this.#touches.close()
    this.#settler.close()
    const rescanned = this.#rescans.close()
    await Promise.all([this.#watcher?.close(), this.#hasher.close(), this.#options.scanner.close()])
    await rescanned
    await this.#writer.close()
  }

  #isBusy(): boolean {
    return (
      this.#touches.size > 0 || this.#hasher.files > 0 || this.#settler.size > 0 || this.#rescans.isRunning
    )
  }

  /** Settles when files are hashed, or after `POLL_MS`. */
  async #nextChange(): Promise<void> {
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
      if (listing.error === undefined) {
        this.#unread.delete(listing.folder)
        await this.#compare(listing)
      } else {
        this.#unread.add(listing.folder)
        unread.push(listing.folder)
        this.#warn(
          new MirroredByError(
            'ERR_SCAN',
            `cannot read the folder ${JSON.stringify(listing.folder || '.')} of ${this.#options.root}: ` +
              `${listing.error}; its files in the index are kept`,
          ),
        )
      }
      while (this.#isFull() && !this.#closed) await this.#nextChange()
    }
    this.#root.check()
    if (this.#root.isMissing || this.#closed) return
    for (const stored of await this.#options.store.folders(folder)) {
      if (!listed.has(stored) && !unread.some((path) => isWithin(stored, { folder: path })))
        this.#removeFolder(stored)
    }
  }

  /**
   * Starts watches before the scan: changes from then on are events, and earlier ones are seen by
   * the scan.
   */
  async #watchFolders(folder: string): Promise<void> {
    if (this.#watcher === undefined) return
    const started: Promise<boolean>[] = []
    for await (const { folder: path, realFolder } of this.#options.scanner.scan(folder, true)) {
      if (this.#closed) return
      started.push(this.#watcher.addFolder(path, realFolder))
    }
    await Promise.all(started)
  }

  /** Watches the target of a symbolic link. */
  #watchLink(path: string, target: string): void {
    void this.#watcher?.addLink(path, target).then((isNew) => {
      if (isNew) this.touch(path)
    })
  }

  /**
   * Compares the watched folders with the disk. The queue of events may have overflowed while this
   * process stood still, of which Node does not tell; a file system may report nothing; a disk may
   * be mounted over a folder. After a missed change everything is scanned.
   */
  async #verify(): Promise<void> {
    const watcher = this.#watcher
    if (watcher === undefined || this.#root.isMissing || this.#closed || this.#touches.size > 0) return
    // What the system refuses to watch is scanned, and was warned of.
    const unwatched = new Set(watcher.unwatched)
    let hasMissed = false
    for (const { folder, kind } of await this.#options.scanner.verify()) {
      if (this.#closed || !watcher.has(folder) || unwatched.has(folder)) continue
      if (kind === 'gone') this.#gone(folder)
      else if (kind === 'replaced') {
        watcher.removeFolder(folder)
        hasMissed = true
      } else if (await this.#verifyFolder(folder, watcher)) hasMissed = true
    }
    if (!hasMissed || this.#closed) return
    if (!this.#hasWarned) this.#warn(missedChanges(this.#options.root))
    this.#hasWarned = true
    this.rescan()
  }

  /** Returns whether an event of a folder was missed. */
  async #verifyFolder(folder: string, watcher: Watcher): Promise<boolean> {
    const listing = await this.#options.scanner.list(folder)
    if (listing === undefined || listing.error !== undefined || this.#closed) return false
    const hasMissedFile = await this.#compare(listing)
    const missed = (listing.subfolders ?? []).filter(
      (path) => !watcher.has(path) && isOlder(join(this.#options.realRoot, path)),
    )
    return hasMissedFile || missed.length > 0
  }

  #isMissed({ path, identity }: FoundFile, indexed: Identity | undefined): boolean {
    if (indexed !== undefined && sameExceptCtime(indexed, identity)) return false
    if (this.isPending(path) || this.#settler.has(path) || this.#unhashable.has(path)) return false
    return Date.now() - changedAt(identity) > GRACE_MS
  }

  /** Returns whether the event of a change may have been missed. */
  async #compare(listing: FolderListing): Promise<boolean> {
    const { folder, realFolder, files } = listing
    // The folder appeared after `#watchFolders`: scan it again, now that it is watched.
    if (await this.#watcher?.addFolder(folder, realFolder)) this.#rescans.add(folder)
    let hasMissed = false
    const stored = new Map<string, { identity: Identity; algorithms: readonly Algorithm[] }>()
    for (const file of await this.#options.store.list(folder)) stored.set(joinPath(folder, file.name), file)
    for (const found of files) {
      this.#seen.files += 1
      this.#seen.bytes += found.identity.size
      if (found.target !== undefined) this.#watchLink(found.path, found.target)
      const entry = stored.get(found.path)
      stored.delete(found.path)
      if (entry === undefined || !this.#isCurrent(found, entry.identity, entry.algorithms)) {
        hasMissed ||= this.#isMissed(found, entry?.identity)
        this.#settler.found(found.path, found.identity, found.target)
      }
    }
    if (stored.size === 0) return hasMissed
    this.#root.check()
    if (this.#root.isMissing) return false
    for (const path of stored.keys()) this.#writer.add({ kind: 'remove', path })
    return hasMissed
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
    if (target !== undefined) this.#watchLink(path, target)
    this.#hasher.add(path, identity.size)
    if (this.#requested.delete(path)) this.#hasher.expedite(path)
  }

  #hashed(outcomes: readonly HashOutcome[]): void {
    for (const { path, digested, changed, error } of outcomes) {
      if (digested !== undefined) {
        this.#hashedFiles += 1
        const { identity, digests, pieces } = digested
        this.#unhashable.delete(path)
        this.#writer.add({ kind: 'put', file: { path, identity, digests }, pieces })
      } else if (changed) {
        this.#settler.touch(path)
      } else {
        this.#unhashable.add(path)
        this.#warn(hashError(path, error))
      }
    }
    this.#wake?.()
  }

  async #retryUnwatched(): Promise<readonly string[]> {
    if (this.#watcher === undefined) return ['']
    const { unwatched } = this.#watcher
    await this.#watcher.retry()
    return unwatched
  }

  #gone(path: string): void {
    // If the root is missing, all of its files are; they stay in the index, because the root may
    // be restored.
    this.#root.check()
    if (this.#root.isMissing) return
    this.#hasher.drop(path)
    this.#requested.delete(path)
    void this.#removeGone(path).catch((error: unknown) =>
      this.#events.warning(storeError('cannot be read', error)),
    )
  }

  async #removeGone(path: string): Promise<void> {
    const file = await this.#options.store.get(path)
    if (file !== undefined || this.#writer.has(path)) this.#writer.add({ kind: 'remove', path })
    // A path that is not an indexed file may have been a folder. Watches also report paths that
    // never were: a folder reports changes of itself as if it were in itself.
    if (file === undefined && (await this.#hasFolder(path))) this.#removeFolder(path)
  }

  async #hasFolder(folder: string): Promise<boolean> {
    if (this.#watcher?.has(folder) !== false) return true
    return (await this.#options.store.folders(folder)).length > 0
  }

  #removeFolder(folder: string): void {
    this.#unread.delete(folder)
    this.#watcher?.removeFolder(folder)
    this.#hasher.dropFolder(folder)
    this.#writer.add({ kind: 'removeFolder', folder })
  }

  #warn(error: MirroredByError): void {
    if (!this.#closed) this.#events.warning(error)
  }
}

function missingRoot(root: string): MirroredByError {
  return new MirroredByError(
    'ERR_ROOT',
    `${root} is missing, or empty like a mount point without its disk; the index is kept until it is back`,
  )
}

/** Returns whether a path exists, and its last change is older than the time of an event. */
function isOlder(absolute: string): boolean {
  try {
    return Date.now() - lstatSync(absolute).ctimeMs > GRACE_MS
  } catch {
    return false
  }
}

function missedChanges(root: string): MirroredByError {
  return new MirroredByError(
    'ERR_WATCH',
    `changes below ${root} were not reported by its watches, and are made good by a scan: the queue of events was full, or ` +
      'the file system reports none; raise the sysctl fs.inotify.max_queued_events, or set the option `watch` to `rescan`',
  )
}
