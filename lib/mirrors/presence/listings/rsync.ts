import { type ChildProcess, spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { errorMessage } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { IdleTimer } from './idle-timer.js'
import { LineReader } from './line-reader.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { parseRsyncLine, type RsyncEntry } from './rsync-line.js'
import { decodePart, parseUrl } from './url.js'

export interface RsyncListingOptions extends ListingOptions {
  /** For a module that asks for one. The URL may carry it instead. rsync gets it by its environment. */
  readonly password?: string
  /** Default: the URL's. */
  readonly user?: string
  /** The program. Default: `rsync`, as `PATH` finds it. */
  readonly program?: string
}

/** A path of 4096 bytes with every one escaped, and as much for the target of a link. */
const MAX_LINE_LENGTH = 40_000
const { PRIORITY_BELOW_NORMAL: PRIORITY } = constants.priority
const MAX_STDERR_LENGTH = 4096
/** Some files could not be read, or vanished meanwhile. The rest of the listing is as good as any. */
const PARTIAL_STATUSES = new Set([23, 24])

/**
 * Lists a mirror by its rsync daemon, with exact sizes, and times to the second. Symbolic links are told in
 * `Outcome.links`, and not followed.
 *
 * @param url `rsync://[user[:password]@]host[:port]/module/path/`
 */
export function listRsync(url: string, options: RsyncListingOptions = {}): Listing {
  return createListing(options, (scan) => list(scan, url, options))
}

async function list(scan: ListingReader, url: string, options: RsyncListingOptions): Promise<void> {
  const source = sourceOf(url, options)
  scan.redact(source.password)
  const child = spawn(options.program ?? 'rsync', argumentsFor(source.address, scan.limits.idleMs), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: rsync forks, and all of it is to end.
    detached: true,
    env: environment(source.password),
  })
  lowerPriority(child)
  const stderr = readStderr(child)
  const exit = exitOf(child)
  const kill = (): void => killGroup(child)
  scan.signal.addEventListener('abort', kill)
  const entries = new Entries(scan)
  try {
    await readEntries(scan, child, entries)
    await exit
  } finally {
    kill()
    await exit
    scan.signal.removeEventListener('abort', kill)
  }
  const failure = failureOf(await exit, stderr.text)
  if (failure === undefined) entries.end()
  else scan.markIncomplete(failure)
}

interface Source {
  readonly address: string
  readonly password: string
}

/** @throws Halt where the URL is none that rsync could be given */
function sourceOf(text: string, options: RsyncListingOptions): Source {
  const url = parseUrl(text, 'rsync:')
  // rsync takes paths as they are.
  const path = decodePart(url.pathname)
  const user = options.user ?? decodePart(url.username)
  const password = options.password ?? decodePart(url.password)
  if (!/^(?:[\w.-]+|\[[\da-fA-F:.]+\])$/.test(url.hostname)) throw new ListingAborted('its URL names no host')
  if (path.replaceAll('/', '') === '') throw new ListingAborted('its URL names no module')
  if (/[/@:\p{Cc}]/u.test(user) || /[\0\n]/.test(path) || password.includes('\0'))
    throw new ListingAborted('its URL has characters in it that rsync cannot be given')
  const folder = path.endsWith('/') ? path : `${path}/`
  return { address: `rsync://${user === '' ? '' : `${user}@`}${url.host}${folder}`, password }
}

function argumentsFor(address: string, idle: number): readonly string[] {
  // Our own limit comes first. rsync's is for the case that nobody is left to end it.
  const timeout = Math.ceil((2 * idle) / 1000)
  return [
    '--recursive',
    '--links',
    '--list-only',
    '--no-motd',
    '--no-human-readable',
    // Lines come when they are written, and are not lost when rsync is ended.
    '--outbuf=L',
    `--timeout=${timeout}`,
    `--contimeout=${timeout}`,
    '--exclude=.*',
    '--',
    address,
  ]
}

/** Nothing of ours goes to rsync by accident. An empty password is one: without any, it asks the terminal. */
function environment(password: string): NodeJS.ProcessEnv {
  const { PATH, RSYNC_PROXY } = process.env
  return { PATH, RSYNC_PROXY, LC_ALL: 'C', TZ: 'UTC', RSYNC_PASSWORD: password }
}

/** It is in nobody's hurry: this process, which answers requests, goes first. */
function lowerPriority({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    setPriority(pid, PRIORITY)
  } catch {
    // It has ended, or the system does not have it.
  }
}

interface Exit {
  readonly error: Error | undefined
  /** Null where a signal ended it. */
  readonly status: number | null
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    let error: Error | undefined
    child.once('error', (problem) => {
      error = problem
    })
    child.once('close', (status) => resolve({ error, status }))
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

function readStderr(child: ChildProcess): { readonly text: string } {
  const complaints = { text: '' }
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    complaints.text = (complaints.text + part).slice(0, MAX_STDERR_LENGTH)
  })
  return complaints
}

/** What went wrong, in one line; undefined where nothing did. What rsync says first says most. */
function failureOf(exit: Exit, stderr: string): string | undefined {
  const { error, status } = exit
  if (error !== undefined) return `rsync cannot be started: ${errorMessage(error)}`
  if (status === 0) return undefined
  const [firstLine] = stderr.split('\n').filter((line) => line.trim() !== '')
  const what =
    status === null
      ? 'rsync was ended'
      : PARTIAL_STATUSES.has(status)
        ? `rsync could not list everything (${status})`
        : `rsync failed (${status})`
  return firstLine === undefined ? what : `${what}: ${quote(firstLine)}`
}

async function readEntries(scan: ListingReader, child: ChildProcess, entries: Entries): Promise<void> {
  if (child.stdout === null) return
  const idle = new IdleTimer(scan)
  try {
    idle.start()
    for await (const chunk of child.stdout.setEncoding('latin1')) {
      idle.stop()
      await entries.feed(String(chunk))
      await scan.waitForRoom()
      idle.start()
    }
  } finally {
    idle.stop()
  }
  scan.signal.throwIfAborted()
}

/** Makes files of lines. */
class Entries {
  readonly #reader: ListingReader
  readonly #lines = new LineReader(MAX_LINE_LENGTH)
  #hasEntries = false

  constructor(scan: ListingReader) {
    this.#reader = scan
  }

  async feed(text: string): Promise<void> {
    this.#reader.addBytes(text.length)
    for (const line of this.#lines.feed(text)) {
      const pause = yieldToRequests()
      if (pause !== undefined) await pause
      this.#addLine(line)
    }
  }

  end(): void {
    const { skippedLines, endsWithinLine } = this.#lines
    if (skippedLines > 0) this.#reader.markIncomplete(`${skippedLines} of its lines are too long`)
    if (endsWithinLine) this.#reader.markIncomplete('its listing ends within a line')
    // Even an empty folder lists itself.
    if (!this.#hasEntries) this.#reader.markIncomplete('it lists nothing, not even the folder')
  }

  #addLine(line: string): void {
    const entry = parseRsyncLine(line)
    if (entry === undefined) {
      // Before the first entry a server may greet, though it is asked not to.
      if (this.#hasEntries && line !== '')
        this.#reader.markIncomplete(`a line is not understood: ${quote(line)}`)
      return
    }
    this.#hasEntries = true
    if (entry.path === undefined) this.#reader.remark(`a name is not UTF-8: ${quote(line)}`)
    else if (entry.path !== '.') this.#addEntry(entry, entry.path)
  }

  #addEntry(entry: RsyncEntry, written: string): void {
    const scan = this.#reader
    const path = scan.wholePathOf(written)
    if (path === undefined) return
    if (entry.kind === 'folder') scan.addFolder()
    if (entry.kind === 'link') scan.addLink(path, entry.target)
    if (entry.kind !== 'file') return
    if (path.split('/').length > scan.limits.maxDepth + 1) {
      scan.markIncomplete(`${quote(path)} is deeper than ${scan.limits.maxDepth} folders`)
      return
    }
    const { size, mtime } = entry
    scan.addFile(path, { size, sizePrecision: 0, mtime, mtimePrecision: 'second' })
  }
}
