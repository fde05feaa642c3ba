import type { StoredCorruptFile, StoredSurvey } from '../../store/states.js'
import type { PersistedMirror } from './persistence.js'

/** A mirror's copy of a file with other bytes than ours, or with fewer. */
export interface CorruptFile {
  /** Id of the mirror. */
  readonly mirror: string
  /** Repository path. */
  readonly path: string
  readonly url: string
  /** First and last byte of the compared piece, counted from 0. */
  readonly start: number
  readonly end: number
  /** SHA-256 of our piece in hexadecimal. */
  readonly expected: string
  /** SHA-256 of the mirror's piece in hexadecimal; absent if the piece was incomplete twice. */
  readonly got?: string
  readonly at: Date
}

/** Last survey of a mirror. */
export interface SurveyReport {
  /** `rsync`, `ftp`, `http`, or `head` if the mirror has no listing and each file was checked. */
  readonly source: string
  readonly at: Date
  /** Whether everything was read. Otherwise, earlier knowledge of the rest stays valid. */
  readonly complete: boolean
  readonly reason?: string
  /** Number of files that the mirror listed, including files that we do not have. */
  readonly files: number
  /** Offset of its times in milliseconds, caused by its time zone. */
  readonly offset?: number
  /** Time of the last complete survey. */
  readonly completed?: Date
}

/** What is known of a mirror's files. */
export type MirrorPresence =
  /** The mirror is assumed to hold every file. */
  | { readonly kind: 'assumed' }
  | {
      readonly kind: 'checked'
      /** Number of files that it is known to hold. Clients are sent there for these only. */
      readonly held: number
      /** Number of files of which it has another version. */
      readonly stale: number
      readonly absent: number
      readonly corrupt: readonly CorruptFile[]
      readonly survey?: SurveyReport
      /** Speed in bytes per second, a moving average of this process's challenges. */
      readonly speed?: number
    }

/** @param speed bytes per second; undefined if not measured */
export function presenceOf(
  { files, survey }: Pick<PersistedMirror, 'files' | 'survey'>,
  speed?: number,
): MirrorPresence {
  const { held, stale, absent } = files.counts
  return {
    kind: 'checked',
    held,
    stale,
    absent,
    corrupt: files.corrupt.map(corruptFile),
    ...(survey === undefined ? {} : { survey: surveyReport(survey) }),
    ...(speed === undefined ? {} : { speed }),
  }
}

export function corruptFile({ at, got, number: _, piece: __, ...corrupt }: StoredCorruptFile): CorruptFile {
  return { ...corrupt, at: new Date(at), ...(got === '' ? {} : { got }) }
}

function surveyReport({
  source,
  at,
  complete,
  reason,
  files,
  offset,
  completed,
}: StoredSurvey): SurveyReport {
  return {
    source,
    at: new Date(at),
    complete,
    files,
    ...(reason === undefined ? {} : { reason }),
    ...(offset === undefined ? {} : { offset }),
    ...(completed === undefined ? {} : { completed: new Date(completed) }),
  }
}
