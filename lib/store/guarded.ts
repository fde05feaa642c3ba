import { existsSync, renameSync, statSync } from 'node:fs'
import { MirroredByError, reason, systemCode } from '../errors.js'
import type { Awaitable, IndexedFile, Pieces } from '../model.js'
import { sqliteStore } from './sqlite.js'
import type { Change, Lease, Store, StoredFile, Totals } from './store.js'

export interface GuardEvents {
  /** The index was unreadable and has been set aside: everything is to be hashed anew. */
  rebuilt(): void
  warning(error: MirroredByError): void
}

/** What SQLite says of a file that is not, or no longer, one of its own. */
const BROKEN = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_CORRUPT_VTAB', 'SQLITE_CORRUPT_INDEX'])
/** A database file, and the two that SQLite keeps beside it. */
const PARTS = ['', '-wal', '-shm']

/**
 * The SQLite store with a guard: a file that turns out to be broken, now or later, is set aside as
 * `<file>.corrupt-<time>` and begun anew.
 *
 * @throws MirroredByError as `sqliteStore` does, but for broken files
 */
export function guardedStore(file: string, events: GuardEvents): Store {
  return new GuardedStore(file, events)
}

class GuardedStore implements Store {
  readonly #file: string
  readonly #events: GuardEvents
  #store: Store
  #inode: bigint | undefined

  constructor(file: string, events: GuardEvents) {
    this.#file = file
    this.#events = events
    try {
      this.#store = sqliteStore(file)
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#store = this.#begin(error)
    }
    this.#inode = inodeOf(file)
  }

  get(path: string): Awaitable<IndexedFile | undefined> {
    return this.#guard(() => this.#store.get(path))
  }

  pieces(path: string): Awaitable<Pieces | undefined> {
    return this.#guard(() => this.#store.pieces(path))
  }

  list(folder: string): Awaitable<readonly StoredFile[]> {
    return this.#guard(() => this.#store.list(folder))
  }

  folders(within: string): Awaitable<readonly string[]> {
    return this.#guard(() => this.#store.folders(within))
  }

  sample(...asked: Parameters<Store['sample']>): ReturnType<Store['sample']> {
    return this.#guard(() => this.#store.sample(...asked))
  }

  totals(): Awaitable<Totals> {
    return this.#guard(() => this.#store.totals())
  }

  apply(changes: readonly Change[]): Awaitable<void> {
    return this.#guard(() => this.#store.apply(changes))
  }

  lease(...asked: Parameters<Store['lease']>): Awaitable<Lease> {
    this.#followFile()
    return this.#guard(() => this.#store.lease(...asked))
  }

  version(): Awaitable<number> {
    return this.#guard(() => this.#store.version())
  }

  close(): Awaitable<void> {
    return this.#store.close()
  }

  /** The answer of the store; of a new one where the old one is broken. */
  #guard<T>(ask: () => T): T {
    try {
      return ask()
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#replace(error)
      return ask()
    }
  }

  #replace(error: unknown): void {
    this.#giveUp()
    this.#store = this.#begin(error)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  /** Another process may have set the file aside, or somebody deleted it: what is open then is nobody else's. */
  #followFile(): void {
    if (inodeOf(this.#file) === this.#inode) return
    this.#giveUp()
    this.#store = sqliteStore(this.#file)
    this.#inode = inodeOf(this.#file)
    this.#events.rebuilt()
  }

  #giveUp(): void {
    try {
      this.#store.close()
    } catch {
      // It is of no use any more.
    }
  }

  #begin(error: unknown): Store {
    const aside = `${this.#file}.corrupt-${new Date().toISOString().replaceAll(':', '')}`
    for (const part of PARTS) {
      if (existsSync(this.#file + part)) renameSync(this.#file + part, aside + part)
    }
    const store = sqliteStore(this.#file)
    const message = `the index ${this.#file} is broken (${reason(error)}): it was set aside as ${aside}, and is built anew`
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
