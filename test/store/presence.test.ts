import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Sqlite from 'better-sqlite3'
import { STATES_SCHEMA } from '../../lib/store/migrations.js'
import { recoverableStates } from '../../lib/store/recoverable-store.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'
import type { MirrorStateStore } from '../../lib/store/states.js'
import { bytesOf } from '../support/files.js'
import { temporaryFolder } from '../support/folder.js'
import { BARE_SCAN, block, blocksIn, CORRUPT, corrupt, Follower, SCAN, scan } from './presence-suite.js'
import { BARE, endpoint, event, FULL } from './states-suite.js'

const ONE = bytesOf(8192, 'one')
const TWO = bytesOf(8192, 'two')

test('blocks of the same content share it, in the file and in memory', async (t) => {
  const { file, store } = opened(t)
  const mirrors = Array.from({ length: 20 }, (_, index) => `m${index}`)
  await store.apply(
    mirrors.flatMap((mirror) => [block(mirror, 'held', 1, ONE), block(mirror, 'stale', 7, ONE)]),
  )
  assert.equal(contentsIn(file), 1)
  const { blocks } = await store.presence(0)
  assert.deepEqual([blocks.length, new Set(blocks.map(({ content }) => content)).size], [40, 1])
  await store.apply([block('m0', 'held', 1, TWO), block('m1', 'held', 1, TWO)])
  assert.equal(contentsIn(file), 2)
})

test('a content that no block has any more is gone', async (t) => {
  const { file, store } = opened(t)
  await store.apply([block('a', 'held', 1, ONE), block('b', 'held', 1, ONE), block('b', 'stale', 1, TWO)])
  await store.apply([block('a', 'held', 1, undefined)])
  assert.equal(contentsIn(file), 2)
  await store.apply([block('b', 'held', 1, TWO)])
  assert.equal(contentsIn(file), 1)
  await store.apply([block('b', 'held', 1, ONE), block('b', 'held', 1, TWO)])
  assert.equal(contentsIn(file), 1)
  await store.apply([{ kind: 'forget', mirror: 'b' }])
  assert.equal(contentsIn(file), 0)
  await store.apply([block('a', 'held', 1, ONE)])
  assert.equal(contentsIn(file), 1)
})

test('presence is there when it is opened again, and who has followed it goes on', async (t) => {
  const { file, store } = opened(t)
  await store.apply([block('a', 'held', 1, ONE), block('a', 'held', 2, ONE), scan(SCAN), corrupt(CORRUPT)])
  const before = await store.presence(0)
  await store.apply([
    block('a', 'held', 2, undefined),
    { kind: 'requestCheck', mirror: 'a', path: 'p', at: 1 },
  ])
  await store.close()
  const again = sqliteStates(file)
  t.after(() => again.close())
  const { version, ...after } = await again.presence(before.version)
  assert.ok(version > before.version)
  assert.deepEqual(after, {
    whole: false,
    blocks: [{ mirror: 'a', set: 'held', block: 2, content: undefined }],
    surveys: [SCAN],
    corrupt: [CORRUPT],
    requestedChecks: [{ mirror: 'a', path: 'p', at: 1 }],
  })
})

test('what one process applies, the other sees', async (t) => {
  const { file, store } = opened(t)
  const other = sqliteStates(file)
  t.after(() => other.close())
  const follower = new Follower(other)
  await follower.news()
  const version = await other.version()
  await store.apply([block('a', 'held', 1, Uint8Array.of(1))])
  assert.notEqual(await other.version(), version)
  assert.deepEqual(await follower.news(), ['a held 1: 01'])
  await other.apply([block('a', 'held', 1, undefined)])
  await store.apply([block('a', 'held', 2, Uint8Array.of(2))])
  assert.deepEqual(await follower.news(), ['a held 1: removed', 'a held 2: 02'])
})

test('changes are applied all or none, of presence and of the rest', async (t) => {
  const { file, store } = opened(t)
  await store.apply([block('a', 'held', 1, ONE)])
  const [states, presence] = [await store.read(), await store.presence(0)]
  const impossible = { ...BARE_SCAN, at: Number.NaN }
  assert.throws(() =>
    store.apply([
      block('a', 'held', 1, TWO),
      endpoint(FULL),
      { kind: 'forget', mirror: 'a' },
      scan(impossible),
    ]),
  )
  assert.deepEqual([await store.read(), await store.presence(0)], [states, presence])
  assert.equal(contentsIn(file), 1)
})

test('who has followed a file that was lost is told everything of the new one', async (t) => {
  const file = join(temporaryFolder(t), 'states.sqlite')
  const store = recoverableStates(file, { rebuilt: () => {}, warning: () => {} })
  t.after(() => store.close())
  const follower = new Follower(store)
  await store.apply([block('a', 'held', 1, ONE)])
  await follower.news()
  for (const part of ['', '-wal', '-shm']) rmSync(file + part, { force: true })
  await store.version()
  assert.deepEqual(await follower.all(), [])
  await store.apply([block('b', 'held', 1, Uint8Array.of(1))])
  assert.deepEqual(await follower.all(), ['b held 1: 01'])
  // Whether the lost file had greater versions is random.
  const { version } = await store.presence(0)
  for (const lost of [1, version - 2 ** 20, version + 2 ** 20])
    assert.equal((await store.presence(lost)).whole, true, `${lost}`)
})

test('states of the version before presence are kept, and presence is added', async (t) => {
  const folder = temporaryFolder(t)
  const [fresh, old] = [join(folder, 'fresh.sqlite'), join(folder, 'old.sqlite')]
  const origin = sqliteStates(fresh)
  // Traces were added later.
  const { trace: _, ...before } = FULL
  await origin.apply([
    endpoint(before),
    endpoint(BARE),
    event('fra1', 1),
    { kind: 'disable', mirror: 'b', at: 5 },
  ])
  const [states, events] = [await origin.read(), await origin.events(0)]
  await origin.close()
  const database = new Sqlite(old)
  database.exec(`${VERSION_1}; PRAGMA user_version = 1`)
  database.prepare('ATTACH ? AS fresh').run(fresh)
  for (const table of ['way', 'event', 'disabled', 'asked']) {
    const columns = database.prepare<[], string>(`SELECT name FROM pragma_table_info('${table}', 'main')`)
    const names = columns.pluck().all().join()
    database.exec(`INSERT INTO ${table} (${names}) SELECT ${names} FROM fresh.${table}`)
  }
  database.close()

  const store = sqliteStates(old)
  t.after(() => store.close())
  assert.deepEqual([await store.read(), await store.events(0)], [states, events])
  assert.deepEqual(await blocksIn(store), [])
  await store.apply([block('a', 'held', 1, Uint8Array.of(1)), scan(SCAN)])
  assert.deepEqual(await blocksIn(store), ['a held 1: 01'])
  assert.equal(STATES_SCHEMA.steps.length, 3, 'add the schema of the version before the new step')
  assert.deepEqual(schemaOf(old), schemaOf(fresh))
})

/** The schema before presence. */
const VERSION_1 = `
  CREATE TABLE way (
    mirror TEXT NOT NULL, url TEXT NOT NULL, family TEXT NOT NULL CHECK (family IN ('ipv4', 'ipv6')),
    condition TEXT NOT NULL CHECK (condition IN ('unknown', 'up', 'down')), since_ms INTEGER NOT NULL, reason TEXT,
    against INTEGER NOT NULL, falls INTEGER NOT NULL, fell_ms INTEGER, probed_ms INTEGER NOT NULL, round_trip REAL,
    ranges INTEGER CHECK (ranges IN (0, 1)), redirect TEXT, note TEXT, PRIMARY KEY (mirror, url, family)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, mirror TEXT NOT NULL, at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unknown', 'up', 'down', 'disabled')), reason TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_of_mirror ON event (mirror, number);
  CREATE TABLE disabled ( mirror TEXT PRIMARY KEY, at_ms INTEGER NOT NULL ) STRICT, WITHOUT ROWID;
  CREATE TABLE asked ( mirror TEXT PRIMARY KEY, at_ms INTEGER NOT NULL ) STRICT, WITHOUT ROWID`

function opened(t: TestContext): { readonly file: string; readonly store: MirrorStateStore } {
  const file = join(temporaryFolder(t), 'states.sqlite')
  const store = sqliteStates(file)
  t.after(() => store.close())
  return { file, store }
}

function contentsIn(file: string): unknown {
  const database = new Sqlite(file, { readonly: true })
  try {
    return database.prepare('SELECT count(*) FROM content').pluck().get()
  } finally {
    database.close()
  }
}

/** Returns every table, index and trigger as SQLite stores it, without white space. */
function schemaOf(file: string): unknown[] {
  const database = new Sqlite(file, { readonly: true })
  try {
    const rows = database
      .prepare<[], string>('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name')
      .pluck()
      .all()
    return rows.map((sql) => sql.replace(/\s+/g, ' '))
  } finally {
    database.close()
  }
}
