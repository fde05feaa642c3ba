import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import { MirroredByError } from '../../lib/errors.js'
import { ALGORITHMS, type HashedFile } from '../../lib/model.js'
import { splitPath } from '../../lib/paths.js'
import { SCHEMA_VERSION } from '../../lib/store/migrations.js'
import { sqliteStore } from '../../lib/store/sqlite.js'
import { run } from '../support/client.js'
import { fileAt, piecesOf, put } from '../support/files.js'
import { temporaryFolder } from '../support/folder.js'
import { assertSameFile, assertSamePieces, behavesAsAStore, pathsIn } from './suite.js'

behavesAsAStore('the store in SQLite', (context) => {
  const store = sqliteStore(join(temporaryFolder(context), 'index.sqlite'))
  context.after(() => store.close())
  return store
})

test('an index that is opened again holds everything', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  const before = sqliteStore(file)
  await before.apply([put(fileAt('a/b'), piecesOf(3, 'x')), put(fileAt('c'))])
  await before.close()
  const after = sqliteStore(file)
  context.after(() => after.close())
  assert.deepEqual(await pathsIn(after), ['a/b', 'c'])
  assertSameFile(await after.get('a/b'), fileAt('a/b'))
  assertSamePieces(await after.pieces('a/b'), piecesOf(3, 'x'))
})

test('what is applied is seen by another who has the index open', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  const one = sqliteStore(file)
  const other = sqliteStore(file)
  context.after(() => Promise.all([one.close(), other.close()]))
  await one.apply([put(fileAt('a'))])
  assert.deepEqual(await pathsIn(other), ['a'])
  await other.apply([{ kind: 'remove', path: 'a' }])
  assert.deepEqual(await pathsIn(one), [])
})

test('changes are applied all or none', async (context) => {
  const store = sqliteStore(join(temporaryFolder(context), 'index.sqlite'))
  context.after(() => store.close())
  await store.apply([put(fileAt('kept'), piecesOf(2, 'kept')), put(fileAt('folder/kept'))])
  // A 64-bit column cannot hold this inode.
  const impossible = put(fileAt('impossible', { inode: 2n ** 64n }))
  const changes = [
    put(fileAt('new')),
    { kind: 'remove', path: 'kept' } as const,
    { kind: 'removeFolder', folder: 'folder' } as const,
    impossible,
    put(fileAt('late')),
  ]
  assert.throws(() => store.apply(changes))
  assert.deepEqual(await pathsIn(store), ['folder/kept', 'kept'])
  assertSamePieces(await store.pieces('kept'), piecesOf(2, 'kept'))
})

test('the index is in WAL mode, so that readers never wait for the writer', (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  const store = sqliteStore(file)
  context.after(() => store.close())
  assert.equal(pragma(file, 'journal_mode'), 'wal')
})

test('the index says the version of its schema', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  await sqliteStore(file).close()
  assert.equal(pragma(file, 'user_version'), SCHEMA_VERSION)
  assert.ok(SCHEMA_VERSION >= 1)
})

test('an index of a newer version is refused by its name, and left as it is', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  await sqliteStore(file).close()
  edit(file, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  assert.throws(
    () => sqliteStore(file),
    (error) => {
      assert.ok(error instanceof MirroredByError)
      assert.equal(error.code, 'ERR_STORE_VERSION')
      assert.ok(error.message.includes(file), error.message)
      assert.match(error.message, new RegExp(`schema version ${SCHEMA_VERSION + 1}\\b`))
      assert.match(error.message, /upgrade mirrored-by, or name another file by `store`/)
      return true
    },
  )
  assert.equal(pragma(file, 'user_version'), SCHEMA_VERSION + 1)
})

test('a new index and one brought up from each older version have the same schema', async (context) => {
  const folder = temporaryFolder(context)
  const fresh = join(folder, 'fresh.sqlite')
  await sqliteStore(fresh).close()
  // Version 0 is the empty file that every index begins as. Each released version adds a line here.
  const released: readonly string[] = ['', VERSION_1]
  assert.equal(released.length, SCHEMA_VERSION, 'add the schema of the version before the new step')
  for (const [version, schema] of released.entries()) {
    const old = join(folder, `${version}.sqlite`)
    edit(old, `${schema}; PRAGMA user_version = ${version}`)
    await sqliteStore(old).close()
    assert.deepEqual(schemaOf(old), schemaOf(fresh))
    assert.equal(pragma(old, 'user_version'), SCHEMA_VERSION)
  }
})

test('an index of the version before numbers keeps its files, and each gets a number of its own', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  const paths = ['b', 'a/2', 'a/1', 'a', "a/it's/3"]
  edit(file, `${VERSION_1}; PRAGMA user_version = 1`)
  const old = new Sqlite(file)
  for (const path of paths) insertVersion1(old, fileAt(path))
  old.close()
  const store = sqliteStore(file)
  context.after(() => store.close())
  assert.deepEqual(await pathsIn(store), [...paths].sort())
  const files = await store.sample('', 10)
  const [first = Number.NaN] = files.map(({ number }) => number)
  assert.equal(first % 2 ** 20, 0)
  assert.deepEqual(
    files.map(({ number }) => number - first),
    paths.map((_, index) => index),
  )
  for (const path of paths) assertSameFile(await store.get(path), fileAt(path))
  await store.apply([put(fileAt('new')), put(fileAt('a/1', { inode: 1n }))])
  assert.equal((await store.get('new'))?.number, first + paths.length)
  assert.equal((await store.get('a/1'))?.number, files.find(({ path }) => path === 'a/1')?.number)
})

test('numbers go on where they were when an index is opened again, or by another process', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  const before = sqliteStore(file)
  await before.apply([put(fileAt('a')), put(fileAt('b'))])
  const first = (await before.get('a'))?.number ?? Number.NaN
  await before.apply([{ kind: 'removeFolder', folder: '' }])
  await before.close()
  const [one, other] = [sqliteStore(file), sqliteStore(file)]
  context.after(() => Promise.all([one.close(), other.close()]))
  for (const [index, store] of [one, other, one].entries()) {
    await store.apply([put(fileAt(`f${index}`))])
    assert.equal((await other.get(`f${index}`))?.number, first + 2 + index)
  }
})

test('a batch that is refused gives no numbers', async (context) => {
  const store = sqliteStore(join(temporaryFolder(context), 'index.sqlite'))
  context.after(() => store.close())
  await store.apply([put(fileAt('a'))])
  const first = (await store.get('a'))?.number ?? Number.NaN
  assert.throws(() => store.apply([put(fileAt('b')), put(fileAt('impossible', { inode: 2n ** 64n }))]))
  await store.apply([put(fileAt('c'))])
  assert.equal((await store.get('c'))?.number, first + 1)
})

test('the schema is what the first release wrote', async (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  await sqliteStore(file).close()
  assert.deepEqual(
    schemaOf(file).map(({ name, columns }) => `${name}: ${columns.join(' ')}`),
    [
      'counter: only next',
      'file: folder name size mtime_ns ctime_ns inode number sha256 sha512 sha1 md5 blake3 crc32c seal',
      'lease: only holder expires_ms complete',
      'pieces: folder name length sha256 sha1 seal',
    ],
  )
})

test('a step that fails leaves the version as it was', (context) => {
  const file = join(temporaryFolder(context), 'index.sqlite')
  // A table of another program has the name of ours.
  edit(file, 'CREATE TABLE pieces (theirs TEXT)')
  assertRefused(() => sqliteStore(file), file, /already exists/)
  assert.equal(pragma(file, 'user_version'), 0)
  assert.deepEqual(
    schemaOf(file).map(({ name }) => name),
    ['pieces'],
  )
})

test('processes that open a new index at the same moment all succeed', async (context) => {
  const folder = join(temporaryFolder(context), 'deep')
  const program = fileURLToPath(new URL('./open-index.js', import.meta.url))
  const names = ['a', 'b', 'c', 'd']
  const indexes = 25
  const moment = String(Date.now() + 700)
  const finished = await Promise.all(
    names.map((name) => run(process.execPath, [program, folder, moment, String(indexes), name])),
  )
  for (const { status, stderr } of finished) assert.equal(status, 0, stderr)
  for (let index = 0; index < indexes; index += 1) {
    const store = sqliteStore(join(folder, `${index}.sqlite`))
    assert.deepEqual(await pathsIn(store), names)
    await store.close()
  }
})

test('folders of the index are made where they are missing', async (context) => {
  const file = join(temporaryFolder(context), 'a', 'b', 'index.sqlite')
  await sqliteStore(file).close()
  assert.ok(statSync(file).isFile())
})

test('a place that cannot be written is named, with the remedy', (context) => {
  const folder = temporaryFolder(context)
  writeFileSync(join(folder, 'a file'), '')
  mkdirSync(join(folder, 'a folder'))
  writeFileSync(join(folder, 'text'), 'this is no database, and long enough for that to be seen'.repeat(50))
  assertRefused(
    () => sqliteStore(join(folder, 'a file', 'index.sqlite')),
    join(folder, 'a file'),
    /ENOTDIR|EEXIST/,
  )
  assertRefused(() => sqliteStore(join(folder, 'a folder')), join(folder, 'a folder'), /unable to open/)
  assertRefused(() => sqliteStore(join(folder, 'text')), join(folder, 'text'), /not a database/)
  assert.equal(existsSync(join(folder, 'text-wal')), false)
})

/** The schema before files had numbers. */
const VERSION_1 = `
  CREATE TABLE file (
    folder TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 BLOB, sha512 BLOB, sha1 BLOB, md5 BLOB, blake3 BLOB,
    crc32c BLOB, seal INTEGER NOT NULL, PRIMARY KEY (folder, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pieces (
    folder TEXT NOT NULL, name TEXT NOT NULL, length INTEGER NOT NULL, sha256 BLOB NOT NULL, sha1 BLOB NOT NULL,
    seal INTEGER NOT NULL, PRIMARY KEY (folder, name)
  ) STRICT;
  CREATE TABLE lease (
    only INTEGER PRIMARY KEY CHECK (only = 1), holder TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    complete INTEGER NOT NULL
  ) STRICT`

/** Stores a file with all digests as mirrored-by did at that version. */
function insertVersion1(database: Sqlite.Database, { path, identity, digests }: HashedFile): void {
  const columns = ALGORITHMS.map((algorithm) => digests[algorithm])
  let seal = crc32(`${path}\0${identity.size} ${identity.mtimeNs} ${identity.ctimeNs} ${identity.inode}`)
  for (const [index, digest] of columns.entries()) seal = crc32(digest ?? '', (seal ^ index) >>> 0)
  database
    .prepare(`INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ${columns.map(() => '?').join(', ')}, ?)`)
    .run(
      ...splitPath(path),
      identity.size,
      identity.mtimeNs,
      identity.ctimeNs,
      identity.inode,
      ...columns,
      seal,
    )
}

function assertRefused(open: () => unknown, file: string, why: RegExp): void {
  assert.throws(open, (error) => {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_STORE')
    assert.ok(error.message.startsWith(`cannot use ${file}`), error.message)
    assert.match(error.message, why)
    assert.match(error.message, /; make it writable, or name another file by `store`$/)
    assert.ok(error.cause instanceof Error)
    return true
  })
}

function edit(file: string, sql: string): void {
  const database = new Sqlite(file)
  database.exec(sql)
  database.close()
}

function pragma(file: string, name: string): unknown {
  const database = new Sqlite(file, { readonly: true })
  try {
    return database.pragma(name, { simple: true })
  } finally {
    database.close()
  }
}

interface Table {
  readonly name: string
  readonly sql: string
  readonly columns: readonly string[]
}

/** Returns every table and index as SQLite stores it, without white space. */
function schemaOf(file: string): Table[] {
  const database = new Sqlite(file, { readonly: true })
  try {
    const rows = database
      .prepare<[], { name: string; sql: string }>(
        'SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name',
      )
      .all()
    return rows.map(({ name, sql }) => ({
      name,
      sql: sql.replace(/\s+/g, ' '),
      columns: database
        .prepare<[string], string>('SELECT name FROM pragma_table_info(?)')
        .pluck()
        .all(name) as string[],
    }))
  } finally {
    database.close()
  }
}
