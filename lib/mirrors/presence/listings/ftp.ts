import { FTPError } from 'basic-ftp'
import { errorMessage } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { hostOf } from '../../../network/addresses.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { quoteFolder } from './file-names.js'
import { type Folder, FolderPage, ROOT } from './folder-page.js'
import { type FtpLine, parseListLine, parseMlsdLine } from './ftp-lines.js'
import { FtpSession, type FtpSource } from './ftp-session.js'
import { LineReader } from './line-reader.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { decodePart, parseUrl } from './url.js'

export interface FtpListingOptions extends ListingOptions {
  /** Default: the URL's, else `anonymous`. */
  readonly user?: string
  /** Default: the URL's, else a password for `anonymous`. */
  readonly password?: string
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number
}

const MAX_LINE_LENGTH = 16 * 1024

/**
 * Lists a mirror by FTP, folder by folder over one connection: by MLSD, or by LIST if the server
 * does not support MLSD. Sizes are exact. Times are exact to the second by MLSD, to the minute or
 * the day by LIST. Symbolic links are not followed; those that the server names are in
 * `ListingOutcome.links`.
 *
 * @param url `ftp://[user[:password]@]host[:port]/path/`, the path as seen after login
 */
export function listFtp(url: string, options: FtpListingOptions = {}): Listing {
  return createListing(options, async (reader) => {
    const source = sourceOf(url, options)
    reader.redact(source.password)
    const session = new FtpSession(reader)
    try {
      await new Walk(reader, session, options.now ?? Date.now).run(source)
    } finally {
      session.close()
    }
  })
}

/** @throws ListingAborted if the URL cannot be listed */
function sourceOf(text: string, options: FtpListingOptions): FtpSource {
  const url = parseUrl(text, 'ftp:')
  const user = options.user ?? decodePart(url.username)
  const password = options.password ?? decodePart(url.password)
  const path = decodePart(url.pathname).replace(/^\/|\/$/g, '')
  // The FTP client refuses them too, but later, with the command in its message.
  if (/[\r\n\0]/.test(user + password + path)) throw new ListingAborted('its URL has line ends in it')
  return {
    host: hostOf(url),
    port: url.port === '' ? 21 : Number(url.port),
    user: user === '' ? 'anonymous' : user,
    password: password === '' && user === '' ? 'mirrored-by@' : password,
    path,
  }
}

class Walk {
  readonly #reader: ListingReader
  readonly #session: FtpSession
  readonly #now: () => number
  readonly #pending: Folder[] = [ROOT]
  #usesMlsd = false
  /**
   * Absolute path of the repository on the server; empty if the repository is the server's root.
   */
  #base = ''

  constructor(reader: ListingReader, session: FtpSession, now: () => number) {
    this.#reader = reader
    this.#session = session
    this.#now = now
  }

  async run(source: FtpSource): Promise<void> {
    const { home, mlsd } = await this.#session.login(source)
    this.#usesMlsd = mlsd
    this.#reader.folders.name(ROOT.path)
    this.#base = `${home}/${source.path}`.replace(/\/+/g, '/').replace(/\/$/, '')
    for (let folder = this.#pending.pop(); folder !== undefined; folder = this.#pending.pop())
      await this.#visit(folder)
  }

  async #visit(folder: Folder): Promise<void> {
    try {
      await this.#list(folder)
    } catch (error) {
      this.#reader.signal.throwIfAborted()
      if (error instanceof ListingAborted) throw error
      const problem = `${quoteFolder(folder.path)}: ${describeError(error)}`
      if (this.#session.isClosed) throw new ListingAborted(problem)
      this.#reader.markIncomplete(problem)
    }
  }

  async #list(folder: Folder): Promise<void> {
    await this.#session.enter(folder.path === '' ? this.#base || '/' : `${this.#base}/${folder.path}`)
    if (this.#usesMlsd) {
      try {
        return await this.#read(folder, 'MLSD')
      } catch (error) {
        // The server announced the command, but does not support it.
        if (!(error instanceof FTPError) || ![500, 502, 504].includes(error.code)) throw error
        this.#usesMlsd = false
      }
    }
    await this.#read(folder, 'LIST')
  }

  async #read(folder: Folder, command: 'MLSD' | 'LIST'): Promise<void> {
    const page = new FolderPage(this.#reader, folder)
    const now = this.#now()
    const parse = command === 'MLSD' ? parseMlsdLine : (line: string) => parseListLine(line, now)
    const lines = new LineReader(MAX_LINE_LENGTH)
    const text = new TextDecoder()
    try {
      for await (const chunk of this.#session.read(command)) {
        this.#reader.addBytes(chunk.length)
        for (const line of lines.feed(text.decode(chunk, { stream: true }))) {
          const pause = yieldToRequests()
          if (pause !== undefined) await pause
          this.#addLine(page, folder, line, parse(line))
        }
        await this.#reader.waitForRoom()
      }
    } finally {
      for (const subfolder of page.subfolders()) this.#pending.push(subfolder)
    }
    if (lines.skippedLines > 0) throw new Error('it has lines of absurd length')
    if (lines.endsWithinLine) throw new Error('the listing ends within a line')
    page.end()
  }

  #addLine(page: FolderPage, folder: Folder, line: string, entry: FtpLine | undefined): void {
    if (entry === 'nothing' || line.trim() === '') return
    if (entry === undefined) page.markIncomplete(`a line is not understood: ${quote(line)}`)
    else if (entry.name !== '.' && entry.name !== '..')
      page.add({ ...entry, target: this.#relativeTarget(folder.path, entry.target) })
  }

  /**
   * Makes an absolute target within the repository relative to the link's folder, because absolute
   * targets start at the root of the server.
   */
  #relativeTarget(folder: string, target: string | undefined): string | undefined {
    const base = `${this.#base}/`
    if (target === undefined || !target.startsWith(base)) return target
    const up = folder === '' ? '' : '../'.repeat(folder.split('/').length)
    return up + target.slice(base.length)
  }
}

function describeError(error: unknown): string {
  return error instanceof FTPError ? `the server says ${quote(error.message)}` : errorMessage(error)
}
