import fresh from 'fresh'
import parseRange from 'range-parser'
import { parseHttpDate } from '../dates.js'
import { lastModified } from '../fields/last-modified.js'
import { mtimeIn, SECOND_NS } from '../identity.js'
import type { Field, Identity } from '../model.js'
import { meetsMatch as matches } from './conditions.js'
import type { RequestView } from './view.js'

/** Range of bytes from `start` to `end`, both inclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Response with a file: status, fields, and the bytes to send. */
export type FileResponse =
  | {
      readonly status: 200
      readonly fields: readonly Field[]
      readonly ranges: readonly [ByteRange] | readonly []
    }
  | { readonly status: 206; readonly fields: readonly Field[]; readonly ranges: readonly [ByteRange] }
  | {
      readonly status: 206
      readonly fields: readonly Field[]
      readonly parts: readonly RangePart[]
      readonly end: string
    }
  | { readonly status: 304 | 412 | 416; readonly fields: readonly Field[] }

/** One part of a multipart/byteranges body (RFC 9110 §14.6). */
export interface RangePart extends ByteRange {
  /** Delimiter and header that precede the bytes. */
  readonly head: string
}

/** A request for more ranges gets the whole file. RFC 9110 §14.2 warns of such requests. */
const MAX_RANGES = 32

/** A range of the last bytes, as in `bytes=-5`; `-0` is unsatisfiable. */
const SUFFIX_RANGE = /[=,]\s*-0*[1-9]/

/** The selected representation (RFC 9110 §3.2): the file, with its metadata. */
export interface SelectedFile {
  readonly identity: Identity
  readonly etag: string | undefined
  readonly type: string
}

/** Parts of a request that decide how a file is sent. */
type FileRequest = Pick<RequestView, 'method' | 'header'>

/**
 * Returns the response to a request for a file. Evaluates preconditions in the order of RFC 9110
 * §13.2.2, then ranges (§14.2).
 *
 * @param now milliseconds since 1970
 * @param boundary returns the delimiter between several ranges, which must not occur in the file
 */
export function fileResponse(
  request: FileRequest,
  { identity, etag, type }: SelectedFile,
  now: number,
  boundary: () => string,
): FileResponse {
  const { size } = identity
  const modified = lastModified(identity)
  // §8.8.2.1: never later than the response. Such a date meets no condition, because the date of
  // the file is later.
  const sentDate = mtimeIn(identity, SECOND_NS) * 1000n > now ? new Date(now).toUTCString() : modified
  const dated: Field[] = [
    ['Accept-Ranges', 'bytes'],
    ['Last-Modified', sentDate],
  ]
  // A response without the file, 412 or 416, does not have its tag.
  if (!meetsMatch(request, identity, etag)) return { status: 412, fields: dated }
  const common: Field[] = [...dated, ...(etag === undefined ? [] : [['ETag', etag] as const])]
  if (isFresh(request, modified, etag)) return { status: 304, fields: common }

  const typeField: Field[] = [['Content-Type', type]]
  const whole: FileResponse = {
    status: 200,
    fields: [...typeField, ['Content-Length', String(size)], ...common],
    ranges: size === 0 ? [] : [{ start: 0, end: size - 1 }],
  }
  const header = request.header('range')
  // Range is defined for GET only (§14.2).
  if (header === undefined || request.method !== 'GET' || !meetsIfRange(request, identity, etag, now))
    return whole
  // A suffix of an empty file is satisfiable (§14.1.2), but Content-Range cannot name no bytes.
  if (size === 0 && SUFFIX_RANGE.test(header)) return whole
  const ranges = parseRange(size, shortenSuffixes(header, size), { combine: true })
  if (ranges === -1) return { status: 416, fields: [['Content-Range', `bytes */${size}`], ...dated] }
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length > MAX_RANGES) return whole

  const [first, ...others] = ranges
  if (first === undefined) return whole
  if (others.length === 0) {
    const length = first.end - first.start + 1
    const fields: Field[] = [
      ...typeField,
      ['Content-Length', String(length)],
      ['Content-Range', contentRange(first, size)],
      ...common,
    ]
    return { status: 206, fields, ranges: [first] }
  }
  return multipartResponse(ranges, size, type, common, boundary())
}

function multipartResponse(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  common: readonly Field[],
  boundary: string,
): FileResponse {
  const parts = ranges.map((range, index): RangePart => {
    const delimiter = `${index === 0 ? '' : '\r\n'}--${boundary}\r\n`
    const head = `${delimiter}Content-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`
    return { start: range.start, end: range.end, head }
  })
  const end = `\r\n--${boundary}--\r\n`
  const length = parts.reduce((sum, part) => sum + part.head.length + part.end - part.start + 1, end.length)
  const fields: Field[] = [
    ['Content-Type', `multipart/byteranges; boundary=${boundary}`],
    ['Content-Length', String(length)],
    ...common,
  ]
  return { status: 206, fields, parts, end }
}

/**
 * Shortens suffix ranges to the length of the file. A longer suffix means the whole file (§14.1.2),
 * but `range-parser` takes it for unsatisfiable.
 */
function shortenSuffixes(header: string, size: number): string {
  return header.replace(/([=,]\s*-)(\d+)/g, (_, before: string, length: string) => {
    return `${before}${Math.min(Number(length), size)}`
  })
}

function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end}/${size}`
}

/** Evaluates If-Match, or else If-Unmodified-Since (§13.1.1, §13.1.4). */
function meetsMatch(request: FileRequest, identity: Identity, etag: string | undefined): boolean {
  const ifMatch = request.header('if-match')
  if (ifMatch !== undefined) return matches(ifMatch, etag)
  const since = dateOf(request.header('if-unmodified-since'))
  return since === undefined || mtimeIn(identity, SECOND_NS) <= BigInt(since)
}

/** Evaluates If-None-Match, or else If-Modified-Since (§13.1.2, §13.1.3). */
function isFresh(request: FileRequest, modified: string, etag: string | undefined): boolean {
  const since = dateOf(request.header('if-modified-since'))
  return fresh(
    {
      'if-none-match': request.header('if-none-match'),
      'if-modified-since': since === undefined ? undefined : new Date(since * 1000).toUTCString(),
      'cache-control': request.header('cache-control'),
    },
    etag === undefined ? { 'last-modified': modified } : { 'last-modified': modified, etag },
  )
}

/**
 * Returns true if If-Range is absent, or met by a strong tag or a date that is a strong validator
 * (§13.1.5).
 */
function meetsIfRange(
  request: FileRequest,
  identity: Identity,
  etag: string | undefined,
  now: number,
): boolean {
  const value = request.header('if-range')?.trim()
  if (value === undefined) return true
  if (value.endsWith('"')) return value === etag
  const seconds = mtimeIn(identity, SECOND_NS)
  // §8.8.2.2: a file that changed within the current second may change again within it.
  return dateOf(value) === Number(seconds) && seconds < BigInt(Math.floor(now / 1000))
}

/** Returns the seconds since 1970 of an HTTP date. Undefined if the value is not a date. */
function dateOf(value: string | undefined): number | undefined {
  const milliseconds = value === undefined ? undefined : parseHttpDate(value)
  return milliseconds === undefined ? undefined : Math.floor(milliseconds / 1000)
}
