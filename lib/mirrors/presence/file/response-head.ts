import type { Dispatcher } from 'undici'

/** The fields of an answer, by their names in lower case. */
export type ResponseHeaders = Dispatcher.ResponseData['headers']

/** The value of a field that may come once; undefined where it is missing or comes twice. */
export function singleValue(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** The value of a field that is a list, all of its lines as one (RFC 9110 §5.3). */
export function listValue(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** Whether the content is that of the file, and not of some coding of it. */
export function isIdentityCoded(headers: ResponseHeaders): boolean {
  const of = (name: string): string => (listValue(headers, name) ?? '').trim().toLowerCase()
  return (
    ['', 'identity'].includes(of('content-encoding')) && ['', 'chunked'].includes(of('transfer-encoding'))
  )
}

/** A number of bytes as fields write it; undefined where it is none. */
export function parseLength(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const length = Number(text)
  return Number.isSafeInteger(length) ? length : undefined
}

/** What a `Content-Range` says (RFC 9110 §14.4). */
export interface ContentRange {
  /** First and last byte that come; undefined where none do, as with 416. */
  readonly part: { readonly start: number; readonly end: number } | undefined
  /** Bytes of the whole; undefined where it is not told. */
  readonly total: number | undefined
}

const CONTENT_RANGE = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/

/** @returns undefined where there is no such field, or none that can be */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(text ?? '')
  if (match === null) return undefined
  const [start, end, total] = match.slice(1).map(parseLength)
  // What was written and is no number is too long for one.
  if (
    (match[1] !== undefined && (start === undefined || end === undefined)) ||
    (match[3] && total === undefined)
  )
    return undefined
  if (start === undefined || end === undefined) return { part: undefined, total }
  if (end < start || (total !== undefined && end >= total)) return undefined
  return { part: { start, end }, total }
}
