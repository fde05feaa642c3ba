import { type ChildProcess, spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { errorMessage } from '../../../errors.js'
import { quote } from '../../../message-text.js'
import { splitPath } from '../../../paths.js'
import { yieldToRequests } from '../yield-to-requests.js'
import { copyOf } from './file-names.js'
import { IdleTimer } from './idle-timer.js'
import { LineReader } from './line-reader.js'
import type { Listing, ListingOptions } from './listing.js'
import { createListing, ListingAborted, type ListingReader } from './listing-reader.js'
import { parseRsyncLine, type RsyncEntry } from './rsync-line.js'
import { decodePart, parseUrl } from './url.js'

export interface RsyncListingOptions extends ListingOptions {
  /** Password of a protected module; default: the URL's. Passed to rsync by its environment. */
  readonly password?: string
  /** Default: the URL's. */
  readonly user?: string
  /** Program to run. Default: `rsync`, found by `PATH`. */
  readonly program?: string
}

/** A path of 4096 bytes, each escaped, and a link target of the same length. */
const MAX_LINE_LENGTH = 40_000
const MAX_STDERR_LENGTH = 64 * 1024
/**
 * Exit statuses after which the listing is usable: some files were unreadable, or vanished
 * meanwhile.
 */
const PARTIAL_STATUSES = new Set([23, 24])

/**
 * Lists a mirror by its rsync daemon, with exact sizes, and times exact to the second. Symbolic
 * links are not followed; they are in `ListingOutcome.links`.
 *
 * @param url `rsync://[user[:password]@]host[:port]/module/path/`
 */
export function listRsync(url: string, options: RsyncListingOptions = {}): Listing {
  return createListing(options, (reader) => list(reader, url, options))
}

async function list(reader: ListingReader, url: string, options: RsyncListingOptions): Promise<void> {
  const source = sourceOf(url, options)
  reader.redact(source.password)
  const child = spawn(options.program ?? 'rsync', argumentsFor(source.address, reader.limits.idleMs), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, because rsync forks and all of its processes must end.
    detached: true,
    env: environment(source.password),
  })
  lowerPriority(child)
  const stderr = readStderr(child)
  const exit = exitOf(child)
  const kill = (): void => killGroup(child)
  reader.signal.addEventListener('abort', kill)
  const entries = new Entries(reader)
  try {
    await readEntries(reader, child, entries)
    await exit
  } finally {
    kill()
    await exit
    reader.signal.removeEventListener('abort', kill)
  }
  const { error, status } = await exit
  const failure = failureOf({ error, status }, stderr.text)
  if (failure === undefined) entries.end(undefined)
  else if (PARTIAL_STATUSES.has(status ?? 0) && namesFoldersOnly(stderr.text)) entries.end(failure)
  else throw new ListingAborted(failure)
}

interface Source {
  readonly address: string
  readonly password: string
}

/** @throws ListingAborted if the URL cannot be passed to rsync */
function sourceOf(text: string, options: RsyncListingOptions): Source {
  const url = parseUrl(text, 'rsync:')
  // rsync takes paths without escapes.
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
  // Twice our own limit: this one ends rsync only if this process has died.
  const timeout = Math.ceil((2 * idle) / 1000)
  return [
    '--recursive',
    '--links',
    '--list-only',
    '--no-motd',
    '--no-human-readable',
    // Line buffering: lines come at once, and are not lost when rsync is killed.
    '--outbuf=L',
    `--timeout=${timeout}`,
    `--contimeout=${timeout}`,
    '--exclude=.*',
    '--',
    address,
  ]
}

/**
 * Returns the environment for rsync, without any other variable of this process. The password is
 * set even if empty, because rsync asks the terminal for a missing one.
 */
function environment(password: string): NodeJS.ProcessEnv {
  const { PATH, RSYNC_PROXY } = process.env
  return { PATH, RSYNC_PROXY, LC_ALL: 'C', TZ: 'UTC', RSYNC_PASSWORD: password }
}

/** Lowers the priority of rsync, because this process serves requests. */
function lowerPriority({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // The process has ended, or the system has no priorities.
  }
}

interface Exit {
  readonly error: Error | undefined
  /** Null if a signal ended the process. */
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

/** Returns what went wrong, in one line, with rsync's first message; undefined after success. */
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

/** Messages of rsync about folders that it cannot open, and of files that vanish. */
const FOLDER_MESSAGE =
  /^(?:rsync: (?:\[\w+\] )?opendir .* failed: .*\(\d+\)|(?:file|directory) has vanished: .*|rsync (?:error|warning): .*)$/

/**
 * Whether rsync only complains of folders that it cannot open. Then all others are listed to their
 * end.
 */
function namesFoldersOnly(stderr: string): boolean {
  if (stderr.length >= MAX_STDERR_LENGTH) return false
  return stderr.split('\n').every((line) => line.trim() === '' || FOLDER_MESSAGE.test(line.trim()))
}

async function readEntries(reader: ListingReader, child: ChildProcess, entries: Entries): Promise<void> {
  if (child.stdout === null) return
  const idle = new IdleTimer(reader)
  try {
    idle.start()
    for await (const chunk of child.stdout.setEncoding('latin1')) {
      idle.stop()
      await entries.feed(String(chunk))
      await reader.waitForRoom()
      idle.start()
    }
  } finally {
    idle.stop()
  }
  reader.signal.throwIfAborted()
}

/** Parses lines and adds their entries to the reader. */
class Entries {
  readonly #reader: ListingReader
  readonly #lines = new LineReader(MAX_LINE_LENGTH)
  #hasEntries = false
  /** Wanted folders, and whether one of their entries was listed. */
  readonly #folders = new Map<string, boolean>([['', false]])
  /** Folders that modes deny to other users, with those below them. */
  readonly #closed = new Set<string>()
  /** Whether a name is missing, so that no folder counts as read. */
  #hasGap = false

  constructor(reader: ListingReader) {
    this.#reader = reader
  }

  async feed(text: string): Promise<void> {
    this.#reader.addBytes(text.length)
    for (const line of this.#lines.feed(text)) {
      const pause = yieldToRequests()
      if (pause !== undefined) await pause
      this.#addLine(line)
    }
  }

  /**
   * Notes which folders were read.
   *
   * @param failure why some folders were not opened; undefined if all were. These have no entries.
   */
  end(failure: string | undefined): void {
    const { skippedLines, endsWithinLine } = this.#lines
    if (skippedLines > 0) this.#miss(`${skippedLines} of its lines are too long`)
    if (endsWithinLine) this.#miss('its listing ends within a line')
    // Even an empty folder lists itself.
    if (!this.#hasEntries) this.#miss('it lists nothing, not even the folder')
    if (this.#hasGap) return
    let isWhole = true
    for (const [path, hasEntries] of this.#folders) {
      if (hasEntries || failure === undefined) this.#reader.folders.read(path)
      else {
        this.#reader.folders.name(path)
        isWhole = false
      }
    }
    if (failure !== undefined && !isWhole) this.#reader.markIncomplete(failure)
  }

  #miss(problem: string): void {
    this.#hasGap = true
    this.#reader.markIncomplete(problem)
  }

  #addLine(line: string): void {
    const entry = parseRsyncLine(line)
    if (entry === undefined) {
      // Before the first entry a server may send a greeting, despite `--no-motd`.
      if (this.#hasEntries && line !== '') this.#miss(`a line is not understood: ${quote(line)}`)
      return
    }
    this.#hasEntries = true
    if (entry.path === undefined) this.#reader.remark(`a name is not UTF-8: ${quote(line)}`)
    else if (entry.path !== '.') this.#addEntry(entry, entry.path)
  }

  #addEntry(entry: RsyncEntry, listedPath: string): void {
    const reader = this.#reader
    const [folder] = splitPath(listedPath)
    if (this.#folders.get(folder) === false) this.#folders.set(folder, true)
    const path = reader.wholePathOf(listedPath)
    if (path === undefined) return
    const isClosed = entry.isClosed === true || this.#closed.has(folder)
    if (entry.kind === 'folder') this.#addFolder(path, isClosed)
    if (entry.kind === 'link') reader.addLink(path, entry.target)
    if (entry.kind !== 'file') return
    if (path.split('/').length > reader.limits.maxDepth + 1) {
      reader.markIncomplete(`${quote(path)} is deeper than ${reader.limits.maxDepth} folders`)
      return
    }
    const { size, mtime } = entry
    reader.addFile(path, { size, sizePrecision: 0, mtime, mtimePrecision: 'second' }, isClosed)
  }

  #addFolder(path: string, isClosed: boolean): void {
    this.#reader.addFolder()
    if (!this.#reader.wantsFolder(path)) return
    const kept = copyOf(path)
    this.#folders.set(kept, this.#folders.get(kept) ?? false)
    if (isClosed) this.#closed.add(kept)
  }
}
