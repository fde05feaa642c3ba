import type { StoredCorruptFile, StoredSurvey } from '../../store/states.js'
import type { PersistedMirror } from './persistence.js'

/** Other bytes than ours in a mirror's copy of a file, or fewer. */
export interface CorruptFile {
  /** Id of the mirror. */
  readonly mirror: string
  /** Repository path. */
  readonly path: string
  readonly url: string
  /** First and last byte of the piece that was compared, from 0. */
  readonly start: number
  readonly end: number
  /** SHA-256 of that piece in hexadecimal. */
  readonly expected: string
  /** The same of what the mirror sent; absent where it did not send all of it, twice in a row. */
  readonly got?: string
  readonly at: Date
}

/** How a mirror was surveyed the last time. */
export interface SurveyReport {
  /** `rsync`, `ftp`, `http`, or `head` where it has no listing, and each file is asked for. */
  readonly source: string
  readonly at: Date
  /** Whether everything was read. What was known before stays where it was not. */
  readonly complete: boolean
  readonly reason?: string
  /** Files that the mirror listed, whether they are ours or not. */
  readonly files: number
  /** Milliseconds that its times are off by, for its time zone. */
  readonly offset?: number
  /** When it was last surveyed completely. */
  readonly completed?: Date
}

/** What is known of a mirror's files. */
export type MirrorPresence =
  /** It is taken to hold every file. */
  | { readonly kind: 'assumed' }
  | {
      readonly kind: 'checked'
      /** Files that it holds, by evidence: those that clients are sent for. */
      readonly held: number
      /** Files of which it has another version. */
      readonly stale: number
      readonly absent: number
      readonly corrupt: readonly CorruptFile[]
      readonly survey?: SurveyReport
      /** Bytes a second, as challenges by this process measure it: a moving average. */
      readonly speed?: number
    }

/** @param speed in bytes a second; undefined where it was not measured */
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
