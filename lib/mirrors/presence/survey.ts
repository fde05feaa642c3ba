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
  /** Whether the mirror carries a path at all. */
  readonly carries: (path: string) => boolean
  /**
   * Whether a file is not there when it is not listed. Web servers hide some names from their
   * indexes, and files behind links that a listing cannot follow are not in it.
   */
  readonly isExhaustive: boolean
  /** Whether its times are in no time zone of the mirror's. */
  readonly isUtc: boolean
  /** Shared by all sets. */
  readonly blocks: BlockPool
  readonly random: Random
}

/** What is told of what a survey finds: `MirrorFiles`, or who passes it on to that. */
export type SurveyTarget = Pick<MirrorFiles, 'stateOf' | 'markListed' | 'replace'>

export interface SurveyResult {
  readonly outcome: Omit<ListingOutcome, 'links'>
  /** Milliseconds that the mirror's times are off by; undefined where it keeps none of ours. */
  readonly offset: number | undefined
  /**
   * Whether files were compared by another offset than that: the first few thousand told of another
   * one.
   */
  readonly offsetChanged: boolean
  /** Files of ours that the listing could not tell of: single looks may. */
  readonly unsure: number
}

/** Pairs of times by which an offset is found, taken evenly from the whole listing. */
const MAX_PAIRS = 5000

/**
 * Compares a mirror's listing with the index, and marks its files. What is found is marked as the
 * listing is read; what is not there, at its end, and only where it is complete.
 *
 * @param previousOffset what the mirror's times were off by the last time, for when the beginning
 * of the listing does not tell
 */
export async function survey(
  listing: Listing,
  files: SurveyTarget,
  previousOffset: number | undefined,
  parts: SurveyDependencies,
): Promise<SurveyResult> {
  const comparison = new ListingComparison(files, previousOffset, parts)
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
  /** Listed, in a way that does not tell whether they are ours. */
  readonly #unsure: NumberSet
  readonly #pairs: TimePair[] = []
  #pairCount = 0
  /** What waits for an offset; undefined once that is decided. */
  #waiting: { readonly file: IndexedName; readonly remote: RemoteFile }[] | undefined = []
  #offset: number | undefined
  unsure = 0

  constructor(files: SurveyTarget, previousOffset: number | undefined, parts: SurveyDependencies) {
    this.#files = files
    this.#dependencies = parts
    this.#previousOffset = previousOffset
    this.#held = new NumberSet(parts.blocks)
    this.#stale = new NumberSet(parts.blocks)
    this.#unsure = new NumberSet(parts.blocks)
  }

  async take(batch: readonly RemoteFile[]): Promise<void> {
    const { index, carries } = this.#dependencies
    for (const remote of batch) {
      const pause = yieldToRequests()
      if (pause !== undefined) await pause
      const asked = index.folder(splitPath(remote.path)[0])
      const folder = asked instanceof Promise ? await asked : asked
      const file = folder.get(remote.path)
      if (file === undefined || !carries(file.path)) continue
      this.#match(file, remote)
      if (this.#waiting !== undefined && this.#waiting.length >= MAX_PAIRS) await this.#decide()
    }
  }

  /** The listing is at its end. */
  async finish(): Promise<Pick<SurveyResult, 'offset' | 'offsetChanged'>> {
    await this.#decide()
    const offset = findOffset(this.#pairs)
    return { offset, offsetChanged: offset !== undefined && offset !== this.#offset }
  }

  /** Nothing was left out: what was not seen is not there. */
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

  /** A sample that every pair has the same chance to be in. */
  #addPair(mtimeMs: number, { size, sizePrecision, mtime, mtimePrecision }: RemoteFile): void {
    this.#pairCount += 1
    const isFew = this.#pairs.length < MAX_PAIRS
    const place = isFew ? this.#pairs.length : Math.floor(this.#dependencies.random() * this.#pairCount)
    if (place >= MAX_PAIRS) return
    // Without its path, which is a slice of the whole text that it came with.
    this.#pairs[place] = { mtimeMs, listed: { size, sizePrecision, mtime, mtimePrecision } }
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
      // Whoever lists a file twice is believed the worse.
      this.#held.delete(file.number)
      this.#stale.add(file.number)
      this.#files.markListed(file.number, 'stale')
    } else if (!this.#stale.has(file.number)) {
      this.#held.add(file.number)
      this.#files.markListed(file.number, 'held')
    }
  }

  /** What a single look has shown stays so, where the listing does not speak against it. */
  #asBefore({ number }: IndexedName): 'held' | 'unsure' {
    return this.#files.stateOf(number) === 'held' ? 'held' : 'unsure'
  }

  /** A file that was not found under its own name may be there over a link, as it is here. */
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
