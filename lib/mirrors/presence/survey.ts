import { sameIdentity } from '../../identity.js'
import type { Random } from '../../model.js'
import { splitPath } from '../../paths.js'
import { compare, timesOf } from './compare.js'
import { type FileSample, SampleTaker } from './file-sample.js'
import type { FileState, SurveyedSets } from './files.js'
import type { IndexedName, IndexReader } from './index-reader.js'
import type { KnownFolders } from './known-folders.js'
import type { FolderLog } from './listings/folder-log.js'
import type { Listed, Listing, ListingOutcome, RemoteFile } from './listings/listing.js'
import type { SymlinkMap } from './listings/symlinks.js'
import { findOffset, type TimePair } from './offset.js'
import type { BlockPool } from './sets/block-pool.js'
import { NumberSet } from './sets/number-set.js'
import { yieldToRequests } from './yield-to-requests.js'

export interface SurveyDependencies {
  readonly index: IndexReader
  readonly folders: KnownFolders
  /** Returns true for paths that match the globs of a partial mirror. */
  readonly carries: (path: string) => boolean
  /**
   * Whether a file that is not listed does not exist. Not so for HTTP: web servers hide some names
   * from their indexes, and a listing cannot follow links.
   */
  readonly isExhaustive: boolean
  /** Whether the listing's times are in UTC, not in the mirror's time zone. */
  readonly isUtc: boolean
  /** Pool of blocks that all sets share. */
  readonly blocks: BlockPool
  readonly random: Random
}

/** Earlier knowledge of a mirror's files, and the receiver of a survey's results. */
export interface SurveyTarget {
  stateOf(number: number): FileState
  /** Whether a check of the file has shown that the mirror holds it. */
  isConfirmed(number: number): boolean
  /** Sets the state of a file by a listing that is being read. */
  markListed(number: number, state: 'held' | 'stale'): void
  /** Waits until the receiver takes more results; undefined if it does already. */
  room(): Promise<void> | undefined
  /**
   * Replaces all states by the results.
   *
   * @param last highest content number in the index
   * @param unsure contents of which the listing gives no certain result
   * @param closed contents that modes deny to other users of the mirror's machine
   */
  replace(found: SurveyedSets, last: number, unsure: NumberSet, closed: NumberSet): void
}

export interface SurveyResult {
  readonly outcome: Omit<ListingOutcome, 'links' | 'folders'>
  /**
   * Offset of the mirror's times in milliseconds; undefined if the mirror does not keep our times.
   */
  readonly offset: number | undefined
  /**
   * Whether files were compared with another offset, which the first few thousand entries
   * suggested.
   */
  readonly offsetChanged: boolean
  /** Number of our files for which the listing gives no certain result. Checks may give one. */
  readonly unsure: number
  /** Held files by which it is checked whether the mirror gives what it lists. */
  readonly sample: FileSample
}

/** Names that FTP servers do not list, and that we do not ask rsync for. */
const HIDDEN = /(?:^|\/)\./

/** Size of the sample of times by which an offset is found. */
const MAX_PAIRS = 5000
/**
 * How often a folder of the index is read on average before the listing is ended: its order makes
 * each line cost a read.
 */
const MAX_READS_PER_FOLDER = 10
const MIN_READS = 1000

/**
 * Compares a mirror's listing with the index, and marks its files. Listed files are marked while
 * the listing is read; absent files are marked at its end, if the folder in which they should be
 * was read. Of other files, earlier knowledge stays.
 *
 * @param previousOffset offset of the mirror's times in the last survey, in case the first entries
 * show none
 */
export async function survey(
  listing: Listing,
  files: SurveyTarget,
  previousOffset: number | undefined,
  dependencies: SurveyDependencies,
): Promise<SurveyResult> {
  const comparison = new ListingComparison(files, previousOffset, dependencies)
  let problem: string | undefined
  for await (const batch of listing) {
    problem = await comparison.take(batch)
    if (problem !== undefined) break
  }
  const { links, folders, ...outcome } = await listing.outcome
  const { offset, offsetChanged } = await comparison.finish()
  const ended = outcome.ended && problem === undefined
  if (folders.hasRead || ended) await comparison.conclude(links, folders, ended)
  const checked = problem === undefined ? outcome : { ...outcome, complete: false, ended, reason: problem }
  const { unsure, sample } = comparison
  return { outcome: checked, offset, offsetChanged, unsure, sample: sample.taken }
}

/** An entry of a listing without its path, which is a slice that would keep a whole chunk. */
interface ListedEntry extends Listed {
  readonly isClosed: boolean
}

class ListingComparison {
  readonly #files: SurveyTarget
  readonly #dependencies: SurveyDependencies
  readonly #previousOffset: number | undefined
  readonly #held: NumberSet
  readonly #stale: NumberSet
  /** Files whose entries do not show whether the copy is ours. */
  readonly #unsure: NumberSet
  /** Files that modes deny to other users of the mirror's machine. */
  readonly #closed: NumberSet
  readonly #pairs: TimePair[] = []
  #pairCount = 0
  /** Entries that wait until the offset is known; undefined afterwards. */
  #waiting: { readonly file: IndexedName; readonly listed: ListedEntry }[] | undefined = []
  #offset: number | undefined
  #reads = 0
  unsure = 0
  readonly sample: SampleTaker

  constructor(files: SurveyTarget, previousOffset: number | undefined, dependencies: SurveyDependencies) {
    this.#files = files
    this.#dependencies = dependencies
    this.#previousOffset = previousOffset
    const set = () => new NumberSet(dependencies.blocks)
    this.#held = set()
    this.#stale = set()
    this.#unsure = set()
    this.#closed = set()
    this.sample = new SampleTaker(dependencies.random)
  }

  /** @returns why the listing should end; undefined if it should go on */
  async take(batch: readonly RemoteFile[]): Promise<string | undefined> {
    const { index, carries, folders } = this.#dependencies
    for (const remote of batch) {
      const pause = yieldToRequests()
      if (pause !== undefined) await pause
      const [name] = splitPath(remote.path)
      if (!folders.has(name)) continue
      const read = index.folder(name)
      if (read instanceof Promise) this.#reads += 1
      const folder = read instanceof Promise ? await read : read
      const file = folder.get(remote.path)
      if (file === undefined || !carries(file.path)) continue
      this.#match(file, remote)
      if (this.#waiting !== undefined && this.#waiting.length >= MAX_PAIRS) await this.#decide()
      const room = this.#files.room()
      if (room !== undefined) await room
    }
    return this.#reads > MIN_READS + MAX_READS_PER_FOLDER * folders.size
      ? 'it lists files of one folder between files of others, again and again'
      : undefined
  }

  /** Compares what is left at the end of the listing. */
  async finish(): Promise<Pick<SurveyResult, 'offset' | 'offsetChanged'>> {
    await this.#decide()
    const offset = findOffset(this.#pairs)
    return { offset, offsetChanged: offset !== undefined && offset !== this.#offset }
  }

  /**
   * Sets the states of all files, also of those that the listing does not contain.
   *
   * @param ended whether the listing ran to its end, so that checks of unsure files follow
   */
  async conclude(links: SymlinkMap, folders: FolderLog, ended: boolean): Promise<void> {
    const absent = new NumberSet(this.#dependencies.blocks)
    const unsure = new NumberSet(this.#dependencies.blocks)
    let last = -1
    for await (const page of this.#dependencies.index.all()) {
      for (const file of page) {
        last = Math.max(last, file.number)
        if (this.#held.has(file.number)) this.sample.add(file)
        if (this.#held.has(file.number) || this.#stale.has(file.number)) continue
        if (!this.#dependencies.carries(file.path)) continue
        const other = await this.#stateOfOther(file, links, folders)
        const { isSure } = other
        const state = isSure || ended ? other.state : this.#files.stateOf(file.number)
        if (state === 'held') this.#held.add(file.number)
        else if (state === 'stale') this.#stale.add(file.number)
        else if (state === 'absent') absent.add(file.number)
        if (!isSure) unsure.add(file.number)
      }
    }
    this.unsure = unsure.size
    this.#files.replace({ held: this.#held, stale: this.#stale, absent }, last, unsure, this.#closed)
  }

  #match(file: IndexedName, remote: RemoteFile): void {
    if (remote.sizePrecision === 0 && remote.size === file.identity.size && remote.mtime !== undefined)
      this.#addPair(timesOf(file.identity).mtimeMs, remote)
    const { size, sizePrecision, mtime, mtimePrecision, isClosed = false } = remote
    const listed = { size, sizePrecision, mtime, mtimePrecision, isClosed }
    if (this.#waiting === undefined) this.#judge(file, listed)
    else this.#waiting.push({ file, listed })
  }

  /**
   * Adds a pair to the sample, in which every pair has the same chance to be (reservoir sampling).
   */
  #addPair(mtimeMs: number, { size, sizePrecision, mtime, mtimePrecision }: RemoteFile): void {
    this.#pairCount += 1
    const isFew = this.#pairs.length < MAX_PAIRS
    const index = isFew ? this.#pairs.length : Math.floor(this.#dependencies.random() * this.#pairCount)
    if (index >= MAX_PAIRS) return
    this.#pairs[index] = { mtimeMs, listed: { size, sizePrecision, mtime, mtimePrecision } }
  }

  async #decide(): Promise<void> {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.#offset =
      findOffset(this.#pairs) ?? this.#previousOffset ?? (this.#dependencies.isUtc ? 0 : undefined)
    for (const { file, listed } of waiting) {
      await yieldToRequests()
      this.#judge(file, listed)
      await this.#files.room()
    }
  }

  #judge({ number, identity }: IndexedName, listed: ListedEntry): void {
    const verdict = compare(timesOf(identity), listed, this.#offset)
    if (verdict === 'differs' || verdict === 'earlier') {
      // If a file is listed twice, the worse result counts.
      this.#held.delete(number)
      if (this.#stale.add(number)) this.#files.markListed(number, 'stale')
    } else if (listed.isClosed) {
      this.#held.delete(number)
      this.#closed.add(number)
    } else if (verdict === 'unsure') this.#unsure.add(number)
    else if (!this.#stale.has(number) && !this.#closed.has(number) && this.#held.add(number))
      this.#files.markListed(number, 'held')
  }

  /** Returns the state of a file that the listing does not show as held or stale. */
  async #stateOfOther(
    file: IndexedName,
    links: SymlinkMap,
    folders: FolderLog,
  ): Promise<{ readonly state: FileState; readonly isSure: boolean }> {
    const { number, path } = file
    const before = this.#files.stateOf(number)
    const isConfirmed = before === 'held' && this.#files.isConfirmed(number)
    // Only a check shows whether the server, as its own user, gives the file nevertheless.
    if (this.#closed.has(number)) return { state: isConfirmed ? 'held' : 'absent', isSure: false }
    // Keeps the result of an earlier check or listing, which the listing does not contradict.
    if (this.#unsure.has(number))
      return before === 'held' ? { state: 'held', isSure: true } : { state: 'unknown', isSure: false }
    const real = links.resolve(path)
    const isAbsent = real === path && folders.provesAbsence(splitPath(path)[0])
    if (real === path && (!isAbsent || !this.#dependencies.folders.has(splitPath(path)[0])))
      return { state: before, isSure: false }
    if (isAbsent && this.#dependencies.isExhaustive && !HIDDEN.test(path))
      return { state: 'absent', isSure: true }
    if (real !== undefined && real !== path && (await this.#holds(file, real)))
      return { state: 'held', isSure: true }
    return { state: isConfirmed ? 'held' : 'unknown', isSure: false }
  }

  /** Looks for a file behind a symbolic link that the mirror has in the same place as we do. */
  async #holds({ identity }: IndexedName, real: string): Promise<boolean> {
    const { index, folders } = this.#dependencies
    const [folder] = splitPath(real)
    if (!folders.has(folder)) return false
    const there = (await index.folder(folder)).get(real)
    return there !== undefined && this.#held.has(there.number) && sameIdentity(there.identity, identity)
  }
}
