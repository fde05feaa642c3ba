import type { Agent, Dispatcher } from 'undici'
import { errorMessage, systemCode } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../../network/redirects.js'
import { loadUndici } from '../../../network/undici.js'
import { joinPath } from '../../../paths.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { quoteFolder, unusable } from './file-names.js'
import { Fingerprint } from './fingerprint.js'
import { HtmlIndex } from './html-index.js'
import { below, decode } from './index-link.js'
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
const MAX_FAILURES = 10
const MAX_ATTEMPTS = 2
/** Bytes of an index that are read in one go: some twenty names. */
const STEP = 2048
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
  const { idle } = scan.limits
  const undici = await loadUndici()
  return new undici.Agent({ connect: { timeout: idle }, headersTimeout: idle, bodyTimeout: idle })
}

/** A folder that is to be listed. */
interface Folder {
  /** Repository path; the root is empty. */
  readonly path: string
  readonly url: URL
  /** Fingerprints of the folders above. */
  readonly above: readonly string[]
}

/** The answer for a folder, and the folder that it is for: another, where the server redirected. */
interface Answer {
  readonly folder: Folder
  readonly response: Dispatcher.ResponseData
}

/** A folder could not be read. The others may be. */
class Unreadable extends Error {}

class Walk {
  readonly #scan: ListingReader
  readonly #base: URL
  readonly #dispatcher: Dispatcher
  /** Last in, first out, so that a wide tree is not all waiting at once. */
  readonly #waiting: Folder[] = []
  /** Paths of folders that are or were waiting: a redirect may lead to one of them. */
  readonly #known = new Set<string>()
  #failuresInRow = 0

  constructor(scan: ListingReader, base: URL, dispatcher: Dispatcher) {
    this.#scan = scan
    this.#base = base
    this.#dispatcher = dispatcher
  }

  /** Ends when nothing waits any more, and no request is under way. */
  async run(concurrency: number): Promise<void> {
    this.#enqueue({ path: '', url: this.#base, above: [] })
    let running = 0
    await new Promise<void>((resolve) => {
      const fill = (): void => {
        while (running < Math.max(1, concurrency) && !this.#scan.signal.aborted) {
          const folder = this.#waiting.pop()
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
    if (this.#known.has(folder.path)) return
    this.#known.add(folder.path)
    this.#waiting.push(folder)
  }

  /** Never rejects: a folder that cannot be read is told, and what ends the scan stops the other requests too. */
  async #visit(folder: Folder): Promise<void> {
    try {
      await this.#list(folder)
      this.#failuresInRow = 0
    } catch (error) {
      if (this.#scan.signal.aborted) return
      if (error instanceof ListingAborted) return this.#scan.stop(error.message)
      const problem = `${quoteFolder(folder.path)}: ${this.#explain(error)}`
      this.#scan.lose(problem)
      this.#failuresInRow += 1
      if (this.#failuresInRow === MAX_FAILURES)
        this.#scan.stop(`${MAX_FAILURES} folders in a row could not be read, the last one ${problem}`)
    }
  }

  /** @throws Unreadable, Halt, or what the client says */
  async #list(asked: Folder): Promise<void> {
    const answer = await this.#open(asked)
    if (answer === undefined) return
    const { folder, response } = answer
    const page = new Page(this.#scan, folder)
    const reader = readerFor(response, folder.url, page)
    if (typeof reader === 'string') return this.#refuse(response, reader)
    const text = new TextDecoder()
    try {
      for await (const chunk of response.body) {
        this.#scan.addBytes(chunk.length)
        for (let at = 0; at < chunk.length && !reader.broken; at += STEP) {
          const pause = yieldToRequests()
          if (pause !== undefined) await pause
          reader.feed(text.decode(chunk.subarray(at, at + STEP), { stream: true }))
        }
        if (reader.broken) break
        await this.#scan.room()
      }
    } finally {
      // What was listed before a page broke off is there.
      this.#descend(folder, page)
    }
    const problem = reader.end()
    if (problem !== undefined) throw new Unreadable(problem)
  }

  /** Reads what is left of an answer, if that is little, so that its connection can be used again. */
  async #pass(response: Dispatcher.ResponseData): Promise<void> {
    await response.body.dump({ limit: MAX_PASSED_BYTES, signal: this.#scan.signal })
  }

  async #refuse(response: Dispatcher.ResponseData, why: string): Promise<never> {
    await this.#pass(response)
    throw new Unreadable(why)
  }

  #descend(folder: Folder, page: Page): void {
    const above = page.print.wayDown(this.#scan, folder.path, folder.above)
    if (above === undefined) return
    for (const name of page.folders) {
      const url = new URL(`${encodeURIComponent(name)}/`, folder.url)
      this.#enqueue({ path: joinPath(folder.path, name), url, above })
    }
  }

  /**
   * Asks for a folder, where need be at another path of the repository. What a redirected folder holds is told for where
   * it leads; whether it can be had by the first path too cannot be told.
   *
   * @returns undefined where another visit lists what it leads to, or nobody is to
   */
  async #open(folder: Folder): Promise<Answer | undefined> {
    let at = folder
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const response = await this.#request(at.url)
      const { statusCode } = response
      if (statusCode === 200) return { folder: at, response }
      if (!REDIRECT_STATUSES.has(statusCode)) return this.#refuse(response, `the answer is ${statusCode}`)
      await this.#pass(response)
      const url = this.#redirection(at, response)
      const path = this.#pathOf(url)
      if (path !== at.path) {
        if (folder.path === '') throw new Unreadable(`the answer is a redirect to ${quote(url.pathname)}`)
        this.#scan.addLink(folder.path, undefined)
        if (path === undefined || this.#known.has(path)) return undefined
        this.#known.add(path)
      }
      at = { ...folder, path, url }
    }
    throw new Unreadable('there are too many redirects')
  }

  /** One that stays within the mirror's base. */
  #redirection(folder: Folder, response: Dispatcher.ResponseData): URL {
    const { location } = response.headers
    const url = nextLocation(folder.url, typeof location === 'string' ? location : undefined)
    if (url === undefined) throw new Unreadable('the answer is a redirect to nowhere')
    const within = url.origin === this.#base.origin && below(this.#base.pathname, url.pathname) !== undefined
    if (!within || url.search !== '' || !url.pathname.endsWith('/'))
      throw new Unreadable(`the answer is a redirect to ${quote(url.origin + url.pathname)}`)
    return new URL(url.pathname, url.origin)
  }

  /** The repository path of a folder's URL; undefined where it does not belong to the repository. */
  #pathOf(url: URL): string | undefined {
    const rest = below(this.#base.pathname, url.pathname) ?? ''
    const names = rest.split('/').slice(0, -1).map(decode)
    if (names.length === 0) return ''
    if (names.some((name) => name === undefined || unusable(name) !== undefined))
      throw new Unreadable('the answer is a redirect to a name that cannot be')
    return this.#scan.wholePathOf(names.join('/'))
  }

  #explain(error: unknown): string {
    const timedOut = TIMEOUTS.has(systemCode(error) ?? '')
    return timedOut ? `nothing came for ${this.#scan.limits.idle / 1000} s` : errorMessage(error)
  }

  /** A server may close a connection just when it is used again: that is tried once more. */
  async #request(url: URL): Promise<Dispatcher.ResponseData> {
    const { signal } = this.#scan
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
function readerFor(response: Dispatcher.ResponseData, url: URL, sink: IndexSink): IndexPageReader | string {
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
  readonly print = new Fingerprint()
  readonly #scan: ListingReader
  readonly #folder: Folder

  constructor(scan: ListingReader, folder: Folder) {
    this.#scan = scan
    this.#folder = folder
  }

  entry(entry: IndexEntry): void {
    const { name, folder, listed } = entry
    const path = this.#scan.pathOf(this.#folder.path, name)
    if (path === undefined) return
    this.print.add(entry)
    if (!folder) {
      this.#scan.addFile(path, listed)
      return
    }
    this.#scan.addFolder()
    this.folders.push(name)
  }

  remark(problem: string): void {
    this.#scan.remark(`${quoteFolder(this.#folder.path)}: ${problem}`)
  }
}
