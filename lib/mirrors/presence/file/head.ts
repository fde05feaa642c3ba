import type { Dispatcher } from 'undici'
import { parseImfFixdate } from '../../../dates.js'
import { parseDigestFields } from '../../../fields/received-digests.js'
import type { Digests } from '../../../model.js'
import { loadUndici } from '../../../network/undici.js'
import { type Unknown, withDeadline } from './deadline.js'
import { follow, type RedirectRules, type ResponseHead } from './redirect.js'
import {
  isIdentityCoded,
  listValue,
  parseContentRange,
  parseLength,
  type ResponseHeaders,
  singleValue,
} from './response-head.js'

/** What a mirror says of one file. */
export type FileCheck =
  | {
      readonly state: 'present'
      /** Bytes; undefined where the mirror does not say, or says it of another coding. */
      readonly size: number | undefined
      /** Milliseconds since 1970, to the second. */
      readonly mtime: number | undefined
      /** As sent, quotes and `W/` included. */
      readonly etag: string | undefined
      /** Whether it serves parts of files. */
      readonly ranges: boolean
      /** Of the whole file, by `Repr-Digest`, `Digest` or `X-MD5`; mostly none. */
      readonly digests: Digests
    }
  | { readonly state: 'absent'; readonly status: number }
  | Unknown

export interface CheckOptions extends RedirectRules {
  /** What requests go through. It is not closed. Default: one of its own. */
  readonly dispatcher?: Dispatcher
  /** Milliseconds for all of it. Default: 30 s. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const DEFAULT_TIMEOUT_MS = 30_000
/** Bytes of an answer that are read to keep its connection. */
const MAX_PASSED_BYTES = 16 * 1024
const GONE = new Set([404, 410])
/** Whoever answers so may still answer a GET (RFC 9110 §15.5.6, §15.6.2). */
const HEAD_REFUSED = new Set([405, 501])
const FIELDS = { 'Accept-Encoding': 'identity', 'User-Agent': 'mirrored-by' }

/**
 * Asks a mirror for one file by HEAD, or by GET of its first byte where HEAD is refused or tells no size. Redirects are
 * followed on the same host only, unless told otherwise: what another host holds says nothing of this one.
 *
 * Never rejects.
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
  const response = await send(url, 'HEAD', FIELDS, dispatcher, signal)
  if (!HEAD_REFUSED.has(response.status) && !lacksLength(response)) return response
  return send(url, 'GET', { ...FIELDS, Range: 'bytes=0-0' }, dispatcher, signal)
}

/** A HEAD need not tell the length; of empty files, Apache does not (RFC 9110 §9.3.2). */
function lacksLength({ status, headers }: ResponseHead): boolean {
  return (
    status === 200 && headers['content-length'] === undefined && headers['content-encoding'] === undefined
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
  const response = await request(url, { dispatcher, method, headers, signal })
  // A server that knows no ranges would send all of the file: more than a little ends the connection.
  await response.body.dump({ limit: MAX_PASSED_BYTES, signal })
  return { status: response.statusCode, headers: response.headers }
}

function judge({ status, headers }: ResponseHead): FileCheck {
  if (GONE.has(status)) return { state: 'absent', status }
  const partial = sizeByFirstByte(headers)
  // Of an empty file there is no first byte.
  const empty = status === 416 && partial === 0
  if (status !== 200 && status !== 206 && !empty)
    return { state: 'unknown', reason: `the answer is ${status}`, status }
  const isPlain = isIdentityCoded(headers)
  const size = status === 200 ? parseLength(singleValue(headers, 'content-length')) : partial
  const modified = singleValue(headers, 'last-modified')
  return {
    state: 'present',
    size: isPlain ? size : undefined,
    mtime: modified === undefined ? undefined : parseImfFixdate(modified),
    etag: singleValue(headers, 'etag'),
    ranges: status !== 200 || singleValue(headers, 'accept-ranges')?.trim().toLowerCase() === 'bytes',
    digests: isPlain ? digestsIn(headers) : {},
  }
}

/** The whole length in `bytes 0-0/1234`, or in what an empty file gets: a star in the place of `0-0`. */
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
