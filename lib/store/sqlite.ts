import { crc32 } from 'node:zlib'
import Sqlite, { type Database, type Statement } from 'better-sqlite3'
import { contentOf, sameContent } from '../identity.js'
import { ALGORITHMS, type Algorithm, type HashedFile, type Identity, type Pieces } from '../model.js'
import { isWithin, joinPath, splitPath } from '../paths.js'
import { openDatabase } from './database.js'
import { INDEX_SCHEMA } from './migrations.js'
import type { Change, Lease, SampledFile, Store, StoredFile, Totals } from './store.js'

const COLUMN: { readonly [A in Algorithm]: string } = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  'sha-1': 'sha1',
  md5: 'md5',
  blake3: 'blake3',
  crc32c: 'crc32c',
}
const DIGEST_COLUMNS = ALGORITHMS.map((algorithm) => COLUMN[algorithm]).join(', ')
/** Bits for the digests that a row has, in the order of `ALGORITHMS`; does not read the digests. */
const DIGEST_MASK = ALGORITHMS.map((algorithm, bit) => `((${COLUMN[algorithm]} IS NOT NULL) << ${bit})`).join(
  ' | ',
)

/** Integers are read as bigint, because nanoseconds and inode numbers do not fit a double. */
type IdentityRow = readonly [size: bigint, mtimeNs: bigint, ctimeNs: bigint, inode: bigint]
type DigestRow = readonly (Buffer | null)[]

/**
 * Opens the default store: a SQLite file with a write-ahead log. Applied changes survive the
 * death of the process at any moment.
 *
 * @param file created, with its folders, if it is missing
 * @throws MirroredByError ERR_STORE if the file cannot be opened or written, ERR_STORE_VERSION if
 * a newer mirrored-by wrote it
 */
export function sqliteStore(file: string): Store {
  return openDatabase(file, INDEX_SCHEMA, (database) => new SqliteStore(database))
}

class SqliteStore implements Store {
  readonly #database: Database
  readonly #get: Statement<[string, string], readonly unknown[]>
  readonly #pieces: Statement<[string, string], readonly unknown[]>
  readonly #list: Statement<[string], readonly unknown[]>
  readonly #folders: Statement<[string, string, string], unknown>
  readonly #sample: Statement<[string, string, number], readonly unknown[]>
  readonly #totals: Statement<[], readonly unknown[]>
  readonly #content: Statement<[string, string], readonly unknown[]>
  readonly #getCounter: Statement<[], number>
  readonly #putCounter: Statement<[number]>
  /** The next free number, while changes are applied. */
  #nextNumber = 0
  readonly #putFile: Statement<unknown[]>
  readonly #putPieces: Statement<unknown[]>
  readonly #removals: readonly Statement<[string, string]>[]
  readonly #folderRemovals: readonly Statement<[string, string, string]>[]
  readonly #clear: () => void
  readonly #getLease: Statement<[], LeaseRow>
  readonly #putLease: Statement<[string, number, number]>
  readonly #lease: (...args: Parameters<Store['lease']>) => Lease
  readonly #apply: (changes: readonly Change[]) => void

  constructor(database: Database) {
    this.#database = database
    const prepareRows = <P extends unknown[]>(sql: string): Statement<P, readonly unknown[]> =>
      database.prepare<P, readonly unknown[]>(sql).raw().safeIntegers()
    const identity = 'size, mtime_ns, ctime_ns, inode'
    this.#get = prepareRows(
      `SELECT ${identity}, number, seal, ${DIGEST_COLUMNS} FROM file WHERE folder = ? AND name = ?`,
    )
    this.#pieces = prepareRows('SELECT length, sha256, sha1, seal FROM pieces WHERE folder = ? AND name = ?')
    this.#list = prepareRows(`SELECT ${identity}, number, name, ${DIGEST_MASK} FROM file WHERE folder = ?`)
    // Steps from each folder to the next by the primary key; `DISTINCT` would read every row.
    this.#folders = database
      .prepare<[string, string, string], unknown>(
        `WITH RECURSIVE known (folder) AS (
           SELECT min(folder) FROM file WHERE folder >= ?
           UNION ALL
           SELECT (SELECT min(folder) FROM file WHERE file.folder > known.folder) FROM known
           WHERE known.folder IS NOT NULL AND known.folder < ?
         )
         SELECT folder FROM known WHERE folder IS NOT NULL AND folder < ?`,
      )
      .pluck()
    this.#sample = prepareRows(
      `SELECT ${identity}, number, folder, name FROM file WHERE (folder, name) > (?, ?) ORDER BY folder, name LIMIT ?`,
    )
    this.#totals = prepareRows('SELECT count(*), coalesce(sum(size), 0) FROM file')
    this.#content = database
      .prepare<[string, string], readonly unknown[]>(
        `SELECT number, size, ${DIGEST_COLUMNS} FROM file WHERE folder = ? AND name = ?`,
      )
      .raw()
    this.#getCounter = database.prepare<[], number>('SELECT next FROM counter').pluck()
    this.#putCounter = database.prepare('UPDATE counter SET next = ?')
    this.#putFile = database.prepare(
      `INSERT OR REPLACE INTO file (folder, name, ${identity}, number, seal, ${DIGEST_COLUMNS})
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ${ALGORITHMS.map(() => '?').join(', ')})`,
    )
    this.#putPieces = database.prepare(
      'INSERT INTO pieces (folder, name, length, sha256, sha1, seal) VALUES (?, ?, ?, ?, ?, ?)',
    )
    const tables = ['file', 'pieces']
    this.#removals = tables.map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE folder = ? AND name = ?`),
    )
    // '0' is the character after '/': exactly the folders below sort between the two.
    this.#folderRemovals = tables.map((table) =>
      database.prepare(`DELETE FROM ${table} WHERE folder = ? OR (folder >= ? || '/' AND folder < ? || '0')`),
    )
    this.#getLease = database.prepare('SELECT holder, expires_ms AS expires, complete FROM lease')
    this.#putLease = database.prepare(
      'INSERT OR REPLACE INTO lease (only, holder, expires_ms, complete) VALUES (1, ?, ?, ?)',
    )
    this.#lease = (...args) => takeLease.immediate(...args)
    const takeLease = database.transaction((...args: Parameters<Store['lease']>) => this.#takeLease(...args))
    this.#clear = () => database.exec('DELETE FROM file; DELETE FROM pieces')
    this.#apply = (changes) => applyAll.immediate(changes)
    const applyAll = database.transaction((changes: readonly Change[]) => this.#applyAll(changes))
  }

  get(path: string) {
    const row = this.#get.get(...splitPath(path))
    if (row === undefined) return undefined
    const identity = identityFrom(row)
    const [number, seal] = row.slice(4) as [bigint, bigint]
    const digests = row.slice(6) as DigestRow
    checkSeal(path, Number(seal), sealOf(path, identity, digests))
    return { path, identity, digests: digestsFrom(digests), number: Number(number) }
  }

  pieces(path: string): Pieces | undefined {
    const row = this.#pieces.get(...splitPath(path))
    if (row === undefined) return undefined
    const [length, sha256, sha1, seal] = row as readonly [bigint, Buffer, Buffer, bigint]
    const pieces = { length: Number(length), sha256, sha1 }
    checkSeal(path, Number(seal), pieceSeal(path, pieces))
    return pieces
  }

  list(folder: string): readonly StoredFile[] {
    return this.#list.all(folder).map((row) => {
      const [number, name, mask] = row.slice(4) as [bigint, string, bigint]
      const algorithms = algorithmsFrom(Number(mask))
      return { name, identity: identityFrom(row), number: Number(number), algorithms }
    })
  }

  folders(within: string): readonly string[] {
    // '0' is the character after '/', so all folders below sort before it. U+10FFFF sorts after
    // all text.
    const end = within === '' ? '\u{10ffff}' : `${within}0`
    const folders = this.#folders.all(within, end, end) as string[]
    return folders.filter((folder) => isWithin(folder, { folder: within }))
  }

  sample(after: string, maxFiles: number): readonly SampledFile[] {
    return this.#sample.all(...splitPath(after), maxFiles).map((row) => {
      const [number, folder, name] = row.slice(4) as [bigint, string, string]
      return { path: joinPath(folder, name), identity: identityFrom(row), number: Number(number) }
    })
  }

  totals(): Totals {
    const [files, bytes] = this.#totals.get() as [bigint, bigint]
    return { files: Number(files), bytes: Number(bytes) }
  }

  apply(changes: readonly Change[]): void {
    this.#apply(changes)
  }

  lease(...args: Parameters<Store['lease']>): Lease {
    const row = this.#getLease.get()
    // A process that waits for the lease only reads, because a write would lock the file.
    return row !== undefined && isTaken(row, args) ? leaseOf(row, args[0]) : this.#lease(...args)
  }

  version(): number {
    return Number(this.#database.pragma('data_version', { simple: true }))
  }

  close(): void {
    this.#database.close()
  }

  #takeLease(...args: Parameters<Store['lease']>): Lease {
    const row = this.#getLease.get()
    if (row !== undefined && isTaken(row, args)) return leaseOf(row, args[0])
    const [holder, expires, complete] = args
    // Giving back a lease that the caller does not hold would write one.
    if (expires > 0 || row?.holder === holder) this.#putLease.run(holder, expires, Number(complete))
    return { held: expires > 0, holder, expires, complete }
  }

  /** Call it with the write lock held; otherwise another process could assign equal numbers. */
  #applyAll(changes: readonly Change[]): void {
    const next = this.#getCounter.get()
    if (next === undefined) throw new Sqlite.SqliteError('the counter is gone', 'SQLITE_CORRUPT')
    this.#nextNumber = next
    for (const change of changes) this.#applyOne(change)
    if (this.#nextNumber > next) this.#putCounter.run(this.#nextNumber)
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
    const seal = sealOf(file.path, file.identity, digests)
    this.#putFile.run(...key, size, mtimeNs, ctimeNs, inode, this.#numberOf(key, file), seal, ...digests)
    if (pieces === undefined) return
    const { length, sha256, sha1 } = pieces
    this.#putPieces.run(...key, length, sha256, sha1, pieceSeal(file.path, pieces))
  }

  #numberOf(key: readonly [string, string], file: HashedFile): number {
    const row = this.#content.get(...key)
    if (row !== undefined) {
      const [number, size] = row as [number, number]
      const stored = { size, digests: digestsFrom(row.slice(2) as DigestRow) }
      if (sameContent(stored, contentOf(file))) return number
    }
    this.#nextNumber += 1
    return this.#nextNumber - 1
  }
}

/**
 * Returns a checksum of a row. SQLite has none, so a disk that flips a bit in a digest would
 * cause a wrong digest to be published.
 */
function sealOf(
  path: string,
  { size, mtimeNs, ctimeNs, inode }: Identity,
  digests: readonly (Uint8Array | null)[],
): number {
  let seal = crc32(`${path}\0${size} ${mtimeNs} ${ctimeNs} ${inode}`)
  for (const [index, digest] of digests.entries()) {
    // Includes the index, so that the digest of one algorithm cannot pass for that of another.
    if (digest !== null) seal = crc32(digest, (seal ^ index) >>> 0)
  }
  return seal
}

/** Returns a checksum of a row of pieces. */
function pieceSeal(path: string, { length, sha256, sha1 }: Pieces): number {
  return crc32(sha1, crc32(sha256, crc32(`${path}\0${length}`)))
}

function checkSeal(path: string, stored: number, computed: number): void {
  if (stored === computed) return
  throw new Sqlite.SqliteError(`the row of ${JSON.stringify(path)} is damaged`, 'SQLITE_CORRUPT')
}

interface LeaseRow {
  readonly holder: string
  readonly expires: number
  readonly complete: number
}

/** Returns whether another process holds the lease, other than the lease to be replaced. */
function isTaken({ holder, expires }: LeaseRow, [caller, , , instead]: Parameters<Store['lease']>): boolean {
  if (holder === caller || expires === 0) return false
  return holder !== instead?.holder || expires !== instead.expires
}

function leaseOf({ holder, expires, complete }: LeaseRow, caller: string): Lease {
  return { held: holder === caller, holder, expires, complete: complete !== 0 }
}

// The rows below come from STRICT tables: SQLite guarantees the type of each column.

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
  const cached = algorithmSets.get(mask)
  if (cached !== undefined) return cached
  const algorithms = ALGORITHMS.filter((_, bit) => (mask >> bit) & 1)
  algorithmSets.set(mask, algorithms)
  return algorithms
}
