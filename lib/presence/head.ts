import { Agent, type Dispatcher, request } from 'undici'
import { reason } from '../errors.js'
import { quote } from './names.js'
import { parseHttpDate } from './time.js'

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
    }
  | { readonly state: 'absent'; readonly status: number }
  /** It cannot be told: there is no answer, or none that says it. */
  | { readonly state: 'unknown'; readonly reason: string; readonly status?: number }

export interface CheckOptions {
  /** What requests go through. It is not closed. Default: one of its own. */
  readonly dispatcher?: Dispatcher
  /** Milliseconds for all of it. Default: 30 s. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

type Headers = Dispatcher.ResponseData['headers']

const DEFAULT_TIMEOUT = 30_000
const MOST_REDIRECTS = 5
/** Bytes of an answer that are read to keep its connection. */
const MOST_PASSED = 16 * 1024
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const GONE = new Set([404, 410])
/** Whoever answers so may still answer a GET (RFC 9110 §15.5.6, §15.6.2). */
const HEAD_REFUSED = new Set([405, 501])
const FIELDS = { 'Accept-Encoding': 'identity', 'User-Agent': 'mirrored-by' }

/**
 * Asks a mirror for one file by HEAD, or by GET of its first byte where HEAD is refused or tells no size. Redirects are
 * followed on the same host only: what another host holds says nothing of this one.
 *
 * Never rejects.
 *
 * @param url http or https
 */
export async function checkFile(url: string, options: CheckOptions = {}): Promise<FileCheck> {
  const { timeout = DEFAULT_TIMEOUT, signal } = options
  const controller = new AbortController()
  const abort = (): void => controller.abort(new Error('it was aborted'))
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeout / 1000} s`)), timeout)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  const agent = options.dispatcher === undefined ? new Agent() : undefined
  try {
    const dispatcher = options.dispatcher ?? agent
    return await follow(url, dispatcher === undefined ? {} : { dispatcher }, controller.signal)
  } catch (error) {
    const why = controller.signal.aborted ? controller.signal.reason : error
    return { state: 'unknown', reason: reason(why) }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    await agent?.destroy()
  }
}

interface Through {
  readonly dispatcher?: Dispatcher
}

async function follow(text: string, through: Through, signal: AbortSignal): Promise<FileCheck> {
  if (!URL.canParse(text)) return { state: 'unknown', reason: 'the URL is not one' }
  let url = new URL(text)
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const { status, headers } = await ask(url, through, signal)
    if (!REDIRECTS.has(status)) return judge(status, headers)
    const target = redirection(url, headers)
    if (typeof target === 'string') return { state: 'unknown', reason: target, status }
    url = target
  }
  return { state: 'unknown', reason: 'there are too many redirects' }
}

interface Said {
  readonly status: number
  readonly headers: Headers
}

async function ask(url: URL, through: Through, signal: AbortSignal): Promise<Said> {
  const said = await send(url, 'HEAD', FIELDS, through, signal)
  if (!HEAD_REFUSED.has(said.status) && !lacksLength(said)) return said
  return send(url, 'GET', { ...FIELDS, Range: 'bytes=0-0' }, through, signal)
}

/** A HEAD need not tell the length; of empty files, Apache does not (RFC 9110 §9.3.2). */
function lacksLength({ status, headers }: Said): boolean {
  return (
    status === 200 && headers['content-length'] === undefined && headers['content-encoding'] === undefined
  )
}

async function send(
  url: URL,
  method: 'HEAD' | 'GET',
  headers: Readonly<Record<string, string>>,
  through: Through,
  signal: AbortSignal,
): Promise<Said> {
  const response = await request(url, { ...through, method, headers, signal })
  // A server that knows no ranges would send all of the file: more than a little ends the connection.
  await response.body.dump({ limit: MOST_PASSED, signal })
  return { status: response.statusCode, headers: response.headers }
}

/** Where a redirect leads, or why it is not followed. */
function redirection(from: URL, headers: Headers): URL | string {
  const location = only(headers, 'location')
  if (location === undefined || !URL.canParse(location, from.href))
    return 'the answer is a redirect to nowhere'
  const to = new URL(location, from)
  const upgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === ''
  const sameHost = to.hostname === from.hostname && (to.origin === from.origin || upgrade)
  return sameHost ? to : `the answer is a redirect to another host, ${quote(to.host)}`
}

function judge(status: number, headers: Headers): FileCheck {
  if (GONE.has(status)) return { state: 'absent', status }
  const partial = parseContentRange(only(headers, 'content-range'))
  // Of an empty file there is no first byte.
  const empty = status === 416 && partial === 0
  if (status !== 200 && status !== 206 && !empty)
    return { state: 'unknown', reason: `the answer is ${status}`, status }
  const coded = !['', 'identity'].includes(only(headers, 'content-encoding') ?? '')
  const whole = status === 200 ? parseLength(only(headers, 'content-length')) : partial
  const modified = only(headers, 'last-modified')
  return {
    state: 'present',
    size: coded ? undefined : whole,
    mtime: modified === undefined ? undefined : parseHttpDate(modified),
    etag: only(headers, 'etag'),
    ranges: status !== 200 || only(headers, 'accept-ranges')?.trim().toLowerCase() === 'bytes',
  }
}

/** The value of a field that may come once; undefined where it is missing or comes twice. */
function only(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

function parseLength(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const length = Number(text)
  return Number.isSafeInteger(length) ? length : undefined
}

/** The whole length in `bytes 0-0/1234`, or in what an empty file gets: a star in the place of `0-0`. */
function parseContentRange(text: string | undefined): number | undefined {
  return parseLength(/^bytes (?:0-0|\*)\/(\d+)$/.exec(text ?? '')?.[1])
}
