import type { Dispatcher } from 'undici'
import { parseImfFixdate } from '../../../dates.js'

/**
 * Statuses that mean that a mirror does not have a file, or does not give it to clients. 508 comes
 * from this very server, where the mirror sends clients for files that it lacks.
 */
export const ABSENT_STATUSES: ReadonlySet<number> = new Set([403, 404, 410, 451, 508])

/** Status of a server that asks for fewer requests (RFC 6585 §4). */
export const BUSY_STATUS = 429
const DEFAULT_RETRY_AFTER_MS = 30_000
const MAX_RETRY_AFTER_MS = 3_600_000

/** Returns for how long a busy server asks to be left alone, from one second to one hour. */
export function retryAfterMs(headers: ResponseHeaders): number {
  const text = singleValue(headers, 'retry-after')?.trim() ?? ''
  const date = parseImfFixdate(text)
  const asked = /^\d{1,9}$/.test(text)
    ? Number(text) * 1000
    : date === undefined
      ? DEFAULT_RETRY_AFTER_MS
      : date - Date.now()
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(1000, asked))
}

/** Fields of a response, by lower-case names. */
export type ResponseHeaders = Dispatcher.ResponseData['headers']

/** Returns the value of a field that may occur once; undefined if it is missing or occurs twice. */
export function singleValue(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** Returns the value of a list field, with all of its lines joined (RFC 9110 §5.3). */
export function listValue(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Whether the body is the file itself, without content or transfer coding (chunked is fine). */
export function isIdentityCoded(headers: ResponseHeaders): boolean {
  const coding = (name: string): string => (listValue(headers, name) ?? '').trim().toLowerCase()
  return (
    ['', 'identity'].includes(coding('content-encoding')) &&
    ['', 'chunked'].includes(coding('transfer-encoding'))
  )
}

/** Parses a number of bytes in a field; undefined if it is not one. */
export function parseLength(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const length = Number(text)
  return Number.isSafeInteger(length) ? length : undefined
}

/** The content of a `Content-Range` field (RFC 9110 §14.4). */
export interface ContentRange {
  /** First and last byte of the part; undefined without a part, as in a 416 response. */
  readonly part: { readonly start: number; readonly end: number } | undefined
  /** Bytes of the whole; undefined if not given. */
  readonly total: number | undefined
}

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/

/** @returns undefined if the field is missing or invalid */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(text ?? '')
  if (match === null) return undefined
  const [start, end, total] = match.slice(1).map(parseLength)
  // A group that matched but is no number was too long for one.
  if (
    (match[1] !== undefined && (start === undefined || end === undefined)) ||
    (match[3] && total === undefined)
  )
    return undefined
  if (start === undefined || end === undefined) return { part: undefined, total }
  if (end < start || (total !== undefined && end >= total)) return undefined
  return { part: { start, end }, total }
}
