import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorMessage, isNotFound, MirroredByError, systemCode } from '../errors.js'
import { identityOf } from '../identity.js'
import { Database } from './database.js'

/**
 * A database, and the file that it is read from. Whoever wants to follow the file calls `look` again and again: that sees
 * a rename into place, a rewriting, and a link or a mount that leads elsewhere, on every file system and without a watch.
 */
export class DatabaseFile {
  /** Absolute. */
  readonly path: string
  #database: Database
  /** State of the file at the last look. */
  #polledState: string
  /** State of the file that was last taken or refused. */
  #settledState: string

  private constructor(path: string, database: Database, state: string) {
    this.path = path
    this.#database = database
    this.#polledState = state
    this.#settledState = state
  }

  /** @throws MirroredByError ERR_GEO where the file cannot be read, or is no database that can be used */
  static async open(file: string): Promise<DatabaseFile> {
    const path = resolve(file)
    const state = await stateOf(path)
    return new DatabaseFile(path, parseDatabase(path, await read(path)), state)
  }

  /** The one in force: read whole, and never changed. */
  get database(): Database {
    return this.#database
  }

  /**
   * Takes the file's new content when it is seen for the second time, so that no half is taken of one that is being
   * written.
   *
   * @returns whether another database is in force now
   * @throws MirroredByError ERR_GEO where the content is refused, once; where the file cannot be read, at each look
   */
  async poll(): Promise<boolean> {
    const state = await stateOf(this.path)
    const isQuiet = state === this.#polledState
    this.#polledState = state
    if (!isQuiet || state === this.#settledState) return false
    const bytes = await read(this.path)
    // Written to while it was read: it is another one, of which the next looks see to.
    if ((await stateOf(this.path)) !== state) return false
    this.#settledState = state
    this.#database = parseDatabase(this.path, bytes)
    return true
  }
}

/** What changes with the content of a file; or why there is none. */
async function stateOf(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ctimeNs, inode } = identityOf(await stat(path, { bigint: true }))
    return [size, mtimeNs, ctimeNs, inode].join()
  } catch (error) {
    return systemCode(error) ?? errorMessage(error)
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

function refusal(path: string, why: string, cause: unknown): MirroredByError {
  return new MirroredByError('ERR_GEO', `cannot use ${path} as a geo database: ${why}`, cause)
}
