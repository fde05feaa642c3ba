import { createHash } from 'node:crypto'
import mime from 'mime-types'
import type { Dispatcher } from 'undici'
import type { Random } from '../../../model.js'
import { REDIRECT_STATUSES } from '../../../network/redirects.js'
import { interimLimit, loadUndici, MAX_DRAINED_BYTES } from '../../../network/undici.js'
import { pieceLength } from '../../../pieces.js'
import { type Deadline, type Unknown, withDeadline } from './deadline.js'
import { follow, type RedirectRules, type ResponseHead } from './redirect.js'
import {
  ABSENT_STATUSES,
  isIdentityCoded,
  parseContentRange,
  parseLength,
  singleValue,
} from './response-head.js'

/** The piece of a file that a mirror should have. */
export interface PieceTarget {
  /** URL of the file on the mirror, http or https. */
  readonly url: string
  /** Bytes of the whole file. */
  readonly size: number
  /** Zero-based number of the piece. */
  readonly piece: number
  /** Bytes of a piece; the last may be shorter. */
  readonly length: number
  /** Digest of the piece, 32 bytes. */
  readonly sha256: Uint8Array
}

export type ChallengeResult =
  /** The mirror has exactly these bytes. */
  | {
      readonly state: 'same'
      readonly bytes: number
      /** From the head of the response to the last byte. */
      readonly milliseconds: number
      /** As sent, quotes and `W/` included. */
      readonly etag: string | undefined
    }
  /** The mirror has a file of this size with other bytes, and sent the whole piece. */
  | {
      readonly state: 'differs'
      /** First and last byte of the piece. */
      readonly start: number
      readonly end: number
      /** Hexadecimal sha-256 of our piece, and of the mirror's. */
      readonly expected: string
      readonly got: string
      readonly bytes: number
      readonly etag: string | undefined
    }
  /** The mirror announced the piece, but sent fewer or more bytes, perhaps by accident. */
  | {
      readonly state: 'broken'
      readonly reason: string
      /** First and last byte of the piece. */
      readonly start: number
      readonly end: number
      /** Bytes that were received. */
      readonly bytes: number
    }
  | { readonly state: 'absent'; readonly status: number }
  /** The mirror has a file of another size: an older or newer version, which is not a fault. */
  | { readonly state: 'resized'; readonly size: number }
  | Unknown

export interface ChallengeDependencies extends RedirectRules {
  /** Sends the requests; the caller closes it. Default: a new agent. */
  readonly dispatcher?: Dispatcher
  readonly signal?: AbortSignal
  /** Monotonic clock in milliseconds. Default: `performance.now`. */
  readonly now?: () => number
}

export interface ChallengeLimits {
  /** Time for the whole challenge. Default: 60 s. */
  readonly timeoutMs: number
  /** Time without a byte. Default: 15 s. */
  readonly silenceMs: number
}

const DEFAULT_LIMITS: ChallengeLimits = { timeoutMs: 60_000, silenceMs: 15_000 }
const REQUEST_FIELDS = { 'Accept-Encoding': 'identity', 'User-Agent': 'mirrored-by (check of content)' }

/**
 * Fetches one piece of a file from a mirror and compares its digest with ours. Never rejects. Reads
 * little more than the piece.
 */
export async function challenge(
  target: PieceTarget,
  dependencies: ChallengeDependencies = {},
  limits: Partial<ChallengeLimits> = {},
): Promise<ChallengeResult> {
  const { now = () => performance.now() } = dependencies
  const range = pieceRange(target.size, target.length, target.piece)
  if (range === undefined) return { state: 'unknown', reason: 'the file has no such piece' }
  const allLimits = { ...DEFAULT_LIMITS, ...limits }
  return withDeadline(
    allLimits,
    dependencies.dispatcher,
    dependencies.signal,
    async (dispatcher, deadline) => {
      const response = await follow(target.url, dependencies, (url) => send(url, range, dispatcher, deadline))
      if ('state' in response) return response
      try {
        const verdict = judge(target, range, response)
        if (verdict !== undefined) return verdict
        return await compare(target, range, response, deadline, now)
      } finally {
        await drain(response.body, deadline)
      }
    },
  )
}

/** First and last byte of a piece. */
export interface PieceRange {
  readonly start: number
  readonly end: number
}

/**
 * Returns the first and last byte of a piece.
 *
 * @param size bytes of the file
 * @param length bytes of a piece
 * @param piece zero-based number of the piece
 * @returns undefined if there is no such piece
 */
export function pieceRange(size: number, length: number, piece: number): PieceRange | undefined {
  const start = piece * length
  if (!(Number.isInteger(piece) && piece >= 0 && length > 0 && start < size)) return undefined
  return { start, end: Math.min(start + length, size) - 1 }
}

/**
 * Returns the number of a random piece; all pieces are equally likely.
 *
 * @param size bytes of the file
 * @param length bytes of a piece; default: the length of indexed pieces
 * @returns undefined if the file is empty
 */
export function choosePiece(size: number, random: Random, length = pieceLength(size)): number | undefined {
  const count = Math.ceil(size / length)
  return count > 0 ? Math.min(count - 1, Math.floor(random() * count)) : undefined
}

interface PieceResponse extends ResponseHead {
  readonly body: Dispatcher.ResponseData['body']
}

async function send(
  url: URL,
  { start, end }: PieceRange,
  dispatcher: Dispatcher,
  deadline: Deadline,
): Promise<PieceResponse> {
  const { request } = await loadUndici()
  const { statusCode, headers, body } = await request(url, {
    dispatcher,
    method: 'GET',
    headers: { ...REQUEST_FIELDS, Range: `bytes=${start}-${end}` },
    signal: deadline.signal,
    onInfo: interimLimit(),
    // The deadline limits the time instead.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  deadline.restartSilence()
  // Errors after the head reach the reader of the body; without a listener they would also be
  // thrown.
  body.on('error', () => {})
  if (REDIRECT_STATUSES.has(statusCode)) await drain(body, deadline)
  return { status: statusCode, headers, body }
}

/** Reads the rest of a body if it is short, so that its connection can be used again. */
async function drain(body: PieceResponse['body'], { signal }: Deadline): Promise<void> {
  if (body.destroyed) return
  if (signal.aborted) body.destroy()
  // Errors are ignored, because the verdict is known already.
  else await body.dump({ limit: MAX_DRAINED_BYTES, signal }).catch(() => {})
}

/** Judges the head of a response; undefined if the piece follows. */
function judge(target: PieceTarget, range: PieceRange, response: PieceResponse): ChallengeResult | undefined {
  const { status, headers } = response
  const unknown = (reason: string): Unknown => ({ state: 'unknown', reason, status })
  if (ABSENT_STATUSES.has(status)) return { state: 'absent', status }
  if (status !== 200 && status !== 206 && status !== 416) return unknown(`the answer is ${status}`)
  if (!isIdentityCoded(headers)) return unknown('the answer is encoded')
  const size = sizeIn(response)
  // The page of a 416 response describes the error.
  if (status !== 416 && size !== target.size && isErrorPage(target, response)) return unknown(HTML_PAGE)
  const part = parseContentRange(singleValue(headers, 'content-range'))?.part
  if (status === 206 && part === undefined) return unknown('it sends a part, and does not say which')
  if (size !== undefined && size !== target.size) return { state: 'resized', size }
  if (status === 416) return unknown('it says that it has no such piece')
  const expectedLength = lengthOf(range)
  if (status === 200)
    return expectedLength === target.size ? undefined : unknown('it sends all of the file for a piece of it')
  if (part?.start !== range.start || part.end !== range.end)
    return unknown('it sends another part than it was asked for')
  const length = parseLength(singleValue(headers, 'content-length'))
  if (length === undefined || length === expectedLength) return undefined
  return { state: 'broken', reason: 'it sends a part of another length', ...range, bytes: 0 }
}

const HTML_PAGE = 'it sends a page of HTML in the place of the file'

/** Whether a page of HTML came instead of a file: an error page, or the site of a former mirror. */
function isErrorPage({ url }: PieceTarget, { headers }: PieceResponse): boolean {
  const isHtml = /^(text\/html|application\/xhtml\+xml)\b/i.test(singleValue(headers, 'content-type') ?? '')
  return isHtml && mime.lookup(new URL(url).pathname) !== 'text/html'
}

/** Returns the size of the mirror's file; undefined if the response does not state it. */
function sizeIn({ status, headers }: PieceResponse): number | undefined {
  if (status === 200) return parseLength(singleValue(headers, 'content-length'))
  return parseContentRange(singleValue(headers, 'content-range'))?.total
}

/** Reads the piece, at most one chunk beyond its end, and compares its digest. */
async function compare(
  target: PieceTarget,
  range: PieceRange,
  response: PieceResponse,
  deadline: Deadline,
  now: () => number,
): Promise<ChallengeResult> {
  const { status, headers, body } = response
  const unknown = (reason: string): Unknown => ({ state: 'unknown', reason, status })
  const startedAt = now()
  const hash = createHash('sha256')
  const expectedLength = lengthOf(range)
  let bytes = 0
  const broken = (reason: string): ChallengeResult => ({ state: 'broken', reason, ...range, bytes })
  try {
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) continue
      deadline.restartSilence()
      bytes += chunk.length
      if (bytes > expectedLength) return broken('it sends more than the piece')
      hash.update(chunk)
    }
  } catch (error) {
    // A timeout does not count as a broken body.
    if (deadline.signal.aborted) throw error
    return broken(`it breaks off after ${bytes} bytes of ${expectedLength}`)
  }
  const milliseconds = now() - startedAt
  if (bytes < expectedLength) return broken(`it sends ${bytes} bytes of ${expectedLength}`)
  const etag = singleValue(headers, 'etag')
  const digest = hash.digest()
  if (digest.equals(target.sha256)) return { state: 'same', bytes, milliseconds, etag }
  // Other bytes count as a fault only if the response says that its file has our size.
  if (sizeIn(response) === undefined)
    return unknown('the piece is another, and it does not say of what size of file')
  if (isErrorPage(target, response)) return unknown(HTML_PAGE)
  const expected = Buffer.from(target.sha256).toString('hex')
  return { state: 'differs', ...range, expected, got: digest.toString('hex'), bytes, etag }
}

function lengthOf({ start, end }: PieceRange): number {
  return end - start + 1
}
