import type { Dispatcher } from 'undici'
import type { Draw } from '../../model.js'
import { type AddressBook, hostOf } from '../../network/addresses.js'
import { checkHost } from '../../network/private-address-guard.js'
import type { PathFilter } from '../../paths.js'
import type { Store } from '../../store/store.js'
import { Catalog } from './index-reader.js'
import { createListing, Halt } from './listings/listing-reader.js'
import type { Blocks } from './sets/blocks.js'
import { listSource, type Source } from './sources.js'
import { type Surveyed, type SurveyTarget, survey } from './survey.js'

/** What to survey, and by which of a mirror's sources. */
export interface SourceSurvey {
  readonly source: Source
  readonly includes: PathFilter
  /** Whether the mirror carries a path at all. */
  readonly carries: (path: string) => boolean
  /** What the mirror's times were off by the last time. */
  readonly hint: number | undefined
  /** Whether its host may have private addresses that its URL does not name. */
  readonly allowsPrivate: boolean
}

export interface SourceSurveyParts {
  readonly index: Pick<Store, 'sample'>
  readonly book: AddressBook
  readonly dispatcher: Dispatcher
  readonly blocks: Blocks
  readonly draw: Draw
  readonly signal: AbortSignal
}

/** Compares what a source lists with the index, and marks the files. */
export async function surveySource(
  { source, includes, carries, hint, allowsPrivate }: SourceSurvey,
  files: SurveyTarget,
  { index, book, dispatcher, blocks, draw, signal }: SourceSurveyParts,
): Promise<Surveyed> {
  const refusal = await checkHost(hostOf(new URL(source.url)), book, allowsPrivate)
  const listing =
    refusal === undefined
      ? listSource(source, { includes, signal }, dispatcher)
      : createListing({}, () => Promise.reject(new Halt(refusal)))
  return survey(listing, files, hint, {
    catalog: new Catalog(index),
    carries,
    tellsAll: source.kind !== 'http',
    isUtc: source.kind === 'rsync',
    blocks,
    draw,
  })
}
