import { errorMessage } from '../../../errors.js'
import { quote, replaceUnprintable } from '../../../message-text.js'
import { timerDelay } from '../../../network/time-limit.js'
import { createPathFilter, includesWholePath, joinPath, type PathFilter, splitPath } from '../../../paths.js'
import { nameProblem, quoteFolder } from './file-names.js'
import type { Listed, Listing, ListingLimits, ListingOptions, ListingOutcome, RemoteFile } from './listing.js'
import { SymlinkMap } from './symlinks.js'

const DEFAULT_LIMITS: ListingLimits = {
  totalMs: 3_600_000,
  idleMs: 60_000,
  maxFiles: 10_000_000,
  maxFolders: 250_000,
  maxLinks: 100_000,
  maxBytes: 4 * 1024 ** 3,
  maxDepth: 64,
}

const BATCH_FILES = 250
/** Batches that wait for the reader before the scanner does. */
const MAX_WAITING_BATCHES = 4
const MAX_PROBLEMS = 50
const MAX_MESSAGE_LENGTH = 1000

/** Ends a scan, with a reason that is meant to be read. */
export class ListingAborted extends Error {}

/**
 * Makes a listing of a scanner's work.
 *
 * @param work gives files to the scan until it is through; when `scan.signal` aborts, it ends soon, with nothing left
 * behind. What it throws is the reason why the listing is not complete.
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
    const scan = new ListingReader(options)
    const working = scan.run(work)
    try {
      for (let batch = await scan.next(); batch !== undefined; batch = await scan.next()) yield batch
    } finally {
      scan.stop('its reader stopped')
      await working
      settle(scan.outcome())
    }
  }

  const batches = read()
  return { outcome, [Symbol.asyncIterator]: () => batches }
}

/** One listing under way: takes files from a scanner, hands them to a reader, and keeps within the limits. */
export class ListingReader {
  readonly limits: ListingLimits
  readonly links: SymlinkMap
  /** Aborts when the scan is to end, whoever wished it. */
  readonly signal: AbortSignal
  readonly #includes: PathFilter
  readonly #controller = new AbortController()
  readonly #outerSignal: AbortSignal | undefined
  readonly #batches: (readonly RemoteFile[])[] = []
  readonly #problems: string[] = []
  #batch: RemoteFile[] = []
  #ended = false
  #reason: string | undefined
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
  }

  /** Does the work within the time that it has. Never rejects. */
  async run(work: (scan: ListingReader) => Promise<void>): Promise<void> {
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

  /** What no message may show. */
  redact(secret: string): void {
    this.#secret = secret
  }

  /** Ends the scan. The first reason counts; after the end of the work, none does. */
  stop(why: string): void {
    if (this.#ended) return
    this.#reason ??= this.#clean(why)
    this.#controller.abort()
    this.#wakeAllProducers()
  }

  /**
   * The repository path of something that a mirror lists in one of its folders.
   *
   * @returns undefined where it does not belong to the repository
   */
  pathOf(folder: string, name: string): string | undefined {
    const why = nameProblem(name)
    if (why !== undefined) {
      this.remark(`${quote(name)} in ${quoteFolder(folder)} ${why}`)
      return undefined
    }
    const path = joinPath(folder, name)
    return this.#includes(path) ? path : undefined
  }

  /** The same for a whole path below the mirror's base. */
  wholePathOf(path: string): string | undefined {
    const why = path
      .split('/')
      .map(nameProblem)
      .find((problem) => problem !== undefined)
    if (why !== undefined) {
      this.remark(`${quote(path)} ${why}`)
      return undefined
    }
    return this.#includesFolder(splitPath(path)[0]) && this.#includes(path) ? path : undefined
  }

  /** Listings go folder by folder: the last answer mostly is the next one. */
  #includesFolder(folder: string): boolean {
    if (folder !== this.#lastFolder) {
      this.#lastFolder = folder
      this.#lastIncluded = folder === '' || includesWholePath(this.#includes, folder)
    }
    return this.#lastIncluded
  }

  /** @throws Halt where there are too many */
  addFile(path: string, listed: Listed): void {
    if (this.#files === this.limits.maxFiles)
      throw new ListingAborted(`it lists more than ${this.limits.maxFiles} files`)
    this.#files += 1
    const { size, sizePrecision, mtime, mtimePrecision } = listed
    this.#batch.push({ path, size, sizePrecision, mtime, mtimePrecision })
    if (this.#batch.length < BATCH_FILES) return
    this.#batches.push(this.#batch)
    this.#batch = []
    this.#wakeConsumer()
  }

  /** @throws Halt where there are too many */
  addFolder(): void {
    if (this.#folders === this.limits.maxFolders)
      throw new ListingAborted(`it lists more than ${this.limits.maxFolders} folders`)
    this.#folders += 1
  }

  /** @throws Halt where there are too many */
  addLink(path: string, target: string | undefined): void {
    if (this.links.size === this.limits.maxLinks)
      throw new ListingAborted(`it lists more than ${this.limits.maxLinks} links`)
    this.links.add(path, target)
  }

  /** @throws Halt where there are too many */
  addBytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.limits.maxBytes)
      throw new ListingAborted(`it sends more than ${this.limits.maxBytes} bytes`)
  }

  /** Something was odd, and nothing of the repository is missing for it. */
  remark(problem: string): void {
    this.#problemCount += 1
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(this.#clean(problem))
  }

  /** Something could not be read: the listing goes on, and is not complete. */
  markIncomplete(problem: string): void {
    this.remark(problem)
    this.#reason ??= this.#clean(problem)
  }

  /**
   * Waits until the reader has taken enough of what was given.
   *
   * @throws where the scan is to end
   */
  async waitForRoom(): Promise<void> {
    while (this.#batches.length >= MAX_WAITING_BATCHES && !this.signal.aborted)
      await new Promise<void>((resolve) => this.#wakeProducers.push(resolve))
    this.signal.throwIfAborted()
  }

  /** For the reader: the next batch, or undefined at the end. */
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
    const waiting = this.#wakeProducers
    this.#wakeProducers = []
    for (const wake of waiting) wake()
  }
}
