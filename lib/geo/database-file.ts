import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorMessage, isNotFound, MirroredByError } from '../errors.js'
import { fileState } from '../identity.js'
import { Database } from './database.js'

/**
 * A database and the file that it is read from. Call `poll` regularly to follow the file: it
 * detects renames into place, rewriting, and changed links and mounts, on every file system without
 * a watch.
 */
export class DatabaseFile {
  /** Absolute path. */
  readonly path: string
  #database: Database
  /** State of the file at the last poll. */
  #polledState: string
  /** State of the file when its content was last loaded or refused. */
  #settledState: string

  private constructor(path: string, database: Database, state: string) {
    this.path = path
    this.#database = database
    this.#polledState = state
    this.#settledState = state
  }

  /** @throws MirroredByError ERR_GEO if the file cannot be read or is not a usable database */
  static async open(file: string): Promise<DatabaseFile> {
    const path = resolve(file)
    const state = await fileState(path)
    return new DatabaseFile(path, parseDatabase(path, await read(path)), state)
  }

  /** The database in force. It is in memory as a whole, and never changes. */
  get database(): Database {
    return this.#database
  }

  /**
   * Loads the new content of a changed file. Waits until two polls see the same state, because the
   * file may still be written.
   *
   * @returns whether another database is in force now
   * @throws MirroredByError ERR_GEO once if the content is refused; at each poll while the file is
   * unreadable
   */
  async poll(): Promise<boolean> {
    const state = await fileState(this.path)
    const isQuiet = state === this.#polledState
    this.#polledState = state
    if (!isQuiet || state === this.#settledState) return false
    const bytes = await read(this.path)
    // The file changed while it was read. The next polls load it.
    if ((await fileState(this.path)) !== state) return false
    this.#settledState = state
    this.#database = parseDatabase(this.path, bytes)
    return true
  }

  /**
   * Loads the content at once, as an operator demands it.
   *
   * @throws MirroredByError ERR_GEO if the content is refused; the database in force stays
   */
  async reload(): Promise<void> {
    const state = await fileState(this.path)
    const bytes = await read(this.path)
    this.#database = parseDatabase(this.path, bytes)
    this.#settledState = state
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const remedy = isNotFound(error) ? 'put it there, or name another by `geo`' : 'let this user read it'
    throw refusal(path, `${errorMessage(error)}; ${remedy}`, error)
  }
}

function parseDatabase(path: string, bytes: Buffer): Database {
  try {
    return new Database(bytes)
  } catch (error) {
    throw refusal(path, errorMessage(error), error)
  }
}

function refusal(path: string, reason: string, cause: unknown): MirroredByError {
  return new MirroredByError('ERR_GEO', `cannot use ${path} as a geo database: ${reason}`, cause)
}
