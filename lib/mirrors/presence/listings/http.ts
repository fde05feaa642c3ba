import { setTimeout } from 'node:timers/promises'
import type { Agent, Dispatcher } from 'undici'
import { errorMessage, systemCode } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../../network/redirects.js'
import { interimLimit, loadUndici, MAX_DRAINED_BYTES } from '../../../network/undici.js'
import { BUSY_STATUS, retryAfterMs } from '../file/response-head.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { nameProblem, quoteFolder } from './file-names.js'
import { type Folder, FolderPage, ROOT } from './folder-page.js'
import { HtmlIndex } from './html-index.js'
import { decodeStep, pathBelow } from './index-link.js'
import type { IndexPageReader, IndexSink } from './index-page.js'
import { JsonIndex } from './json-index.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { parseUrl } from './url.js'

export interface HttpListingOptions extends ListingOptions {
  /**
   * Sends the requests; the caller closes it. Default: a new agent, whose connections close with
   * the listing.
   */
  readonly dispatcher?: Dispatcher
  /** Maximum number of concurrent requests. Default: 4. */
  readonly concurrency?: number
}

const DEFAULT_CONCURRENCY = 4
/** Folders that fail one after the other before the listing is aborted. */
const MAX_FAILURES_IN_ROW = 10
/** Attempts for one request. */
const MAX_ATTEMPTS = 2
/** Times that the server may ask for fewer requests before one folder is listed. */
const MAX_BUSY = 8
/** Bytes of an index that are parsed without a pause for requests: about twenty names. */
const FEED_BYTES = 2048
const BROKEN_CONNECTION_CODES = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const TIMEOUT_CODES = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

const REQUEST_FIELDS = {
  // Caddy offers both; its JSON has exact sizes.
  Accept: 'application/json, text/html;q=0.9',
  'Accept-Encoding': 'identity',
  'User-Agent': 'mirrored-by',
}

/**
 * Lists a mirror by the folder indexes of its web server: nginx, Apache, lighttpd, Caddy and
 * similar servers. Sizes are often rounded. Some servers hide names from their indexes (by default,
 * Apache's `IndexIgnore` hides README files), so an unlisted file may still exist.
 *
 * @param url base URL of the repository on the mirror, http or https
 */
export function listHttp(url: string, options: HttpListingOptions = {}): Listing {
  return createListing(options, async (reader) => {
    const base = baseOf(url)
    const { dispatcher, concurrency = DEFAULT_CONCURRENCY } = options
    if (dispatcher !== undefined) return new Walk(reader, base, dispatcher).run(concurrency)
    const agent = await createAgent(reader)
    try {
      await new Walk(reader, base, agent).run(concurrency)
    } finally {
      await agent.destroy()
    }
  })
}

function baseOf(text: string): URL {
  const url = parseUrl(text, 'https:', 'http:')
  return new URL(url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`, url.origin)
}

async function createAgent(reader: ListingReader): Promise<Agent> {
  const { idleMs } = reader.limits
  const undici = await loadUndici()
  return new undici.Agent({ connect: { timeout: idleMs }, headersTimeout: idleMs, bodyTimeout: idleMs })
}

/** A folder to be listed by its URL. */
interface HttpFolder extends Folder {
  readonly url: URL
}

/** The response for a folder, and the folder that it lists: another one after a redirect. */
interface FolderResponse {
  readonly folder: HttpFolder
  readonly response: Dispatcher.ResponseData
}

/** Thrown if one folder cannot be read. The listing goes on with other folders. */
class UnreadableFolder extends Error {
  /** Whether the whole server may be at fault, not this folder alone. */
  readonly isServers: boolean

  constructor(reason: string, isServers = false) {
    super(reason)
    this.isServers = isServers
  }
}

class Walk {
  readonly #reader: ListingReader
  readonly #base: URL
  readonly #dispatcher: Dispatcher
  /** A stack, so that few folders of a wide tree wait at any time. */
  readonly #pending: HttpFolder[] = []
  /** Paths of all folders ever pending. A redirect may lead to one of them. */
  readonly #enqueuedPaths = new Set<string>()
  #failuresInRow = 0
  /** By the steady clock; the server has asked for no requests before this time. */
  #busyUntil = 0

  constructor(reader: ListingReader, base: URL, dispatcher: Dispatcher) {
    this.#reader = reader
    this.#base = base
    this.#dispatcher = dispatcher
  }

  /** Lists the tree. Resolves when no folder is pending and no request is running. */
  async run(concurrency: number): Promise<void> {
    this.#reader.folders.name(ROOT.path)
    this.#enqueue({ ...ROOT, url: this.#base })
    let running = 0
    await new Promise<void>((resolve) => {
      const fill = (): void => {
        while (running < Math.max(1, concurrency) && !this.#reader.signal.aborted) {
          const folder = this.#pending.pop()
          if (folder === undefined) break
          running += 1
          void this.#visit(folder).finally(() => {
            running -= 1
            fill()
          })
        }
        if (running === 0) resolve()
      }
      fill()
    })
  }

  #enqueue(folder: HttpFolder): void {
    if (this.#enqueuedPaths.has(folder.path)) return
    this.#enqueuedPaths.add(folder.path)
    this.#pending.push(folder)
  }

  /**
   * Lists one folder. Never rejects: an unreadable folder makes the listing incomplete, and an
   * abort stops the other requests too.
   */
  async #visit(folder: HttpFolder): Promise<void> {
    try {
      await this.#list(folder)
      this.#failuresInRow = 0
    } catch (error) {
      if (this.#reader.signal.aborted) return
      if (error instanceof ListingAborted) return this.#reader.stop(error.message)
      const problem = `${quoteFolder(folder.path)}: ${this.#describeError(error)}`
      this.#reader.markIncomplete(problem)
      if (error instanceof UnreadableFolder && !error.isServers) return
      this.#failuresInRow += 1
      if (this.#failuresInRow === MAX_FAILURES_IN_ROW)
        this.#reader.stop(
          `${MAX_FAILURES_IN_ROW} folders in a row could not be read, the last one ${problem}`,
        )
    }
  }

  /** @throws UnreadableFolder, ListingAborted, or an error of the HTTP client */
  async #list(requested: HttpFolder): Promise<void> {
    const opened = await this.#open(requested)
    if (opened === undefined) return
    const { folder, response } = opened
    const page = new FolderPage(this.#reader, folder)
    const pageReader = pageReaderFor(response, folder.url, {
      entry: ({ name, folder: isFolder, listed }) =>
        page.add({ kind: isFolder ? 'folder' : 'file', name, target: undefined, listed }),
      remark: (problem) => page.remark(problem),
    })
    if (typeof pageReader === 'string') return this.#refuse(response, pageReader)
    const text = new TextDecoder()
    try {
      for await (const chunk of response.body) {
        this.#reader.addBytes(chunk.length)
        for (let at = 0; at < chunk.length && !pageReader.broken; at += FEED_BYTES) {
          const pause = yieldToRequests()
          if (pause !== undefined) await pause
          pageReader.feed(text.decode(chunk.subarray(at, at + FEED_BYTES), { stream: true }))
        }
        if (pageReader.broken) break
        await this.#reader.waitForRoom()
      }
    } finally {
      // Folders listed before a page broke off exist.
      for (const { name, ...subfolder } of page.subfolders())
        this.#enqueue({ ...subfolder, url: new URL(`${encodeURIComponent(name)}/`, folder.url) })
    }
    const problem = pageReader.end()
    if (problem !== undefined) throw new UnreadableFolder(problem)
    page.end()
  }

  /** Reads the rest of a response if it is short, so that its connection can be used again. */
  async #drain(response: Dispatcher.ResponseData): Promise<void> {
    await response.body.dump({ limit: MAX_DRAINED_BYTES, signal: this.#reader.signal })
  }

  async #refuse(response: Dispatcher.ResponseData, reason: string): Promise<never> {
    await this.#drain(response)
    const { statusCode } = response
    throw new UnreadableFolder(reason, statusCode >= 500 || statusCode === BUSY_STATUS)
  }

  /**
   * Requests a folder, and follows redirects within the repository. Files of a redirected folder
   * are listed below the target's path. Whether they exist below the first path too is unknown, so
   * that path is reported as a link without a known target.
   *
   * @returns undefined if the target belongs to another visit, or not to the repository
   */
  async #open(folder: HttpFolder): Promise<FolderResponse | undefined> {
    let current = folder
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.#request(current.url)
      const { statusCode } = response
      if (statusCode === 200) return { folder: current, response }
      if (!REDIRECT_STATUSES.has(statusCode)) return this.#refuse(response, `the answer is ${statusCode}`)
      await this.#drain(response)
      const url = this.#redirectTarget(current, response)
      const path = this.#pathOf(url)
      if (path !== current.path) {
        if (folder.path === '')
          throw new UnreadableFolder(`the answer is a redirect to ${quote(url.pathname)}`)
        this.#reader.addLink(folder.path, undefined)
        if (path === undefined || this.#enqueuedPaths.has(path) || !this.#reader.wantsFolder(path))
          return undefined
        this.#enqueuedPaths.add(path)
      }
      current = { ...folder, path, url }
    }
    throw new UnreadableFolder('there are too many redirects')
  }

  /** Returns the target of a redirect, which must be a folder within the mirror's base URL. */
  #redirectTarget(folder: HttpFolder, response: Dispatcher.ResponseData): URL {
    const { location } = response.headers
    const url = nextLocation(folder.url, typeof location === 'string' ? location : undefined)
    if (url === undefined) throw new UnreadableFolder('the answer is a redirect to nowhere')
    const within =
      url.origin === this.#base.origin && pathBelow(this.#base.pathname, url.pathname) !== undefined
    if (!within || url.search !== '' || !url.pathname.endsWith('/'))
      throw new UnreadableFolder(`the answer is a redirect to ${quote(url.origin + url.pathname)}`)
    return new URL(url.pathname, url.origin)
  }

  /** Returns the repository path of a folder's URL; undefined if the path is excluded. */
  #pathOf(url: URL): string | undefined {
    const rest = pathBelow(this.#base.pathname, url.pathname) ?? ''
    const names = rest.split('/').slice(0, -1).map(decodeStep)
    if (names.length === 0) return ''
    if (names.some((name) => name === undefined || nameProblem(name) !== undefined))
      throw new UnreadableFolder('the answer is a redirect to a name that cannot be')
    return this.#reader.wholePathOf(names.join('/'))
  }

  /** Waits while the server wants no requests. */
  async #rest(signal: AbortSignal): Promise<void> {
    for (
      let delay = this.#busyUntil - performance.now();
      delay > 0;
      delay = this.#busyUntil - performance.now()
    )
      await setTimeout(delay, undefined, { signal })
  }

  #describeError(error: unknown): string {
    const timedOut = TIMEOUT_CODES.has(systemCode(error) ?? '')
    return timedOut ? `nothing came for ${this.#reader.limits.idleMs / 1000} s` : errorMessage(error)
  }

  /**
   * Sends a request. Retries once, because a server may close a connection just as it is reused,
   * and later if the server asks for fewer requests.
   */
  async #request(url: URL): Promise<Dispatcher.ResponseData> {
    const { signal } = this.#reader
    const { request } = await loadUndici()
    let busy = 0
    for (let attempt = 1; ; attempt += 1) {
      await this.#rest(signal)
      try {
        const response = await request(url, {
          dispatcher: this.#dispatcher,
          headers: REQUEST_FIELDS,
          signal,
          onInfo: interimLimit(),
        })
        if (response.statusCode !== BUSY_STATUS || busy >= MAX_BUSY) return response
        await this.#drain(response)
        busy += 1
        attempt -= 1
        this.#busyUntil = performance.now() + retryAfterMs(response.headers)
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !BROKEN_CONNECTION_CODES.has(systemCode(error) ?? '')) throw error
      }
    }
  }
}

/** Returns the reader for a response, or why no reader supports its type or coding. */
function pageReaderFor(
  response: Dispatcher.ResponseData,
  url: URL,
  sink: IndexSink,
): IndexPageReader | string {
  const coding = String(response.headers['content-encoding'] ?? 'identity')
  if (coding !== 'identity') return `the answer is encoded as ${quote(coding)}`
  const contentType = String(response.headers['content-type'] ?? '')
  const type = contentType.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/json') return new JsonIndex(sink)
  if (type === 'text/html' || type === 'application/xhtml+xml') return new HtmlIndex(url, sink)
  return `the answer is of type ${quote(contentType)}`
}
