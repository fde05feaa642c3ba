import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite, { type Database } from 'better-sqlite3'
import { errorMessage, MirroredByError, systemCode } from '../errors.js'
import { type DatabaseSchema, migrate } from './migrations.js'

/** Time to wait for other processes that use the file while it is opened. */
const BUSY_TIMEOUT_MS = 5000

/** Pause between two attempts. */
const RETRY_MS = 5

/** Time to wait once the file is open. Short, because the whole server waits. */
const SHORT_BUSY_TIMEOUT_MS = 50

/**
 * Opens a SQLite file, migrates it to the current schema, and returns what `use` makes of it.
 *
 * @param file created, with its folders, if it is missing
 * @throws MirroredByError ERR_STORE if the file cannot be opened or written, ERR_STORE_VERSION if
 * a newer mirrored-by wrote it
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
    // In WAL mode, only a power cut can lose data, and only whole transactions. Their files are
    // hashed again.
    database.pragma('synchronous = NORMAL')
    migrate(database, file, schema)
    // From here on, requests wait too. Callers try again if the file is busy.
    database.pragma(`busy_timeout = ${SHORT_BUSY_TIMEOUT_MS}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Switches a database to WAL mode. SQLite does not wait for this lock: two processes that switch
 * the same new file would wait for each other, so one of them fails at once and has to try again.
 */
function useWriteAheadLog(database: Database): void {
  retryWhileBusy(() => database.pragma('journal_mode = WAL'))
}

/**
 * Repeats an attempt for up to 5 s while another process has locked the database. Blocks the
 * thread meanwhile.
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
