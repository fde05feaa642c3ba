import type { Dispatcher } from 'undici'
import type { Random } from '../../model.js'
import { type HostResolver, hostOf } from '../../network/addresses.js'
import { checkHost } from '../../network/private-address-guard.js'
import type { PathFilter } from '../../paths.js'
import type { Store } from '../../store/store.js'
import { IndexReader } from './index-reader.js'
import type { KnownFolders } from './known-folders.js'
import { createListing, ListingAborted } from './listings/listing-reader.js'
import type { BlockPool } from './sets/block-pool.js'
import { listSource, type SurveySource } from './sources.js'
import { type SurveyResult, type SurveyTarget, survey } from './survey.js'

/** A survey of a mirror by one of its sources. */
export interface SourceSurvey {
  readonly source: SurveySource
  readonly includes: PathFilter
  /** Returns true for paths that match the globs of a partial mirror. */
  readonly carries: (path: string) => boolean
  /** Offset of the mirror's times in the last survey. */
  readonly previousOffset: number | undefined
  /** Whether the host may have private addresses that its URL does not name. */
  readonly allowsPrivate: boolean
}

/** The index as a survey reads it. */
export interface SurveyedIndex extends Pick<Store, 'sample'> {
  readonly folders: KnownFolders
}

export interface SourceSurveyDependencies {
  readonly index: SurveyedIndex
  readonly resolver: HostResolver
  readonly dispatcher: Dispatcher
  readonly blocks: BlockPool
  readonly random: Random
  readonly signal: AbortSignal
}

/** Compares the listing of a source with the index, and marks the files. */
export async function surveySource(
  { source, includes, carries, previousOffset, allowsPrivate }: SourceSurvey,
  files: SurveyTarget,
  { index, resolver, dispatcher, blocks, random, signal }: SourceSurveyDependencies,
): Promise<SurveyResult> {
  const { folders } = index
  const refusal = await checkHost(hostOf(new URL(source.url)), resolver, allowsPrivate)
  const listing =
    refusal === undefined
      ? listSource(source, { includes, signal, wantsFolder: (path) => folders.has(path) }, dispatcher)
      : createListing({}, () => Promise.reject(new ListingAborted(refusal)))
  return survey(listing, files, previousOffset, {
    index: new IndexReader(index),
    folders,
    carries,
    isExhaustive: source.kind !== 'http',
    isUtc: source.kind === 'rsync',
    blocks,
    random,
  })
}
