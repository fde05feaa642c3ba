import { MILLISECOND_NS } from '../../identity.js'
import { ALGORITHMS, type Digests, type Identity } from '../../model.js'
import type { FileCheck } from './file/head.js'
import { type Listed, TIME_UNITS } from './listings/listing.js'

/** What the index knows of a file. */
export interface IndexedTimes {
  /** Bytes. */
  readonly size: number
  /** When it was last written, in milliseconds since 1970. */
  readonly mtimeMs: number
  /**
   * When its inode changed last, no earlier than that: its content was here then, however old it
   * is. Milliseconds since 1970.
   */
  readonly ctimeMs: number
}

/** The same, with what a HEAD may show. */
export interface IndexedContent extends IndexedTimes {
  /** Ours, quotes included. */
  readonly etag?: string | undefined
  readonly digests?: Digests | undefined
}

/**
 * - `same`: size and time are ours.
 * - `later`: the size is ours, and the time is one at which our file was here as it is: it was
 *   copied since, by a mirror that keeps no times. A time between that and our own shows nothing,
 *   for an older file may have been put in the place of a newer one here, which the mirror still
 *   has.
 * - `earlier`: the size is ours, and the time is of before our file got its content: an older
 *   version of the same size.
 * - `differs`: the size is another, so that the content is.
 * - `unsure`: nothing of this is shown; a HEAD may tell.
 */
export type Comparison = 'same' | 'later' | 'earlier' | 'differs' | 'unsure'

/** Whether a mirror has our file, an older or other one, none, or whether that cannot be told. */
export type CopyState = 'held' | 'stale' | 'absent' | 'unsure'

const HOUR_MS = 3_600_000
const SECOND_MS = 1000

/**
 * Compares what the index knows of a file with what a mirror lists. A rounded size shows nothing by
 * being near, and then the time shows nothing either.
 *
 * @param offset of the mirror's times, from `findOffset`; undefined where none was found, and times
 * are not compared
 */
export function compare(indexed: IndexedTimes, remote: Listed, offset: number | undefined): Comparison {
  if (remote.size === undefined) return 'unsure'
  if (Math.abs(remote.size - indexed.size) > remote.sizePrecision) return 'differs'
  if (remote.sizePrecision > 0 || remote.mtime === undefined || offset === undefined) return 'unsure'
  const unit = TIME_UNITS[remote.mtimePrecision]
  const cut = (time: number): number => Math.floor(time / unit) * unit
  const ours = indexed.mtimeMs + offset
  if (remote.mtime === cut(ours)) return 'same'
  if (remote.mtime > cut(ours)) return remote.mtime >= cut(indexed.ctimeMs + offset) ? 'later' : 'unsure'
  // Of a mirror whose clocks have summer time, the offset is that of most of its files.
  return remote.mtime === cut(ours - HOUR_MS) ? 'unsure' : 'earlier'
}

/**
 * Judges by a HEAD whether a mirror has our file. What shows most counts: another size, then a
 * digest, then our own entity tag, then the time: our own, or one at which our file was here as it
 * is. A file of our size without a time is taken for ours, for nothing speaks against it.
 */
export function judgeCheck(indexed: IndexedContent, check: FileCheck): CopyState {
  if (check.state === 'absent') return 'absent'
  if (check.state === 'unknown') return 'unsure'
  if (check.size !== undefined && check.size !== indexed.size) return 'stale'
  const isSame = compareDigests(indexed.digests ?? {}, check.digests)
  if (isSame !== undefined) return isSame ? 'held' : 'stale'
  if (check.size === undefined) return 'unsure'
  if (isSameTag(check.etag, indexed.etag)) return 'held'
  if (check.mtime === undefined) return 'held'
  const cut = (time: number): number => Math.floor(time / SECOND_MS) * SECOND_MS
  return check.mtime === cut(indexed.mtimeMs) || check.mtime >= cut(indexed.ctimeMs) ? 'held' : 'stale'
}

/** What the index knows of a file, in the form in which it is compared. */
export function timesOf({ size, mtimeNs, ctimeNs }: Identity): IndexedTimes {
  const mtimeMs = Number(mtimeNs / MILLISECOND_NS)
  return { size, mtimeMs, ctimeMs: Math.max(mtimeMs, Number(ctimeNs / MILLISECOND_NS)) }
}

/** By the strongest algorithm that both know; undefined where there is none. */
function compareDigests(ours: Digests, theirs: Digests): boolean | undefined {
  for (const algorithm of ALGORITHMS) {
    const [own, other] = [ours[algorithm], theirs[algorithm]]
    if (own !== undefined && other !== undefined) return Buffer.compare(own, other) === 0
  }
  return undefined
}

/**
 * Whether two entity tags are the same by the strong comparison of RFC 9110 §8.8.3.2: a weak one is
 * equal to none.
 */
export function isSameTag(theirs: string | undefined, ours: string | undefined): boolean {
  return theirs?.startsWith('"') === true && theirs === ours
}
