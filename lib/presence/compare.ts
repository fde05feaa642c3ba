import { type Listed, TIME_UNITS } from './listing.js'

/** What the index knows of a file. */
export interface IndexedTimes {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly mtimeMs: number
}

/**
 * `same`: size and time are ours. `differs`: the size is another, so that the content is. `unsure`: neither is shown; a
 * HEAD may tell.
 */
export type Comparison = 'same' | 'differs' | 'unsure'

/**
 * Compares what the index knows of a file with what a mirror lists. A time that differs shows nothing: many mirrors do not
 * keep times. A rounded size shows nothing by being near.
 *
 * @param offset of the mirror's times, from `findOffset`; undefined where none was found, and times are not compared
 */
export function compare(indexed: IndexedTimes, remote: Listed, offset: number | undefined): Comparison {
  if (remote.size === undefined) return 'unsure'
  if (Math.abs(remote.size - indexed.size) > remote.sizePrecision) return 'differs'
  if (remote.sizePrecision > 0 || remote.mtime === undefined || offset === undefined) return 'unsure'
  const unit = TIME_UNITS[remote.mtimePrecision]
  return Math.floor((indexed.mtimeMs + offset) / unit) * unit === remote.mtime ? 'same' : 'unsure'
}
