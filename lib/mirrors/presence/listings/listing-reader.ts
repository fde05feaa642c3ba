import { errorMessage } from '../../../errors.js'
import { quote, replaceUnprintable } from '../../../message-text.js'
import { timerDelay } from '../../../network/time-limit.js'
import { createPathFilter, includesWholePath, joinPath, type PathFilter, splitPath } from '../../../paths.js'
import { copyOf, nameProblem, quoteFolder } from './file-names.js'
import { FolderLog } from './folder-log.js'
import type { Listed, Listing, ListingLimits, ListingOptions, ListingOutcome, RemoteFile } from './listing.js'
import { SymlinkMap } from './symlinks.js'

const DEFAULT_LIMITS: ListingLimits = {
  totalMs: 3_600_000,
  idleMs: 60_000,
  maxFiles: 10_000_000,
  maxFolders: 250_000,
  maxLinks: 100_000,
  maxLinkLength: 16_000_000,
  maxBytes: 4 * 1024 ** 3,
  maxDepth: 64,
}

const BATCH_FILES = 250
/** Batches that wait for the consumer before the producer has to wait. */
const MAX_WAITING_BATCHES = 4
const MAX_PROBLEMS = 50
/** As on Linux, with which most mirrors run. V8 hashes much longer texts by their length alone. */
const MAX_PATH_BYTES = 4096
const MAX_MESSAGE_LENGTH = 1000

/** Aborts a listing. The message is the reason that the outcome reports. */
export class ListingAborted extends Error {}

/**
 * Makes a listing from a producer's work.
 *
 * @param work adds files to the reader until all are listed. When `reader.signal` aborts, the work
 * must end soon and release what it holds. Its error is the reason why the listing is incomplete.
 */
export function createListing(
  options: ListingOptions,
  work: (reader: ListingReader) => Promise<void>,
): Listing {
  let settle: (outcome: ListingOutcome) => void
  const outcome = new Promise<ListingOutcome>((resolve) => {
    settle = resolve
  })

  async function* read(): AsyncGenerator<readonly RemoteFile[], void> {
    const reader = new ListingReader(options)
    const working = reader.run(work)
    try {
      for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) yield batch
    } finally {
      reader.stop('its reader stopped')
      await working
      settle(reader.outcome())
    }
  }

  const batches = read()
  return { outcome, [Symbol.asyncIterator]: () => batches }
}

/** A running listing: passes files from a producer to a consumer, and enforces the limits. */
export class ListingReader {
  readonly limits: ListingLimits
  readonly links: SymlinkMap
  readonly folders = new FolderLog()
  /** Returns whether a folder is listed. */
  readonly wantsFolder: (path: string) => boolean
  /** Aborts when the listing must end, for any reason. */
  readonly signal: AbortSignal
  readonly #includes: PathFilter
  readonly #controller = new AbortController()
  readonly #outerSignal: AbortSignal | undefined
  readonly #batches: (readonly RemoteFile[])[] = []
  readonly #problems: string[] = []
  #batch: RemoteFile[] = []
  #ended = false
  #reason: string | undefined
  #stopped = false
  #linkLength = 0
  #files = 0
  #folders = 0
  #bytes = 0
  #problemCount = 0
  #secret = ''
  #lastFolder = ''
  #lastIncluded = true
  #wakeConsumer = (): void => {}
  #wakeProducers: (() => void)[] = []

  constructor(options: ListingOptions) {
    const { totalMs, idleMs, ...counts } = { ...DEFAULT_LIMITS, ...options.limits }
    this.limits = { ...counts, totalMs: timerDelay(totalMs), idleMs: timerDelay(idleMs) }
    this.signal = this.#controller.signal
    this.#outerSignal = options.signal
    this.#includes = options.includes ?? createPathFilter([])
    this.links = new SymlinkMap(this.#includes)
    this.wantsFolder = options.wantsFolder ?? (() => true)
  }

  /** Runs the work within the time limit. Never rejects. */
  async run(work: (reader: ListingReader) => Promise<void>): Promise<void> {
    const { totalMs } = this.limits
    const timer = setTimeout(() => this.stop(`it took longer than ${totalMs / 1000} s`), totalMs)
    const abort = (): void => this.stop('it was aborted')
    this.#outerSignal?.addEventListener('abort', abort)
    try {
      if (this.#outerSignal?.aborted) abort()
      else await work(this)
    } catch (error) {
      this.stop(errorMessage(error))
    }
    clearTimeout(timer)
    this.#outerSignal?.removeEventListener('abort', abort)
    if (this.#batch.length > 0) this.#batches.push(this.#batch)
    this.#ended = true
    this.#wakeConsumer()
  }

  /** Sets a text that messages must not show. */
  redact(secret: string): void {
    this.#secret = secret
  }

  /**
   * Aborts the listing. Only the first reason counts; calls after the end of the work are ignored.
   */
  stop(reason: string): void {
    if (this.#ended) return
    this.#reason ??= this.#clean(reason)
    this.#stopped = true
    this.#controller.abort()
    this.#wakeAllProducers()
  }

  /**
   * Returns the repository path of a name that a mirror lists in one of its folders.
   *
   * @returns undefined if the path does not belong to the repository
   */
  pathOf(folder: string, name: string): string | undefined {
    const problem = nameProblem(name)
    if (problem !== undefined) {
      this.remark(`${quote(name)} in ${quoteFolder(folder)} ${problem}`)
      return undefined
    }
    const path = joinPath(folder, name)
    if (this.#isTooLong(path)) return undefined
    return this.#includes(path) ? path : undefined
  }

  #isTooLong(path: string): boolean {
    const isLong = path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES
    if (isLong) this.remark(`${quote(path)} is longer than ${MAX_PATH_BYTES} bytes`)
    return isLong
  }

  /** Checks a whole path below the mirror's base as `pathOf` checks a name. */
  wholePathOf(path: string): string | undefined {
    if (this.#isTooLong(path)) return undefined
    const problem = path
      .split('/')
      .map(nameProblem)
      .find((reason) => reason !== undefined)
    if (problem !== undefined) {
      this.remark(`${quote(path)} ${problem}`)
      return undefined
    }
    return this.#includesFolder(splitPath(path)[0]) && this.#includes(path) ? path : undefined
  }

  /** Caches the last result, because listings go folder by folder. */
  #includesFolder(folder: string): boolean {
    if (folder !== this.#lastFolder) {
      this.#lastFolder = folder
      this.#lastIncluded = folder === '' || includesWholePath(this.#includes, folder)
    }
    return this.#lastIncluded
  }

  /** @throws ListingAborted if there are more than `maxFiles` files */
  addFile(path: string, listed: Listed, isClosed = false): void {
    if (this.#files === this.limits.maxFiles)
      throw new ListingAborted(`it lists more than ${this.limits.maxFiles} files`)
    this.#files += 1
    const { size, sizePrecision, mtime, mtimePrecision } = listed
    const file = { path, size, sizePrecision, mtime, mtimePrecision }
    this.#batch.push(isClosed ? { ...file, isClosed } : file)
    if (this.#batch.length < BATCH_FILES) return
    this.#batches.push(this.#batch)
    this.#batch = []
    this.#wakeConsumer()
  }

  /** @throws ListingAborted if there are more than `maxFolders` folders */
  addFolder(): void {
    if (this.#folders === this.limits.maxFolders)
      throw new ListingAborted(`it lists more than ${this.limits.maxFolders} folders`)
    this.#folders += 1
  }

  /** @throws ListingAborted if there are too many links, or their texts are too long together */
  addLink(path: string, target: string | undefined): void {
    const { maxLinks, maxLinkLength } = this.limits
    if (this.links.size === maxLinks) throw new ListingAborted(`it lists more than ${maxLinks} links`)
    const usable = target !== undefined && target.length <= MAX_PATH_BYTES ? target : undefined
    this.#linkLength += path.length + (usable?.length ?? 0)
    if (this.#linkLength > maxLinkLength)
      throw new ListingAborted(`it lists links of more than ${maxLinkLength} characters`)
    this.links.add(copyOf(path), usable === undefined ? undefined : copyOf(usable))
  }

  /** @throws ListingAborted if there are more than `maxBytes` bytes */
  addBytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.limits.maxBytes)
      throw new ListingAborted(`it sends more than ${this.limits.maxBytes} bytes`)
  }

  /** Reports a problem that leaves the listing complete. */
  remark(problem: string): void {
    this.#problemCount += 1
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(this.#clean(problem))
  }

  /** Reports a problem that makes the listing incomplete. The listing goes on. */
  markIncomplete(problem: string): void {
    this.remark(problem)
    this.#reason ??= this.#clean(problem)
  }

  /**
   * Waits until the consumer has taken enough batches.
   *
   * @throws the signal's reason if the listing is aborted
   */
  async waitForRoom(): Promise<void> {
    while (this.#batches.length >= MAX_WAITING_BATCHES && !this.signal.aborted)
      await new Promise<void>((resolve) => this.#wakeProducers.push(resolve))
    this.signal.throwIfAborted()
  }

  /** Returns the next batch to the consumer; undefined at the end. */
  async next(): Promise<readonly RemoteFile[] | undefined> {
    for (;;) {
      const batch = this.#batches.shift()
      this.#wakeAllProducers()
      if (batch !== undefined || this.#ended) return batch
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve
      })
    }
  }

  outcome(): ListingOutcome {
    return {
      complete: this.#reason === undefined,
      ended: !this.#stopped,
      folders: this.folders,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      files: this.#files,
      bytes: this.#bytes,
      problems: this.#problems,
      problemCount: this.#problemCount,
      links: this.links,
    }
  }

  #clean(message: string): string {
    const shown = replaceUnprintable(message).slice(0, MAX_MESSAGE_LENGTH)
    return this.#secret === '' ? shown : shown.replaceAll(this.#secret, '***')
  }

  #wakeAllProducers(): void {
    const wakes = this.#wakeProducers
    this.#wakeProducers = []
    for (const wake of wakes) wake()
  }
}
