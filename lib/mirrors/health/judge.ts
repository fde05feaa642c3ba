import type { ProbeResponse } from './http.js'
import type { ProbeTarget } from './probe-target.js'
import { MAX_TRACE_BYTES, parseTrace } from './trace.js'

/** What the response to a probe says about a mirror. */
export type Verdict =
  | {
      readonly kind: 'answered'
      /** Whether the server supports Range; undefined if the response does not show it. */
      readonly ranges?: boolean | undefined
      readonly note?: string | undefined
      /** Time in a trace file, in milliseconds since 1970. */
      readonly trace?: number | undefined
    }
  /** The target does not exist there, which means little if the target is new. */
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/**
 * Accepted statuses of a base folder, beside 2xx. Many good servers list no folders (403, 404);
 * operators who want a stricter probe configure a `trace`. A server that requires a password (401)
 * is useless to clients.
 */
const GOOD_FOLDER_STATUSES: ReadonlySet<number> = new Set([403, 404, 405, 416])
const MISSING_STATUSES: ReadonlySet<number> = new Set([403, 404, 410, 451])
/** Status of a server that asks for fewer requests (RFC 6585 §4), and is therefore up. */
const BUSY_STATUS = 429
const BUSY: Verdict = { kind: 'answered', note: 'it asks for fewer requests (429)' }
/** Status by which this server responds to its own requests (Loop Detected, RFC 5842 §7.2). */
const LOOP_STATUS = 508
/** Reason of a mirror that is this very server, or redirects files that it lacks to this server. */
export const LEADS_BACK = 'it leads back to this very server'

/**
 * Judges the response to `Range: bytes=0-0`. Reads the requested byte, not the rest of the content.
 */
export async function judge(target: ProbeTarget, response: ProbeResponse): Promise<Verdict> {
  const { status } = response
  if (status === BUSY_STATUS) return BUSY
  if (status === LOOP_STATUS)
    return { kind: target.kind === 'file' ? 'missing' : 'failed', reason: LEADS_BACK }
  if (target.kind === 'base') {
    const isGood = (status >= 200 && status < 300) || GOOD_FOLDER_STATUSES.has(status)
    return isGood ? { kind: 'answered' } : { kind: 'failed', reason: `the answer is ${status}` }
  }
  if (MISSING_STATUSES.has(status) && target.kind === 'file')
    return { kind: 'missing', reason: `the answer is ${status} for ${target.path}` }
  if (status === 206) return judgePartial(target, response)
  if (status === 200) return judgeWhole(target, response)
  // An empty file has no first byte, so the range cannot be satisfied.
  if (status === 416) return { kind: 'answered', note: sizeNote(target, 0) }
  return { kind: 'failed', reason: `the answer is ${status} for ${target.path}` }
}

async function judgePartial(target: ProbeTarget, response: ProbeResponse): Promise<Verdict> {
  const range = contentRangeOf(response)
  const size = range?.size
  if (isErrorPage(target, response, size)) return errorPage(target)
  const length = contentLengthOf(response)
  const isRequested = range?.first === 0 && range.last === 0 && (length === undefined || length === 1)
  if (!isRequested)
    return { kind: 'answered', ranges: false, note: 'it sends another part than it was asked for' }
  const bytes = await response.count(1)
  if (bytes === 1) return { kind: 'answered', ranges: true, note: sizeNote(target, size) }
  return {
    kind: 'answered',
    ranges: false,
    note: `it sends ${bytes === 0 ? 'nothing' : 'more'} for one byte`,
  }
}

/** Judges a 200. Does not read its content, which may be a whole disk image. */
function judgeWhole(target: ProbeTarget, response: ProbeResponse): Verdict {
  const size = contentLengthOf(response)
  if (isErrorPage(target, response, size)) return errorPage(target)
  // The requested byte is all of a trace of one byte, so a 200 does not show whether Range is
  // supported.
  const ranges = size === 1 && target.kind === 'trace' ? undefined : false
  return { kind: 'answered', ranges, note: sizeNote(target, size) }
}

/**
 * Judges the response to `Range: bytes=0-<MAX_TRACE_BYTES - 1>`, and reads the trace. A server that
 * sends 200 may still support Range: some servers send 200 if the range is the whole file (RFC 9110
 * §14.2).
 *
 * @param now milliseconds since 1970
 */
export async function judgeTrace(
  target: ProbeTarget,
  response: ProbeResponse,
  now: number,
): Promise<Verdict> {
  const { status } = response
  // The file is empty, so no range of it can be satisfied.
  if (status === 416) return { kind: 'answered', note: noTime(target) }
  if (status !== 200 && status !== 206) return judge(target, response)
  if (isErrorPage(target, response, undefined)) return errorPage(target)
  const range = status === 206 ? contentRangeOf(response) : undefined
  const size = status === 206 ? range?.size : contentLengthOf(response)
  if (size !== undefined && size > MAX_TRACE_BYTES) return tooLarge(target)
  const content = await response.read(MAX_TRACE_BYTES)
  if (content.length > MAX_TRACE_BYTES) return tooLarge(target)
  const isWhole = status === 200 || (range?.first === 0 && content.length === (size ?? range.last + 1))
  if (!isWhole)
    return { kind: 'answered', ranges: false, note: 'it sends another part than it was asked for' }
  const trace = parseTrace(Buffer.from(content).toString('utf8'), now)
  const note = trace === undefined ? noTime(target) : undefined
  return { kind: 'answered', ranges: status === 206 ? true : undefined, note, trace }
}

function noTime({ path }: ProbeTarget): string {
  return `no time can be read in ${path}`
}

function tooLarge({ path }: ProbeTarget): Verdict {
  return { kind: 'failed', reason: `${path} is larger than a trace file` }
}

function errorPage({ path }: ProbeTarget): Verdict {
  return { kind: 'failed', reason: `it sends a page of HTML in the place of ${path}` }
}

/**
 * Whether the response is an HTML page instead of the target, with a good status: an error page, or
 * a parked domain.
 */
function isErrorPage(
  { isPage, size }: ProbeTarget,
  response: ProbeResponse,
  length: number | undefined,
): boolean {
  const isHtml = /^(text\/html|application\/xhtml\+xml)\b/i.test(response.header('content-type') ?? '')
  return isHtml && !isPage && (size === undefined || length !== size)
}

/** Returns a note if the size differs from ours. That is mostly an older copy, not a fault. */
function sizeNote({ path, size }: ProbeTarget, length: number | undefined): string | undefined {
  if (size === undefined || length === undefined || length === size) return undefined
  return `it has ${length} bytes of ${path}, and not ${size}`
}

function contentRangeOf(response: ProbeResponse) {
  const [, first, last, size] =
    /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(response.header('content-range') ?? '') ?? []
  if (size === undefined) return undefined
  return { first: Number(first), last: Number(last), size: size === '*' ? undefined : Number(size) }
}

function contentLengthOf(response: ProbeResponse): number | undefined {
  const text = response.header('content-length')
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
