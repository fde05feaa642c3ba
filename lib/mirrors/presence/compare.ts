import { MILLISECOND_NS } from '../../identity.js'
import { ALGORITHMS, type Digests, type Identity } from '../../model.js'
import type { FileCheck } from './file/head.js'
import { type Listed, TIME_UNITS } from './listings/listing.js'

/** Size and times of an indexed file. */
export interface IndexedTimes {
  /** Size in bytes. */
  readonly size: number
  /** Modification time in milliseconds since 1970. */
  readonly mtimeMs: number
  /**
   * Change time of the inode, but not before `mtimeMs`, in milliseconds since 1970. From then on,
   * the file has had its present content here.
   */
  readonly ctimeMs: number
}

/** An indexed file with everything that a HEAD response can be compared with. */
export interface IndexedContent extends IndexedTimes {
  /** Our ETag, with its quotes. */
  readonly etag?: string | undefined
  readonly digests?: Digests | undefined
}

/**
 * - `same`: size and time are ours.
 * - `later`: the size is ours, and at the listed time our file was here with its present content. A
 *   mirror that does not keep modification times has copied it since.
 * - `earlier`: the size is ours, and the time is before our file got its content: an older version
 *   of the same size.
 * - `differs`: the size, and therefore the content, differs.
 * - `unsure`: the listing proves nothing of this, but a HEAD request may. A time between our
 *   modification time and our change time is unsure: here, an older file may have replaced a newer
 *   one, which the mirror still has.
 */
export type Comparison = 'same' | 'later' | 'earlier' | 'differs' | 'unsure'

/** State of a mirror's copy: our version, another version, no copy, or not known. */
export type CopyState = 'held' | 'stale' | 'absent' | 'unsure'

const HOUR_MS = 3_600_000
const SECOND_MS = 1000

/**
 * Compares an indexed file with an entry of a listing. A rounded size that is near ours proves
 * nothing; then the time proves nothing either.
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
  // With daylight saving time, some files of a mirror have an offset of one hour less.
  return remote.mtime === cut(ours - HOUR_MS) ? 'unsure' : 'earlier'
}

/**
 * Judges a copy by the response to a HEAD request. The strongest evidence decides: another size,
 * then a digest, then our ETag, then the time. The time must be ours, or one at which our file was
 * here with its present content. A copy of our size without a time counts as ours.
 */
export function judgeCheck(indexed: IndexedContent, check: FileCheck): CopyState {
  if (check.state === 'absent') return 'absent'
  if (check.state === 'unknown') return 'unsure'
  // Clients unpack what has a content coding, such as a `.gz` file, and save other bytes than ours.
  if (check.coding !== undefined) return 'absent'
  if (check.size !== undefined && check.size !== indexed.size) return 'stale'
  const isSame = compareDigests(indexed.digests ?? {}, check.digests)
  if (isSame !== undefined) return isSame ? 'held' : 'stale'
  if (check.size === undefined) return 'unsure'
  if (isSameTag(check.etag, indexed.etag)) return 'held'
  if (check.mtime === undefined) return 'held'
  const cut = (time: number): number => Math.floor(time / SECOND_MS) * SECOND_MS
  return check.mtime === cut(indexed.mtimeMs) || check.mtime >= cut(indexed.ctimeMs) ? 'held' : 'stale'
}

/** Converts an identity to the form in which files are compared. */
export function timesOf({ size, mtimeNs, ctimeNs }: Identity): IndexedTimes {
  const mtimeMs = Number(mtimeNs / MILLISECOND_NS)
  return { size, mtimeMs, ctimeMs: Math.max(mtimeMs, Number(ctimeNs / MILLISECOND_NS)) }
}

/** Compares by the strongest algorithm that both have; undefined if they have none in common. */
function compareDigests(ours: Digests, theirs: Digests): boolean | undefined {
  for (const algorithm of ALGORITHMS) {
    const [own, other] = [ours[algorithm], theirs[algorithm]]
    if (own !== undefined && other !== undefined) return Buffer.compare(own, other) === 0
  }
  return undefined
}

/** Strong comparison of ETags (RFC 9110 §8.8.3.2): a weak ETag never matches. */
export function isSameTag(theirs: string | undefined, ours: string | undefined): boolean {
  return theirs?.startsWith('"') === true && theirs === ours
}
