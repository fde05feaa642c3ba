import type { SampledFile } from '../../store/store.js'
import type { SurveyedContents } from './files.js'
import type { BlockContent } from './sets/number-set.js'
import type { SurveySource } from './sources.js'
import type { SurveyResult } from './survey.js'

/** The survey that a thread performs. */
export interface SurveyJob {
  /** The SQLite file of the index; undefined if the thread must ask the main thread for it. */
  readonly index: string | undefined
  readonly source: SurveySource
  /** Globs of ignored files. */
  readonly ignore: readonly string[]
  /** Globs of a partial mirror. */
  readonly paths: readonly string[]
  readonly previousOffset: number | undefined
  readonly allowsPrivate: boolean
  /** What is known of the mirror's files. */
  readonly known: SurveyedContents & { readonly confirmed: readonly BlockContent[] }
}

/** Message to the thread. */
export type ThreadRequest =
  | { readonly kind: 'survey'; readonly job: SurveyJob }
  /** Ends the survey that runs. */
  | { readonly kind: 'end' }
  /** The last marks are set, so that more may be sent. */
  | { readonly kind: 'room' }
  /** A page of the index. */
  | { readonly kind: 'files'; readonly files: readonly SampledFile[] }
  /** Folders of the index. More follow until there are none left. */
  | { readonly kind: 'folders'; readonly folders: readonly string[]; readonly isLast: boolean }

/** Message from the thread. */
export type ThreadMessage =
  /** The first message: the thread takes surveys. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'marks'; readonly held: Float64Array; readonly stale: Float64Array }
  | {
      readonly kind: 'found'
      readonly found: SurveyedContents
      readonly last: number
      readonly unsure: readonly BlockContent[]
      readonly closed: readonly BlockContent[]
    }
  /** Asks for a page of the index, answered by `files`. */
  | { readonly kind: 'sample'; readonly after: string; readonly maxFiles: number }
  /** Asks for the folders of the index. */
  | { readonly kind: 'list folders' }
  | { readonly kind: 'done'; readonly surveyed: SurveyResult }
  | { readonly kind: 'failed'; readonly reason: string }
