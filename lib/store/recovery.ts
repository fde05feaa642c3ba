import { existsSync, renameSync, statSync } from 'node:fs'
import { errorMessage, MirroredByError, systemCode } from '../errors.js'
import type { Awaitable } from '../model.js'

export interface RecoveryEvents {
  /** The file was broken and has been set aside, or is gone: the new file is empty. */
  rebuilt(): void
  warning(error: MirroredByError): void
}

/** Codes of SQLite for a file that is not a database, or is damaged. */
const BROKEN_CODES = new Set([
  'SQLITE_CORRUPT',
  'SQLITE_NOTADB',
  'SQLITE_CORRUPT_VTAB',
  'SQLITE_CORRUPT_INDEX',
])
/** Suffixes of a database file and of the two files that SQLite keeps beside it. */
const SUFFIXES = ['', '-wal', '-shm']

/**
 * A store in a SQLite file. When the file turns out to be broken, it is set aside as
 * `<file>.corrupt-<time>` and replaced.
 */
export class Recovery<S extends { close(): Awaitable<void> }> {
  readonly #file: string
  readonly #open: (file: string) => S
  readonly #loss: string
  readonly #events: RecoveryEvents
  #store: S
  #inode: bigint | undefined

  /**
   * @param names what the file is, and the consequence of its loss, for the warning
   * @throws MirroredByError as `open` does, except for broken files
   */
  constructor(
    file: string,
    open: (file: string) => S,
    [what, loss]: readonly [what: string, loss: string],
    events: RecoveryEvents,
  ) {
    this.#file = file
    this.#open = open
    this.#loss = `${what} ${file} is broken (%s): it was set aside as %s, and ${loss}`
    this.#events = events
    try {
      this.#store = open(file)
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#store = this.#replaceFile(error)
    }
    this.#inode = inodeOf(file)
  }

  /** Returns the result of a query; repeats the query with a new store if the file is broken. */
  use<T>(query: (store: S) => T): T {
    try {
      return query(this.#store)
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#replace(error)
      return query(this.#store)
    }
  }

  /** Opens the file again if another process has replaced it, or an operator has deleted it. */
  followFile(): void {
    if (inodeOf(this.#file) === this.#inode) return
    this.#closeStore()
    this.#store = this.#open(this.#file)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  close(): Awaitable<void> {
    return this.#store.close()
  }

  #replace(error: unknown): void {
    this.#closeStore()
    this.#store = this.#replaceFile(error)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  #closeStore(): void {
    try {
      void this.#store.close()
    } catch {
      // The file is not used any more.
    }
  }

  #replaceFile(error: unknown): S {
    const aside = `${this.#file}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
    for (const part of SUFFIXES) {
      if (existsSync(this.#file + part)) renameSync(this.#file + part, aside + part)
    }
    const store = this.#open(this.#file)
    const message = this.#loss.replace('%s', () => errorMessage(error)).replace('%s', () => aside)
    this.#events.warning(new MirroredByError('ERR_STORE_BROKEN', message, error))
    return store
  }
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino
}

function isBroken(error: unknown): boolean {
  const cause = error instanceof MirroredByError ? error.cause : error
  return BROKEN_CODES.has(systemCode(cause) ?? '')
}
