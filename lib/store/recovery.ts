import { existsSync, renameSync, statSync } from 'node:fs'
import { errorMessage, MirroredByError, systemCode } from '../errors.js'
import type { Awaitable } from '../model.js'

export interface RecoveryEvents {
  /** The file was unreadable and has been set aside, or it is gone: what was in it is to be made anew. */
  rebuilt(): void
  warning(error: MirroredByError): void
}

/** What SQLite says of a file that is not, or no longer, one of its own. */
const BROKEN = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_CORRUPT_VTAB', 'SQLITE_CORRUPT_INDEX'])
/** A database file, and the two that SQLite keeps beside it. */
const PARTS = ['', '-wal', '-shm']

/** A store in a SQLite file: one that turns out to be broken, now or later, is set aside as `<file>.corrupt-<time>` and begun anew. */
export class Recovery<S extends { close(): Awaitable<void> }> {
  readonly #file: string
  readonly #open: (file: string) => S
  readonly #loss: string
  readonly #events: RecoveryEvents
  #store: S
  #inode: bigint | undefined

  /**
   * @param what the file is, and what comes of its loss, for the warning
   * @throws MirroredByError as `open` does, but for broken files
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
      this.#store = this.#begin(error)
    }
    this.#inode = inodeOf(file)
  }

  /** The answer of the store; of a new one where the old one is broken. */
  ask<T>(question: (store: S) => T): T {
    try {
      return question(this.#store)
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#replace(error)
      return question(this.#store)
    }
  }

  /** Another process may have set the file aside, or somebody deleted it: what is open then is nobody else's. */
  followFile(): void {
    if (inodeOf(this.#file) === this.#inode) return
    this.#giveUp()
    this.#store = this.#open(this.#file)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  close(): Awaitable<void> {
    return this.#store.close()
  }

  #replace(error: unknown): void {
    this.#giveUp()
    this.#store = this.#begin(error)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  #giveUp(): void {
    try {
      void this.#store.close()
    } catch {
      // It is of no use any more.
    }
  }

  #begin(error: unknown): S {
    const aside = `${this.#file}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
    for (const part of PARTS) {
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
  return BROKEN.has(systemCode(cause) ?? '')
}
