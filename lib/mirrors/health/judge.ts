import type { ProbeResponse } from './http.js'
import type { ProbeTarget } from './probe-target.js'
import { MAX_TRACE_BYTES, parseTrace } from './trace.js'

/** What the answer to a probe says of a mirror. */
export type Verdict =
  | {
      readonly kind: 'answered'
      readonly ranges?: boolean | undefined
      readonly note?: string | undefined
      /** The time in a trace file, in milliseconds since 1970. */
      readonly trace?: number | undefined
    }
  /** It is not there, which says little where it is new. */
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/**
 * Of a folder. Many servers list none (403, 404), and are well: whoever wants to know more names a `trace`. One that asks for
 * a password (401) has nothing for our clients.
 */
const GOOD_FOLDER_STATUSES: ReadonlySet<number> = new Set([403, 404, 405, 416])
const MISSING_STATUSES: ReadonlySet<number> = new Set([404, 410])

/** Judges an answer to `Range: bytes=0-0`. Of what is sent, it reads the one byte and no more. */
export async function judge(target: ProbeTarget, answer: ProbeResponse): Promise<Verdict> {
  const { status } = answer
  if (target.kind === 'base') {
    const isGood = (status >= 200 && status < 300) || GOOD_FOLDER_STATUSES.has(status)
    return isGood ? { kind: 'answered' } : { kind: 'failed', reason: `the answer is ${status}` }
  }
  if (MISSING_STATUSES.has(status) && target.kind === 'file')
    return { kind: 'missing', reason: `the answer is ${status} for ${target.path}` }
  if (status === 206) return judgePart(target, answer)
  if (status === 200) return judgeWhole(target, answer)
  // Of an empty file there is no first byte.
  if (status === 416) return { kind: 'answered', note: noteOf(target, 0) }
  return { kind: 'failed', reason: `the answer is ${status} for ${target.path}` }
}

async function judgePart(target: ProbeTarget, answer: ProbeResponse): Promise<Verdict> {
  const part = partOf(answer)
  const size = part?.size
  if (isOtherPage(target, answer, size)) return PAGE(target)
  const length = lengthOf(answer)
  const isRight = part?.first === 0 && part.last === 0 && (length === undefined || length === 1)
  if (!isRight)
    return { kind: 'answered', ranges: false, note: 'it sends another part than it was asked for' }
  const bytes = await answer.count(1)
  if (bytes === 1) return { kind: 'answered', ranges: true, note: noteOf(target, size) }
  return {
    kind: 'answered',
    ranges: false,
    note: `it sends ${bytes === 0 ? 'nothing' : 'more'} for one byte`,
  }
}

/** The content is left where it is: it may be all of a disk image. */
function judgeWhole(target: ProbeTarget, answer: ProbeResponse): Verdict {
  const size = lengthOf(answer)
  if (isOtherPage(target, answer, size)) return PAGE(target)
  // Of a trace of one byte that is all of it.
  const ranges = size === 1 && target.kind === 'trace' ? undefined : false
  return { kind: 'answered', ranges, note: noteOf(target, size) }
}

/**
 * Judges an answer to `Range` of as many bytes as a trace file may have, and reads them. Whoever sends all of it as if no part
 * had been asked for may still know Range: for a part that is everything, some servers do that (RFC 9110 §14.2).
 *
 * @param now milliseconds since 1970
 */
export async function judgeTrace(target: ProbeTarget, answer: ProbeResponse, now: number): Promise<Verdict> {
  const { status } = answer
  // Of an empty file there is no part.
  if (status === 416) return { kind: 'answered', note: noTime(target) }
  if (status !== 200 && status !== 206) return judge(target, answer)
  if (isOtherPage(target, answer, undefined)) return PAGE(target)
  const part = status === 206 ? partOf(answer) : undefined
  const size = status === 206 ? part?.size : lengthOf(answer)
  if (size !== undefined && size > MAX_TRACE_BYTES) return TOO_LARGE(target)
  const content = await answer.read(MAX_TRACE_BYTES)
  if (content.length > MAX_TRACE_BYTES) return TOO_LARGE(target)
  const isWhole = status === 200 || (part?.first === 0 && content.length === (size ?? part.last + 1))
  if (!isWhole)
    return { kind: 'answered', ranges: false, note: 'it sends another part than it was asked for' }
  const trace = parseTrace(Buffer.from(content).toString('utf8'), now)
  const note = trace === undefined ? noTime(target) : undefined
  return { kind: 'answered', ranges: status === 206 ? true : undefined, note, trace }
}

function noTime({ path }: ProbeTarget): string {
  return `no time can be read in ${path}`
}

const TOO_LARGE = ({ path }: ProbeTarget): Verdict => ({
  kind: 'failed',
  reason: `${path} is larger than a trace file`,
})

const PAGE = ({ path }: ProbeTarget): Verdict => ({
  kind: 'failed',
  reason: `it sends a page of HTML in the place of ${path}`,
})

/** Whether somebody says in HTML that the file is not here, or that the mirror is no mirror any more. */
function isOtherPage(
  { isPage, size }: ProbeTarget,
  answer: ProbeResponse,
  length: number | undefined,
): boolean {
  const isHtml = /^(text\/html|application\/xhtml\+xml)\b/i.test(answer.header('content-type') ?? '')
  return isHtml && !isPage && (size === undefined || length !== size)
}

/** Another length than here: an older copy of it, most often, and no sign of ill health. */
function noteOf({ path, size }: ProbeTarget, length: number | undefined): string | undefined {
  if (size === undefined || length === undefined || length === size) return undefined
  return `it has ${length} bytes of ${path}, and not ${size}`
}

/** Which part of how much a server says that it sends. */
function partOf(answer: ProbeResponse) {
  const [, first, last, total] =
    /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(answer.header('content-range') ?? '') ?? []
  if (total === undefined) return undefined
  return { first: Number(first), last: Number(last), size: total === '*' ? undefined : Number(total) }
}

function lengthOf(answer: ProbeResponse): number | undefined {
  const text = answer.header('content-length')
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
