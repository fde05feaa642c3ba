import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
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
    createPrivately(file)
    return use(open(file, schema))
  } catch (error) {
    if (error instanceof MirroredByError) throw error
    if (isNativePartMissing(error)) throw new MirroredByError('ERR_STORE', NATIVE_PART_MISSING, error)
    const remedy = `make it writable, or name another file by \`${schema.option}\``
    const message = `cannot use ${file} as ${schema.what}: ${errorMessage(error)}; ${remedy}`
    throw new MirroredByError('ERR_STORE', message, error)
  }
}

const NATIVE_PART_MISSING =
  `better-sqlite3 has no native part that fits Node ${process.version} on ${process.platform} ${process.arch}: ` +
  'run `npm rebuild better-sqlite3`, or with pnpm `pnpm approve-builds`'

/**
 * Returns whether an error means that better-sqlite3 lacks its native part: it was not built, was
 * left out of a bundle, or was built for another Node.
 */
function isNativePartMissing(error: unknown): boolean {
  if (systemCode(error)?.startsWith('SQLITE_') === true) return false
  return (
    ['ERR_DLOPEN_FAILED', 'MODULE_NOT_FOUND'].includes(systemCode(error) ?? '') ||
    /could not locate the bindings file|compiled against a different Node/i.test(errorMessage(error))
  )
}

/** Creates a missing file, and missing folders, for this user only: it names files and clients. */
function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // SQLite gives its other files the mode of this one.
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
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
