import { errorMessage } from '../../../errors.js'
import { quote, replaceUnprintable } from '../../../message-text.js'
import { timerDelay } from '../../../network/time-limit.js'
import { createPathFilter, includesWholePath, joinPath, type PathFilter, splitPath } from '../../../paths.js'
import { quoteFolder, unusable } from './file-names.js'
import type { Listed, Listing, ListingLimits, ListingOptions, ListingOutcome, RemoteFile } from './listing.js'
import { SymlinkMap } from './symlinks.js'

const DEFAULT_LIMITS: ListingLimits = {
  total: 3_600_000,
  idle: 60_000,
  files: 10_000_000,
  folders: 250_000,
  links: 100_000,
  bytes: 4 * 1024 ** 3,
  depth: 64,
}

const BATCH = 250
/** Batches that wait for the reader before the scanner does. */
const MAX_WAITING_FILES = 4
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
  work: (scan: ListingReader) => Promise<void>,
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
  readonly #outside: AbortSignal | undefined
  readonly #full: (readonly RemoteFile[])[] = []
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
  #wakeReader = (): void => {}
  #wakeWorkers: (() => void)[] = []

  constructor(options: ListingOptions) {
    const { total, idle, ...others } = { ...DEFAULT_LIMITS, ...options.limits }
    this.limits = { ...others, total: timerDelay(total), idle: timerDelay(idle) }
    this.signal = this.#controller.signal
    this.#outside = options.signal
    this.#includes = options.includes ?? createPathFilter([])
    this.links = new SymlinkMap(this.#includes)
  }

  /** Does the work within the time that it has. Never rejects. */
  async run(work: (scan: ListingReader) => Promise<void>): Promise<void> {
    const { total } = this.limits
    const timer = setTimeout(() => this.stop(`it took longer than ${total / 1000} s`), total)
    const abort = (): void => this.stop('it was aborted')
    this.#outside?.addEventListener('abort', abort)
    try {
      if (this.#outside?.aborted) abort()
      else await work(this)
    } catch (error) {
      this.stop(errorMessage(error))
    }
    clearTimeout(timer)
    this.#outside?.removeEventListener('abort', abort)
    if (this.#batch.length > 0) this.#full.push(this.#batch)
    this.#ended = true
    this.#wakeReader()
  }

  /** What no message may show. */
  hide(secret: string): void {
    this.#secret = secret
  }

  /** Ends the scan. The first reason counts; after the end of the work, none does. */
  stop(why: string): void {
    if (this.#ended) return
    this.#reason ??= this.#clean(why)
    this.#controller.abort()
    this.#wake()
  }

  /**
   * The repository path of something that a mirror lists in one of its folders.
   *
   * @returns undefined where it does not belong to the repository
   */
  pathOf(folder: string, name: string): string | undefined {
    const why = unusable(name)
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
      .map(unusable)
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
    if (this.#files === this.limits.files)
      throw new ListingAborted(`it lists more than ${this.limits.files} files`)
    this.#files += 1
    const { size, sizePrecision, mtime, mtimePrecision } = listed
    this.#batch.push({ path, size, sizePrecision, mtime, mtimePrecision })
    if (this.#batch.length < BATCH) return
    this.#full.push(this.#batch)
    this.#batch = []
    this.#wakeReader()
  }

  /** @throws Halt where there are too many */
  addFolder(): void {
    if (this.#folders === this.limits.folders)
      throw new ListingAborted(`it lists more than ${this.limits.folders} folders`)
    this.#folders += 1
  }

  /** @throws Halt where there are too many */
  addLink(path: string, target: string | undefined): void {
    if (this.links.size === this.limits.links)
      throw new ListingAborted(`it lists more than ${this.limits.links} links`)
    this.links.add(path, target)
  }

  /** @throws Halt where there are too many */
  addBytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.limits.bytes)
      throw new ListingAborted(`it sends more than ${this.limits.bytes} bytes`)
  }

  /** Something was odd, and nothing of the repository is missing for it. */
  remark(problem: string): void {
    this.#problemCount += 1
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(this.#clean(problem))
  }

  /** Something could not be read: the listing goes on, and is not complete. */
  lose(problem: string): void {
    this.remark(problem)
    this.#reason ??= this.#clean(problem)
  }

  /**
   * Waits until the reader has taken enough of what was given.
   *
   * @throws where the scan is to end
   */
  async room(): Promise<void> {
    while (this.#full.length >= MAX_WAITING_FILES && !this.signal.aborted)
      await new Promise<void>((resolve) => this.#wakeWorkers.push(resolve))
    this.signal.throwIfAborted()
  }

  /** For the reader: the next batch, or undefined at the end. */
  async next(): Promise<readonly RemoteFile[] | undefined> {
    for (;;) {
      const batch = this.#full.shift()
      this.#wake()
      if (batch !== undefined || this.#ended) return batch
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
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

  #wake(): void {
    const waiting = this.#wakeWorkers
    this.#wakeWorkers = []
    for (const wake of waiting) wake()
  }
}
