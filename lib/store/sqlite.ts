import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite, { type Database, type Statement } from 'better-sqlite3'
import { MirroredByError, reason, systemCode } from '../errors.js'
import { ALGORITHMS, type Algorithm, type Identity, type Pieces } from '../model.js'
import { splitPath } from '../repository/names.js'
import { migrate } from './migrations.js'
import type { Change, Store, StoredFile, Totals } from './store.js'

const COLUMN: { readonly [A in Algorithm]: string } = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  'sha-1': 'sha1',
  md5: 'md5',
  blake3: 'blake3',
  crc32c: 'crc32c',
}
const DIGEST_COLUMNS = ALGORITHMS.map((algorithm) => COLUMN[algorithm]).join(', ')
/** One bit an algorithm, in the order of `ALGORITHMS`: which digests a row has, without reading them. */
const DIGEST_MASK = ALGORITHMS.map((algorithm, bit) => `((${COLUMN[algorithm]} IS NOT NULL) << ${bit})`).join(
  ' | ',
)

/** 64-bit integers come back as bigint: nanoseconds and inode numbers do not fit a double. */
type IdentityRow = readonly [size: bigint, mtimeNs: bigint, ctimeNs: bigint, inode: bigint]
type DigestRow = readonly (Buffer | null)[]

/**
 * The default store: one SQLite file beside its write-ahead log. What was applied survives the death of the process at
 * any moment.
 *
 * @param file created with its folders where it is missing
 * @throws MirroredByError ERR_STORE where the file cannot be opened or written, ERR_STORE_VERSION where a newer
 * mirrored-by wrote it
 */
export function sqliteStore(file: string): Store {
  try {
    mkdirSync(dirname(file), { recursive: true })
    return new SqliteStore(open(file))
  } catch (error) {
    if (error instanceof MirroredByError) throw error
    throw new MirroredByError(
      'ERR_STORE',
      `cannot use ${file} as the index: ${reason(error)}; make it writable, or name another file by \`store\``,
      error,
    )
  }
}

/** How long to wait for other processes that use the file, in milliseconds. */
const PATIENCE = 5000

function open(file: string): Database {
  const database = new Sqlite(file, { timeout: PATIENCE })
  try {
    useWriteAheadLog(database)
    // In WAL mode this loses nothing but to a power cut, and then only whole transactions, which are hashed again.
    database.pragma('synchronous = NORMAL')
    migrate(database, file)
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
  const end = performance.now() + PATIENCE
  for (;;) {
    try {
      database.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true || performance.now() > end) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

class SqliteStore implements Store {
  readonly #database: Database
  readonly #get: Statement<[string, string], readonly unknown[]>
  readonly #pieces: Statement<[string, string], readonly unknown[]>
  readonly #list: Statement<[string], readonly unknown[]>
  readonly #folders: Statement<[], unknown>
  readonly #totals: Statement<[], readonly unknown[]>
  readonly #putFile: Statement<unknown[]>
  readonly #putPieces: Statement<unknown[]>
  readonly #removals: readonly Statement<[string, string]>[]
  readonly #folderRemovals: readonly Statement<[string, string, string]>[]
  readonly #clear: () => void
  readonly #apply: (changes: readonly Change[]) => void

  constructor(database: Database) {
    this.#database = database
    const prepareRows = <P extends unknown[]>(sql: string): Statement<P, readonly unknown[]> =>
      database.prepare<P, readonly unknown[]>(sql).raw().safeIntegers()
    const identity = 'size, mtime_ns, ctime_ns, inode'
    this.#get = prepareRows(`SELECT ${identity}, ${DIGEST_COLUMNS} FROM file WHERE folder = ? AND name = ?`)
    this.#pieces = prepareRows('SELECT length, sha256, sha1 FROM pieces WHERE folder = ? AND name = ?')
    this.#list = prepareRows(`SELECT ${identity}, name, ${DIGEST_MASK} FROM file WHERE folder = ?`)
    this.#folders = database.prepare<[], unknown>('SELECT DISTINCT folder FROM file').pluck()
    this.#totals = prepareRows('SELECT count(*), coalesce(sum(size), 0) FROM file')
    this.#putFile = database.prepare(
      `INSERT OR REPLACE INTO file (folder, name, ${identity}, ${DIGEST_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ${ALGORITHMS.map(() => '?').join(', ')})`,
    )
    this.#putPieces = database.prepare(
      'INSERT INTO pieces (folder, name, length, sha256, sha1) VALUES (?, ?, ?, ?, ?)',
    )
    const tables = ['file', 'pieces']
    this.#removals = tables.map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE folder = ? AND name = ?`),
    )
    // '0' is the character after '/': between the two lies every folder below, and nothing else.
    this.#folderRemovals = tables.map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE folder = ? OR (folder >= ? || '/' AND folder < ? || '0')`),
    )
    this.#clear = () => database.exec('DELETE FROM file; DELETE FROM pieces')
    this.#apply = database.transaction((changes: readonly Change[]) => {
      for (const change of changes) this.#applyOne(change)
    })
  }

  get(path: string) {
    const row = this.#get.get(...splitPath(path))
    if (row === undefined) return undefined
    return { path, identity: identityFrom(row), digests: digestsFrom(row.slice(4) as DigestRow) }
  }

  pieces(path: string): Pieces | undefined {
    const row = this.#pieces.get(...splitPath(path)) as readonly [bigint, Buffer, Buffer] | undefined
    return row === undefined ? undefined : { length: Number(row[0]), sha256: row[1], sha1: row[2] }
  }

  list(folder: string): readonly StoredFile[] {
    return this.#list.all(folder).map((row) => {
      const [name, mask] = row.slice(4) as [string, bigint]
      return { name, identity: identityFrom(row), algorithms: algorithmsFrom(Number(mask)) }
    })
  }

  folders(): readonly string[] {
    return this.#folders.all() as string[]
  }

  totals(): Totals {
    const [files, bytes] = this.#totals.get() as [bigint, bigint]
    return { files: Number(files), bytes: Number(bytes) }
  }

  apply(changes: readonly Change[]): void {
    this.#apply(changes)
  }

  close(): void {
    this.#database.close()
  }

  #applyOne(change: Change): void {
    if (change.kind === 'removeFolder') {
      const { folder } = change
      if (folder === '') this.#clear()
      else for (const removal of this.#folderRemovals) removal.run(folder, folder, folder)
      return
    }
    if (change.kind === 'remove') {
      for (const removal of this.#removals) removal.run(...splitPath(change.path))
      return
    }
    const { file, pieces } = change
    const { size, mtimeNs, ctimeNs, inode } = file.identity
    const key = splitPath(file.path)
    const digests = ALGORITHMS.map((algorithm) => file.digests[algorithm] ?? null)
    for (const removal of this.#removals.slice(1)) removal.run(...key)
    this.#putFile.run(...key, size, mtimeNs, ctimeNs, inode, ...digests)
    if (pieces !== undefined) this.#putPieces.run(...key, pieces.length, pieces.sha256, pieces.sha1)
  }
}

// The rows below come from tables that are STRICT: SQLite itself vouches for each column's type.

function identityFrom(row: readonly unknown[]): Identity {
  const [size, mtimeNs, ctimeNs, inode] = row as IdentityRow
  return { size: Number(size), mtimeNs, ctimeNs, inode }
}

function digestsFrom(row: DigestRow) {
  const digests: { [A in Algorithm]?: Uint8Array } = {}
  for (const [index, algorithm] of ALGORITHMS.entries()) {
    const digest = row[index]
    if (digest) digests[algorithm] = digest
  }
  return digests
}

const algorithmSets = new Map<number, readonly Algorithm[]>()

function algorithmsFrom(mask: number): readonly Algorithm[] {
  const known = algorithmSets.get(mask)
  if (known !== undefined) return known
  const algorithms = ALGORITHMS.filter((_, bit) => (mask >> bit) & 1)
  algorithmSets.set(mask, algorithms)
  return algorithms
}
