import { FTPError } from 'basic-ftp'
import { errorMessage } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { hostOf } from '../../../network/addresses.js'
import { joinPath } from '../../../paths.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { quoteFolder } from './file-names.js'
import { Fingerprint } from './fingerprint.js'
import { type FtpEntry, type FtpLine, parseListLine, parseMlsdLine } from './ftp-lines.js'
import { type FtpPlace, FtpSession } from './ftp-session.js'
import { LineReader } from './line-reader.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { decodePart, parseUrl } from './url.js'

export interface FtpListingOptions extends ListingOptions {
  /** Default: the URL's, else `anonymous`. */
  readonly user?: string
  /** Default: the URL's, else one for `anonymous`. */
  readonly password?: string
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number
}

const MAX_LINE_LENGTH = 16 * 1024

/**
 * Lists a mirror by FTP, folder by folder over one connection: by MLSD, or by LIST where the server does not know that.
 * Sizes are exact; times are to the second by MLSD, to the minute or the day by LIST. Symbolic links that the server tells
 * are in `Outcome.links`, and not followed.
 *
 * @param url `ftp://[user[:password]@]host[:port]/path/`, the path as seen after login
 */
export function listFtp(url: string, options: FtpListingOptions = {}): Listing {
  return createListing(options, async (scan) => {
    const place = placeOf(url, options)
    scan.hide(place.password)
    const session = new FtpSession(scan)
    try {
      await new Walk(scan, session, options.now ?? Date.now).run(place)
    } finally {
      session.close()
    }
  })
}

/** @throws Halt where the URL is none that can be listed */
function placeOf(text: string, options: FtpListingOptions): FtpPlace {
  const url = parseUrl(text, 'ftp:')
  const user = options.user ?? decodePart(url.username)
  const password = options.password ?? decodePart(url.password)
  const path = decodePart(url.pathname).replace(/^\/|\/$/g, '')
  // The client refuses them too, but later, and with the command.
  if (/[\r\n\0]/.test(user + password + path)) throw new ListingAborted('its URL has line ends in it')
  return {
    host: hostOf(url),
    port: url.port === '' ? 21 : Number(url.port),
    user: user === '' ? 'anonymous' : user,
    password: password === '' && user === '' ? 'mirrored-by@' : password,
    path,
  }
}

/** A folder that is to be listed. */
interface Folder {
  /** Repository path; the root is empty. */
  readonly path: string
  /** Fingerprints of the folders above. */
  readonly above: readonly string[]
}

class Walk {
  readonly #scan: ListingReader
  readonly #session: FtpSession
  readonly #now: () => number
  readonly #waiting: Folder[] = [{ path: '', above: [] }]
  #mlsd = false
  /** Absolute path of the repository there; empty where that is the root of the server. */
  #base = ''

  constructor(scan: ListingReader, session: FtpSession, now: () => number) {
    this.#scan = scan
    this.#session = session
    this.#now = now
  }

  async run(place: FtpPlace): Promise<void> {
    const { home, mlsd } = await this.#session.login(place)
    this.#mlsd = mlsd
    this.#base = `${home}/${place.path}`.replace(/\/+/g, '/').replace(/\/$/, '')
    for (let folder = this.#waiting.pop(); folder !== undefined; folder = this.#waiting.pop())
      await this.#visit(folder)
  }

  async #visit(folder: Folder): Promise<void> {
    try {
      await this.#list(folder)
    } catch (error) {
      this.#scan.signal.throwIfAborted()
      if (error instanceof ListingAborted) throw error
      const problem = `${quoteFolder(folder.path)}: ${explain(error)}`
      if (this.#session.lost) throw new ListingAborted(problem)
      this.#scan.lose(problem)
    }
  }

  async #list(folder: Folder): Promise<void> {
    await this.#session.enter(folder.path === '' ? this.#base || '/' : `${this.#base}/${folder.path}`)
    if (this.#mlsd) {
      try {
        return await this.#read(folder, 'MLSD')
      } catch (error) {
        // It said that it knows the command, and does not.
        if (!(error instanceof FTPError) || ![500, 502, 504].includes(error.code)) throw error
        this.#mlsd = false
      }
    }
    await this.#read(folder, 'LIST')
  }

  async #read(folder: Folder, command: 'MLSD' | 'LIST'): Promise<void> {
    const page = new Page(this.#scan, folder, this.#base)
    const now = this.#now()
    const parse = command === 'MLSD' ? parseMlsdLine : (line: string) => parseListLine(line, now)
    const lines = new LineReader(MAX_LINE_LENGTH)
    const text = new TextDecoder()
    try {
      for await (const chunk of this.#session.read(command)) {
        this.#scan.addBytes(chunk.length)
        for (const line of lines.feed(text.decode(chunk, { stream: true }))) {
          const pause = yieldToRequests()
          if (pause !== undefined) await pause
          page.line(line, parse(line))
        }
        await this.#scan.room()
      }
    } finally {
      this.#descend(folder, page)
    }
    if (lines.leftOut > 0) throw new Error('it has lines of absurd length')
    if (lines.unfinished) throw new Error('the listing ends within a line')
  }

  #descend(folder: Folder, page: Page): void {
    const above = page.print.wayDown(this.#scan, folder.path, folder.above)
    if (above === undefined) return
    for (const name of page.folders) this.#waiting.push({ path: joinPath(folder.path, name), above })
  }
}

/** Gives the files of one folder to the scan, and keeps its folders. */
class Page {
  readonly folders: string[] = []
  readonly print = new Fingerprint()
  readonly #scan: ListingReader
  readonly #folder: Folder
  readonly #base: string

  constructor(scan: ListingReader, folder: Folder, base: string) {
    this.#scan = scan
    this.#folder = folder
    this.#base = base
  }

  line(line: string, entry: FtpLine | undefined): void {
    if (entry === 'nothing' || line.trim() === '') return
    if (entry === undefined)
      this.#scan.lose(`${quoteFolder(this.#folder.path)}: a line is not understood: ${quote(line)}`)
    else if (entry.name !== '.' && entry.name !== '..') this.#entry(entry)
  }

  #entry(entry: FtpEntry): void {
    const { kind, name, target, listed } = entry
    const path = this.#scan.pathOf(this.#folder.path, name)
    if (path === undefined) return
    this.print.add({ name, folder: kind === 'folder', listed })
    if (kind === 'file') this.#scan.addFile(path, listed)
    if (kind === 'link') this.#scan.addLink(path, this.#fromHere(target))
    if (kind !== 'folder') return
    this.#scan.addFolder()
    this.folders.push(name)
  }

  /** An absolute target counts from the root of the server, of which the repository is a part. */
  #fromHere(target: string | undefined): string | undefined {
    const base = `${this.#base}/`
    if (target === undefined || !target.startsWith(base)) return target
    const up = this.#folder.path === '' ? '' : '../'.repeat(this.#folder.path.split('/').length)
    return up + target.slice(base.length)
  }
}

function explain(error: unknown): string {
  return error instanceof FTPError ? `the server says ${quote(error.message)}` : errorMessage(error)
}
