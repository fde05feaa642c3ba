import type { Dispatcher } from 'undici'
import { parseImfFixdate } from '../../../dates.js'
import { parseDigestFields } from '../../../fields/received-digests.js'
import type { Digests } from '../../../model.js'
import { interimLimit, loadUndici, MAX_DRAINED_BYTES } from '../../../network/undici.js'
import { type Unknown, withDeadline } from './deadline.js'
import { follow, type RedirectRules, type ResponseHead } from './redirect.js'
import {
  ABSENT_STATUSES,
  BUSY_STATUS,
  isIdentityCoded,
  listValue,
  parseContentRange,
  parseLength,
  type ResponseHeaders,
  retryAfterMs,
  singleValue,
} from './response-head.js'

/** What a mirror reports about one file. */
export type FileCheck =
  | {
      readonly state: 'present'
      /** Bytes; undefined if not reported, or reported for another content coding. */
      readonly size: number | undefined
      /** Milliseconds since 1970, to the second. */
      readonly mtime: number | undefined
      /** Content coding of the response; undefined if it has none. */
      readonly coding?: string
      /** As sent, quotes and `W/` included. */
      readonly etag: string | undefined
      /** Whether the mirror serves byte ranges. */
      readonly ranges: boolean
      /** Digests of the whole file from `Repr-Digest`, `Digest` or `X-MD5`; mostly empty. */
      readonly digests: Digests
    }
  | { readonly state: 'absent'; readonly status: number }
  | Unknown

export interface CheckOptions extends RedirectRules {
  /** Sends the requests; the caller closes it. Default: a new agent. */
  readonly dispatcher?: Dispatcher
  /** Time for the whole check. Default: 30 s. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const DEFAULT_TIMEOUT_MS = 30_000
/** Statuses of servers that may still accept GET (RFC 9110 §15.5.4, §15.5.6, §15.6.2). */
const HEAD_REFUSED_STATUSES = new Set([403, 405, 501])
const REQUEST_FIELDS = { 'Accept-Encoding': 'identity', 'User-Agent': 'mirrored-by' }

/**
 * Checks one file on a mirror by HEAD; by GET of its first byte if HEAD is refused or lacks the
 * size. By default only redirects to the same host are followed, because the files of another host
 * say nothing about this mirror. Never rejects.
 *
 * @param url http or https
 */
export async function checkFile(url: string, options: CheckOptions = {}): Promise<FileCheck> {
  const { dispatcher, timeoutMs = DEFAULT_TIMEOUT_MS, signal, ...rules } = options
  return withDeadline({ timeoutMs }, dispatcher, signal, async (through, deadline) => {
    const response = await follow(url, rules, (at) => ask(at, through, deadline.signal))
    return 'state' in response ? response : judge(response)
  })
}

async function ask(url: URL, dispatcher: Dispatcher, signal: AbortSignal): Promise<ResponseHead> {
  const response = await send(url, 'HEAD', REQUEST_FIELDS, dispatcher, signal)
  if (!HEAD_REFUSED_STATUSES.has(response.status) && !lacksLength(response)) return response
  return send(url, 'GET', { ...REQUEST_FIELDS, Range: 'bytes=0-0' }, dispatcher, signal)
}

/**
 * Whether a response to HEAD lacks the length (RFC 9110 §9.3.2), as Apache's do for empty files.
 * Some servers state 0, because they generate the response to HEAD without the content.
 */
function lacksLength({ status, headers }: ResponseHead): boolean {
  const length = headers['content-length']
  return (
    status === 200 && (length === undefined || length === '0') && headers['content-encoding'] === undefined
  )
}

async function send(
  url: URL,
  method: 'HEAD' | 'GET',
  headers: Readonly<Record<string, string>>,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<ResponseHead> {
  const { request } = await loadUndici()
  const response = await request(url, { dispatcher, method, headers, signal, onInfo: interimLimit() })
  // A server without ranges would send the whole file: a longer body closes the connection.
  await response.body.dump({ limit: MAX_DRAINED_BYTES, signal })
  return { status: response.statusCode, headers: response.headers }
}

function judge({ status, headers }: ResponseHead): FileCheck {
  if (ABSENT_STATUSES.has(status)) return { state: 'absent', status }
  const partial = sizeByFirstByte(headers)
  // An empty file has no first byte.
  const empty = status === 416 && partial === 0
  if (status === BUSY_STATUS)
    return {
      state: 'unknown',
      reason: 'it asks for fewer requests (429)',
      status,
      retryAfterMs: retryAfterMs(headers),
    }
  if (status !== 200 && status !== 206 && !empty)
    return { state: 'unknown', reason: `the answer is ${status}`, status }
  const isPlain = isIdentityCoded(headers)
  const coding = listValue(headers, 'content-encoding')?.trim() ?? ''
  const size = status === 200 ? parseLength(singleValue(headers, 'content-length')) : partial
  const modified = singleValue(headers, 'last-modified')
  return {
    state: 'present',
    size: isPlain ? size : undefined,
    mtime: modified === undefined ? undefined : parseImfFixdate(modified),
    ...(coding === '' || coding.toLowerCase() === 'identity' ? {} : { coding }),
    etag: singleValue(headers, 'etag'),
    ranges: status !== 200 || singleValue(headers, 'accept-ranges')?.trim().toLowerCase() === 'bytes',
    digests: isPlain ? digestsIn(headers) : {},
  }
}

/**
 * Returns the total in `bytes 0-0/1234`, or in the form for an empty file, with a star for `0-0`.
 */
function sizeByFirstByte(headers: ResponseHeaders): number | undefined {
  const range = parseContentRange(singleValue(headers, 'content-range'))
  return range?.part === undefined || range.part.end === 0 ? range?.total : undefined
}

function digestsIn(headers: ResponseHeaders): Digests {
  return parseDigestFields({
    reprDigest: listValue(headers, 'repr-digest'),
    digest: listValue(headers, 'digest'),
    xMd5: singleValue(headers, 'x-md5'),
  })
}
