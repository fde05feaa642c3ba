import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite, { type Database } from 'better-sqlite3'
import { errorMessage, MirroredByError, systemCode } from '../errors.js'
import { type DatabaseSchema, migrate } from './migrations.js'

/** How long to wait for other processes that use the file, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000

/** Pause before a statement is tried again that found the file locked. */
const RETRY_MS = 5

/** The same once the file is open, for then the whole server waits. */
const SHORT_BUSY_TIMEOUT_MS = 50

/**
 * Opens a SQLite file, brought to its present schema, for `use`.
 *
 * @param file created with its folders where it is missing
 * @throws MirroredByError ERR_STORE where the file cannot be opened or written, ERR_STORE_VERSION where a newer
 * mirrored-by wrote it
 */
export function openDatabase<T>(file: string, schema: DatabaseSchema, use: (database: Database) => T): T {
  try {
    mkdirSync(dirname(file), { recursive: true })
    return use(open(file, schema))
  } catch (error) {
    if (error instanceof MirroredByError) throw error
    const remedy = `make it writable, or name another file by \`${schema.option}\``
    const message = `cannot use ${file} as ${schema.what}: ${errorMessage(error)}; ${remedy}`
    throw new MirroredByError('ERR_STORE', message, error)
  }
}

function open(file: string, schema: DatabaseSchema): Database {
  const database = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS })
  try {
    useWriteAheadLog(database)
    // In WAL mode this loses nothing but to a power cut, and then only whole transactions, which are hashed again.
    database.pragma('synchronous = NORMAL')
    migrate(database, file, schema)
    // From here on requests would wait too: who is refused comes again.
    database.pragma(`busy_timeout = ${SHORT_BUSY_TIMEOUT_MS}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * SQLite waits for locks by itself, but not for this one: two that turn the same new file to WAL mode would wait for each
 * other, so one of them is told at once that the file is locked, and has to come again.
 */
function useWriteAheadLog(database: Database): void {
  retryWhileBusy(() => database.pragma('journal_mode = WAL'))
}

/**
 * Tries again, for up to 5 s, while another process has locked the database. Blocks the thread meanwhile.
 *
 * @throws the error of the last attempt
 */
export function retryWhileBusy<T>(attempt: () => T): T {
  const end = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true || performance.now() > end) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}
