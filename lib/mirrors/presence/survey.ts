import { sameIdentity } from '../../identity.js'
import type { Random } from '../../model.js'
import { splitPath } from '../../paths.js'
import { compare, timesOf } from './compare.js'
import type { MirrorFiles } from './files.js'
import type { IndexedName, IndexReader } from './index-reader.js'
import type { Listing, ListingOutcome, RemoteFile } from './listings/listing.js'
import type { SymlinkMap } from './listings/symlinks.js'
import { findOffset, type TimePair } from './offset.js'
import type { BlockPool } from './sets/block-pool.js'
import { NumberSet } from './sets/number-set.js'
import { yieldToRequests } from './yield-to-requests.js'

export interface SurveyDependencies {
  readonly index: IndexReader
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

/** Receiver of a survey's results: `MirrorFiles`, or a sink that sends them to another thread. */
export type SurveyTarget = Pick<MirrorFiles, 'stateOf' | 'markListed' | 'replace'>

export interface SurveyResult {
  readonly outcome: Omit<ListingOutcome, 'links'>
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
}

/** Size of the sample of times by which an offset is found. */
const MAX_PAIRS = 5000

/**
 * Compares a mirror's listing with the index, and marks its files. Listed files are marked while
 * the listing is read; absent files are marked at its end, and only if it is complete.
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
  for await (const batch of listing) await comparison.take(batch)
  const { links, ...outcome } = await listing.outcome
  const { offset, offsetChanged } = await comparison.finish()
  if (outcome.complete) await comparison.conclude(links)
  return { outcome, offset, offsetChanged, unsure: comparison.unsure }
}

class ListingComparison {
  readonly #files: SurveyTarget
  readonly #dependencies: SurveyDependencies
  readonly #previousOffset: number | undefined
  readonly #held: NumberSet
  readonly #stale: NumberSet
  /** Files whose entries do not show whether the copy is ours. */
  readonly #unsure: NumberSet
  readonly #pairs: TimePair[] = []
  #pairCount = 0
  /** Entries that wait until the offset is known; undefined afterwards. */
  #waiting: { readonly file: IndexedName; readonly remote: RemoteFile }[] | undefined = []
  #offset: number | undefined
  unsure = 0

  constructor(files: SurveyTarget, previousOffset: number | undefined, dependencies: SurveyDependencies) {
    this.#files = files
    this.#dependencies = dependencies
    this.#previousOffset = previousOffset
    this.#held = new NumberSet(dependencies.blocks)
    this.#stale = new NumberSet(dependencies.blocks)
    this.#unsure = new NumberSet(dependencies.blocks)
  }

  async take(batch: readonly RemoteFile[]): Promise<void> {
    const { index, carries } = this.#dependencies
    for (const remote of batch) {
      const pause = yieldToRequests()
      if (pause !== undefined) await pause
      const read = index.folder(splitPath(remote.path)[0])
      const folder = read instanceof Promise ? await read : read
      const file = folder.get(remote.path)
      if (file === undefined || !carries(file.path)) continue
      this.#match(file, remote)
      if (this.#waiting !== undefined && this.#waiting.length >= MAX_PAIRS) await this.#decide()
    }
  }

  /** Compares what is left at the end of the listing. */
  async finish(): Promise<Pick<SurveyResult, 'offset' | 'offsetChanged'>> {
    await this.#decide()
    const offset = findOffset(this.#pairs)
    return { offset, offsetChanged: offset !== undefined && offset !== this.#offset }
  }

  /** Marks files as absent that a complete listing does not contain. */
  async conclude(links: SymlinkMap): Promise<void> {
    const absent = new NumberSet(this.#dependencies.blocks)
    let last = -1
    for await (const page of this.#dependencies.index.all()) {
      for (const file of page) {
        last = Math.max(last, file.number)
        if (this.#held.has(file.number) || this.#stale.has(file.number)) continue
        if (!this.#dependencies.carries(file.path)) continue
        const there = this.#unsure.has(file.number)
          ? this.#asBefore(file)
          : await this.#behindLink(file, links)
        if (there === 'held') this.#held.add(file.number)
        else if (there === 'absent') absent.add(file.number)
        else this.unsure += 1
      }
    }
    this.#files.replace({ held: this.#held, stale: this.#stale, absent }, last)
  }

  #match(file: IndexedName, remote: RemoteFile): void {
    if (remote.sizePrecision === 0 && remote.size === file.identity.size && remote.mtime !== undefined)
      this.#addPair(timesOf(file.identity).mtimeMs, remote)
    if (this.#waiting === undefined) this.#judge(file, remote)
    else this.#waiting.push({ file, remote })
  }

  /**
   * Adds a pair to the sample, in which every pair has the same chance to be (reservoir sampling).
   */
  #addPair(mtimeMs: number, { size, sizePrecision, mtime, mtimePrecision }: RemoteFile): void {
    this.#pairCount += 1
    const isFew = this.#pairs.length < MAX_PAIRS
    const index = isFew ? this.#pairs.length : Math.floor(this.#dependencies.random() * this.#pairCount)
    if (index >= MAX_PAIRS) return
    // Copied without the path, which is a slice that would keep a whole chunk of the listing in
    // memory.
    this.#pairs[index] = { mtimeMs, listed: { size, sizePrecision, mtime, mtimePrecision } }
  }

  async #decide(): Promise<void> {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    this.#offset =
      findOffset(this.#pairs) ?? this.#previousOffset ?? (this.#dependencies.isUtc ? 0 : undefined)
    for (const { file, remote } of waiting) {
      await yieldToRequests()
      this.#judge(file, remote)
    }
  }

  #judge(file: IndexedName, remote: RemoteFile): void {
    const verdict = compare(timesOf(file.identity), remote, this.#offset)
    if (verdict === 'unsure') this.#unsure.add(file.number)
    else if (verdict === 'differs' || verdict === 'earlier') {
      // If a file is listed twice, the worse result counts.
      this.#held.delete(file.number)
      this.#stale.add(file.number)
      this.#files.markListed(file.number, 'stale')
    } else if (!this.#stale.has(file.number)) {
      this.#held.add(file.number)
      this.#files.markListed(file.number, 'held')
    }
  }

  /** Keeps the result of an earlier check, which the listing does not contradict. */
  #asBefore({ number }: IndexedName): 'held' | 'unsure' {
    return this.#files.stateOf(number) === 'held' ? 'held' : 'unsure'
  }

  /** Looks for a file behind a symbolic link that the mirror has in the same place as we do. */
  async #behindLink(file: IndexedName, links: SymlinkMap): Promise<'held' | 'absent' | 'unsure'> {
    const { path, identity } = file
    const real = links.resolve(path)
    if (real === undefined) return 'unsure'
    if (real === path) return this.#dependencies.isExhaustive ? 'absent' : 'unsure'
    const there = (await this.#dependencies.index.folder(splitPath(real)[0])).get(real)
    const isHeld = there !== undefined && this.#held.has(there.number)
    return isHeld && sameIdentity(there.identity, identity) ? 'held' : 'unsure'
  }
}
