import type { Agent, Dispatcher } from 'undici'
import { errorMessage, systemCode } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../../network/redirects.js'
import { loadUndici } from '../../../network/undici.js'
import { joinPath } from '../../../paths.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { nameProblem, quoteFolder } from './file-names.js'
import { Fingerprint } from './fingerprint.js'
import { HtmlIndex } from './html-index.js'
import { decodeStep, pathBelow } from './index-link.js'
import type { IndexEntry, IndexPageReader, IndexSink } from './index-page.js'
import { JsonIndex } from './json-index.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { parseUrl } from './url.js'

export interface HttpListingOptions extends ListingOptions {
  /** What requests go through. It is not closed. Default: one of its own, whose connections end with the listing. */
  readonly dispatcher?: Dispatcher
  /** Requests under way at once. Default: 4. */
  readonly concurrency?: number
}

const DEFAULT_CONCURRENCY = 4
/** Bytes of an answer that are read to keep its connection. */
const MAX_PASSED_BYTES = 16 * 1024
/** So many folders in a row that cannot be read are no accident. */
const MAX_FAILURES_IN_ROW = 10
const MAX_ATTEMPTS = 2
/** Bytes of an index that are read in one go: some twenty names. */
const FEED_BYTES = 2048
const BROKEN_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

const FIELDS = {
  // Caddy offers both, and JSON has exact sizes.
  Accept: 'application/json, text/html;q=0.9',
  'Accept-Encoding': 'identity',
  'User-Agent': 'mirrored-by',
}

/**
 * Lists a mirror by the indexes that its web server makes of folders: those of nginx, Apache, lighttpd, Caddy and the like.
 * Sizes are often rounded. Some servers hide names from their indexes (Apache's `IndexIgnore` README files, by default):
 * a file that is not listed may still be there.
 *
 * @param url base URL of the repository there, http or https
 */
export function listHttp(url: string, options: HttpListingOptions = {}): Listing {
  return createListing(options, async (scan) => {
    const base = baseOf(url)
    const { dispatcher, concurrency = DEFAULT_CONCURRENCY } = options
    if (dispatcher !== undefined) return new Walk(scan, base, dispatcher).run(concurrency)
    const agent = await createAgent(scan)
    try {
      await new Walk(scan, base, agent).run(concurrency)
    } finally {
      await agent.destroy()
    }
  })
}

function baseOf(text: string): URL {
  const url = parseUrl(text, 'https:', 'http:')
  return new URL(url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`, url.origin)
}

async function createAgent(scan: ListingReader): Promise<Agent> {
  const { idleMs } = scan.limits
  const undici = await loadUndici()
  return new undici.Agent({ connect: { timeout: idleMs }, headersTimeout: idleMs, bodyTimeout: idleMs })
}

/** A folder that is to be listed. */
interface Folder {
  /** Repository path; the root is empty. */
  readonly path: string
  readonly url: URL
  /** Fingerprints of the folders above. */
  readonly ancestors: readonly string[]
}

/** The answer for a folder, and the folder that it is for: another, where the server redirected. */
interface FolderResponse {
  readonly folder: Folder
  readonly response: Dispatcher.ResponseData
}

/** A folder could not be read. The others may be. */
class UnreadableFolder extends Error {}

class Walk {
  readonly #reader: ListingReader
  readonly #base: URL
  readonly #dispatcher: Dispatcher
  /** Last in, first out, so that a wide tree is not all waiting at once. */
  readonly #pending: Folder[] = []
  /** Paths of folders that are or were waiting: a redirect may lead to one of them. */
  readonly #enqueuedPaths = new Set<string>()
  #failuresInRow = 0

  constructor(scan: ListingReader, base: URL, dispatcher: Dispatcher) {
    this.#reader = scan
    this.#base = base
    this.#dispatcher = dispatcher
  }

  /** Ends when nothing waits any more, and no request is under way. */
  async run(concurrency: number): Promise<void> {
    this.#enqueue({ path: '', url: this.#base, ancestors: [] })
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

  #enqueue(folder: Folder): void {
    if (this.#enqueuedPaths.has(folder.path)) return
    this.#enqueuedPaths.add(folder.path)
    this.#pending.push(folder)
  }

  /** Never rejects: a folder that cannot be read is told, and what ends the scan stops the other requests too. */
  async #visit(folder: Folder): Promise<void> {
    try {
      await this.#list(folder)
      this.#failuresInRow = 0
    } catch (error) {
      if (this.#reader.signal.aborted) return
      if (error instanceof ListingAborted) return this.#reader.stop(error.message)
      const problem = `${quoteFolder(folder.path)}: ${this.#describeError(error)}`
      this.#reader.markIncomplete(problem)
      this.#failuresInRow += 1
      if (this.#failuresInRow === MAX_FAILURES_IN_ROW)
        this.#reader.stop(
          `${MAX_FAILURES_IN_ROW} folders in a row could not be read, the last one ${problem}`,
        )
    }
  }

  /** @throws Unreadable, Halt, or what the client says */
  async #list(requested: Folder): Promise<void> {
    const answer = await this.#open(requested)
    if (answer === undefined) return
    const { folder, response } = answer
    const page = new Page(this.#reader, folder)
    const pageReader = pageReaderFor(response, folder.url, page)
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
      // What was listed before a page broke off is there.
      this.#descend(folder, page)
    }
    const problem = pageReader.end()
    if (problem !== undefined) throw new UnreadableFolder(problem)
  }

  /** Reads what is left of an answer, if that is little, so that its connection can be used again. */
  async #drain(response: Dispatcher.ResponseData): Promise<void> {
    await response.body.dump({ limit: MAX_PASSED_BYTES, signal: this.#reader.signal })
  }

  async #refuse(response: Dispatcher.ResponseData, why: string): Promise<never> {
    await this.#drain(response)
    throw new UnreadableFolder(why)
  }

  #descend(folder: Folder, page: Page): void {
    const ancestors = page.fingerprint.checkDescent(this.#reader, folder.path, folder.ancestors)
    if (ancestors === undefined) return
    for (const name of page.folders) {
      const url = new URL(`${encodeURIComponent(name)}/`, folder.url)
      this.#enqueue({ path: joinPath(folder.path, name), url, ancestors })
    }
  }

  /**
   * Asks for a folder, where need be at another path of the repository. What a redirected folder holds is told for where
   * it leads; whether it can be had by the first path too cannot be told.
   *
   * @returns undefined where another visit lists what it leads to, or nobody is to
   */
  async #open(folder: Folder): Promise<FolderResponse | undefined> {
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
        if (path === undefined || this.#enqueuedPaths.has(path)) return undefined
        this.#enqueuedPaths.add(path)
      }
      current = { ...folder, path, url }
    }
    throw new UnreadableFolder('there are too many redirects')
  }

  /** One that stays within the mirror's base. */
  #redirectTarget(folder: Folder, response: Dispatcher.ResponseData): URL {
    const { location } = response.headers
    const url = nextLocation(folder.url, typeof location === 'string' ? location : undefined)
    if (url === undefined) throw new UnreadableFolder('the answer is a redirect to nowhere')
    const within =
      url.origin === this.#base.origin && pathBelow(this.#base.pathname, url.pathname) !== undefined
    if (!within || url.search !== '' || !url.pathname.endsWith('/'))
      throw new UnreadableFolder(`the answer is a redirect to ${quote(url.origin + url.pathname)}`)
    return new URL(url.pathname, url.origin)
  }

  /** The repository path of a folder's URL; undefined where it does not belong to the repository. */
  #pathOf(url: URL): string | undefined {
    const rest = pathBelow(this.#base.pathname, url.pathname) ?? ''
    const names = rest.split('/').slice(0, -1).map(decodeStep)
    if (names.length === 0) return ''
    if (names.some((name) => name === undefined || nameProblem(name) !== undefined))
      throw new UnreadableFolder('the answer is a redirect to a name that cannot be')
    return this.#reader.wholePathOf(names.join('/'))
  }

  #describeError(error: unknown): string {
    const timedOut = TIMEOUTS.has(systemCode(error) ?? '')
    return timedOut ? `nothing came for ${this.#reader.limits.idleMs / 1000} s` : errorMessage(error)
  }

  /** A server may close a connection just when it is used again: that is tried once more. */
  async #request(url: URL): Promise<Dispatcher.ResponseData> {
    const { signal } = this.#reader
    const { request } = await loadUndici()
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await request(url, { dispatcher: this.#dispatcher, headers: FIELDS, signal })
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !BROKEN_CONNECTION.has(systemCode(error) ?? '')) throw error
      }
    }
  }
}

/** What reads an answer, or why nothing can. */
function pageReaderFor(
  response: Dispatcher.ResponseData,
  url: URL,
  sink: IndexSink,
): IndexPageReader | string {
  const coding = String(response.headers['content-encoding'] ?? 'identity')
  if (coding !== 'identity') return `the answer is encoded as ${quote(coding)}`
  const written = String(response.headers['content-type'] ?? '')
  const type = written.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/json') return new JsonIndex(sink)
  if (type === 'text/html' || type === 'application/xhtml+xml') return new HtmlIndex(url, sink)
  return `the answer is of type ${quote(written)}`
}

/** Gives the files of one page to the scan, and keeps its folders. */
class Page implements IndexSink {
  readonly folders: string[] = []
  readonly fingerprint = new Fingerprint()
  readonly #reader: ListingReader
  readonly #folder: Folder

  constructor(scan: ListingReader, folder: Folder) {
    this.#reader = scan
    this.#folder = folder
  }

  entry(entry: IndexEntry): void {
    const { name, folder, listed } = entry
    const path = this.#reader.pathOf(this.#folder.path, name)
    if (path === undefined) return
    this.fingerprint.add(entry)
    if (!folder) {
      this.#reader.addFile(path, listed)
      return
    }
    this.#reader.addFolder()
    this.folders.push(name)
  }

  remark(problem: string): void {
    this.#reader.remark(`${quoteFolder(this.#folder.path)}: ${problem}`)
  }
}
