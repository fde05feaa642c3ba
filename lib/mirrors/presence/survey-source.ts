import type { Dispatcher } from 'undici'
import type { Random } from '../../model.js'
import { type HostResolver, hostOf } from '../../network/addresses.js'
import { checkHost } from '../../network/private-address-guard.js'
import type { PathFilter } from '../../paths.js'
import type { Store } from '../../store/store.js'
import { IndexReader } from './index-reader.js'
import { createListing, ListingAborted } from './listings/listing-reader.js'
import type { BlockPool } from './sets/block-pool.js'
import { listSource, type SurveySource } from './sources.js'
import { type SurveyResult, type SurveyTarget, survey } from './survey.js'

/** What to survey, and by which of a mirror's sources. */
export interface SourceSurvey {
  readonly source: SurveySource
  readonly includes: PathFilter
  /** Whether the mirror carries a path at all. */
  readonly carries: (path: string) => boolean
  /** What the mirror's times were off by the last time. */
  readonly previousOffset: number | undefined
  /** Whether its host may have private addresses that its URL does not name. */
  readonly allowsPrivate: boolean
}

export interface SourceSurveyDependencies {
  readonly index: Pick<Store, 'sample'>
  readonly resolver: HostResolver
  readonly dispatcher: Dispatcher
  readonly blocks: BlockPool
  readonly random: Random
  readonly signal: AbortSignal
}

/** Compares what a source lists with the index, and marks the files. */
export async function surveySource(
  { source, includes, carries, previousOffset, allowsPrivate }: SourceSurvey,
  files: SurveyTarget,
  { index, resolver, dispatcher, blocks, random, signal }: SourceSurveyDependencies,
): Promise<SurveyResult> {
  const refusal = await checkHost(hostOf(new URL(source.url)), resolver, allowsPrivate)
  const listing =
    refusal === undefined
      ? listSource(source, { includes, signal }, dispatcher)
      : createListing({}, () => Promise.reject(new ListingAborted(refusal)))
  return survey(listing, files, previousOffset, {
    index: new IndexReader(index),
    carries,
    isExhaustive: source.kind !== 'http',
    isUtc: source.kind === 'rsync',
    blocks,
    random,
  })
}
