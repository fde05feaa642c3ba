import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { it, type TestContext } from 'node:test'
import Sqlite from 'better-sqlite3'
import {
  createOrigin,
  type MirroredByError,
  memoryStore,
  type Origin,
  type OriginOptions,
} from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { until } from '../support/until.js'

const FILES = Object.fromEntries(
  Array.from({ length: 300 }, (_, index) => [`${index % 9}/${index}`, `content ${index}`]),
)
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex')

interface Started {
  readonly origin: Origin
  readonly warnings: MirroredByError[]
}

async function start(t: TestContext, options: OriginOptions): Promise<Started> {
  const origin = await createOrigin({ settle: 50, workers: 1, ...options })
  t.after(() => origin.close())
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  await origin.ready
  return { origin, warnings }
}

async function indexed(t: TestContext) {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  writeFiles(root, FILES)
  const origin = await createOrigin({ root, store, settle: 50 })
  await origin.ready
  await origin.close()
  return { root, store }
}

/** Fails if a digest is wrong, and returns the number of digests. */
async function digests(origin: Origin): Promise<number> {
  let count = 0
  for (const [path, content] of Object.entries(FILES)) {
    const digest = await origin.lookup(path).then(
      (file) => file?.digests['sha-256'],
      () => undefined,
    )
    if (digest === undefined) continue
    assert.equal(Buffer.from(digest).toString('hex'), sha256(content), path)
    count += 1
  }
  return count
}

async function isWhole(origin: Origin): Promise<true | undefined> {
  return (await digests(origin)) === Object.keys(FILES).length ? true : undefined
}

function setAside(store: string): string[] {
  return readdirSync(dirname(store)).filter((name) => name.includes('.corrupt-'))
}

const DAMAGES: readonly (readonly [string, (store: string) => void])[] = [
  ['noise', (store) => writeFileSync(store, randomBytes(100_000))],
  ['noise in its middle', (store) => overwrite(store, randomBytes(8192), 16_384)],
  ['noise after its first page', (store) => overwrite(store, randomBytes(statSync(store).size - 4096), 4096)],
  ['cut in half', (store) => truncateSync(store, Math.floor(statSync(store).size / 2 / 4096) * 4096)],
  ['cut within a page', (store) => truncateSync(store, statSync(store).size - 1000)],
  ['one bit of a digest turned', (store) => turnBit(store)],
]

function overwrite(file: string, bytes: Uint8Array, at: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

function turnBit(store: string): void {
  const digest = createHash('sha256').update('content 42').digest()
  const at = readFileSync(store).indexOf(digest)
  assert.ok(at > 0)
  overwrite(store, Uint8Array.of((digest[0] ?? 0) ^ 1), at)
}

for (const [damage, inflict] of DAMAGES) {
  it(`an index that is damaged while nobody looks (${damage}) is never believed`, async (t) => {
    const { root, store } = await indexed(t)
    inflict(store)
    const { origin, warnings } = await start(t, { root, store })
    await until('every digest is there and right', () => isWhole(origin))
    assert.ok(warnings.every(({ code }) => ['ERR_STORE_BROKEN', 'ERR_STORE', 'ERR_SCAN'].includes(code)))
    assert.deepEqual(new Set(warnings.map(({ message }) => message)).size, warnings.length, 'told once')
    if (setAside(store).length > 0) assert.ok(warnings.some(({ code }) => code === 'ERR_STORE_BROKEN'))
  })

  it(`an index that is damaged under our hands (${damage}) is never believed`, async (t) => {
    const root = temporaryFolder(t)
    const store = join(temporaryFolder(t), 'index.sqlite')
    writeFiles(root, FILES)
    const { origin, warnings } = await start(t, { root, store })
    const checkpoint = new Sqlite(store)
    checkpoint.pragma('wal_checkpoint(TRUNCATE)')
    checkpoint.close()
    inflict(store)
    await digests(origin)
    // Work goes on, and so reads the broken part.
    writeFiles(root, { '1/new': 'new' })
    await until('a new file is indexed', async () =>
      origin.lookup('1/new').then(
        (file) => file,
        () => undefined,
      ),
    )
    await digests(origin)
    assert.ok(warnings.length <= 4, warnings.map(({ message }) => message).join('\n'))
  })
}

it('an index that is deleted under our hands is built anew', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  writeFiles(root, FILES)
  const { origin } = await start(t, { root, store })
  for (const part of ['', '-wal', '-shm']) rmSync(store + part, { force: true })
  await until('it is there again', () => existsSync(store))
  await until('with every digest', () => isWhole(origin))
})

it('an index of a newer version is left alone, and memory takes its place', async (t) => {
  const { root, store } = await indexed(t)
  const database = new Sqlite(store)
  database.pragma('user_version = 999')
  database.close()
  const { origin, warnings } = await start(t, { root, store })
  assert.equal(await isWhole(origin), true)
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_STORE_VERSION'],
  )
  const after = new Sqlite(store)
  assert.equal(after.pragma('user_version', { simple: true }), 999)
  after.close()
})

it('a place that cannot be written is told once, and memory takes its place', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, FILES)
  const file = join(temporaryFolder(t), 'a file')
  writeFileSync(file, '')
  const { origin, warnings } = await start(t, { root, store: join(file, 'index.sqlite') })
  assert.equal(await isWhole(origin), true)
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_STORE'],
  )
})

it('an index that another process locks is waited for, and served meanwhile', async (t) => {
  const { root, store } = await indexed(t)
  const { origin, warnings } = await start(t, { root, store })
  const other = new Sqlite(store)
  other.exec('BEGIN IMMEDIATE')
  writeFiles(root, { '1/1': 'changed' })
  await until('it is told', () => warnings.length > 0)
  assert.equal(await digests(origin).then((count) => count > 200), true)
  other.exec('ROLLBACK')
  other.close()
  await until('it is stored after all', async () => {
    const digest = (await origin.lookup('1/1'))?.digests['sha-256']
    return digest && Buffer.from(digest).toString('hex') === sha256('changed')
  })
  assert.ok(warnings.every(({ code }) => code === 'ERR_STORE'))
})

it('what a full disk refuses is stored when there is room', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, FILES)
  const store = memoryStore()
  const apply = store.apply.bind(store)
  let room = false
  store.apply = (changes) => {
    if (!room) throw new Sqlite.SqliteError('database or disk is full', 'SQLITE_FULL')
    return apply(changes)
  }
  const { origin, warnings } = await start(t, { root, store })
  assert.equal(await digests(origin), 0)
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_STORE'],
  )
  room = true
  await until('every digest is there', () => isWhole(origin))
})

/** Returns true if this process may mount file systems. */
function mounts(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'mirrored-by-mount-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0
  if (mounted) execFileSync('umount', [folder])
  rmSync(folder, { recursive: true })
  return mounted
}

const unlessMounts = process.platform === 'linux' && mounts() ? false : 'cannot mount file systems here'

it('a real disk that is full is served from, and used when there is room', {
  skip: unlessMounts,
}, async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, FILES)
  const disk = temporaryFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk])
  const { origin, warnings } = await start(t, { root, store: join(disk, 'index.sqlite') })
  const filler = join(disk, 'filler')
  try {
    writeFileSync(filler, Buffer.alloc(1024 * 1024))
  } catch {
    // The disk is full, as intended.
  }
  writeFiles(
    root,
    Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`x/${index}`, `more ${index}`])),
  )
  await until('it is told', () => warnings.some(({ code }) => code === 'ERR_STORE'))
  await digests(origin)
  unlinkSync(filler)
  execFileSync('mount', ['-o', 'remount,size=8m', disk])
  await until('what is new is stored', async () => (await origin.lookup('x/399')) !== undefined)
  assert.equal(await isWhole(origin), true)
  await origin.close()
  execFileSync('umount', ['-l', disk])
})

it('a disk that is not mounted does not empty the index', { skip: unlessMounts }, async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', root])
  t.after(() => spawnSync('umount', ['-l', root]))
  writeFiles(root, FILES)
  const { origin, warnings } = await start(t, { root, store })
  execFileSync('umount', ['-l', root])
  await until('the loss is noticed', () => warnings.some(({ code }) => code === 'ERR_ROOT'))
  assert.equal(await isWhole(origin), true)
  await origin.close()
  // Nor at the next start, still without the disk.
  const again = await start(t, { root, store })
  assert.equal(await isWhole(again.origin), true)
  assert.deepEqual(
    again.warnings.map(({ code }) => code),
    ['ERR_ROOT'],
  )
})

it('an empty folder in the place of the root does not empty the index, and another root replaces it', async (t) => {
  const parent = temporaryFolder(t)
  const root = join(parent, 'root')
  writeFiles(root, FILES)
  const { origin, warnings } = await start(t, { root, store: join(parent, 'index.sqlite') })
  renameSync(root, join(parent, 'away'))
  mkdirSync(root)
  await until('the loss is noticed', () => warnings.some(({ code }) => code === 'ERR_ROOT'))
  assert.equal(await isWhole(origin), true)
  rmSync(root, { recursive: true })
  writeFiles(join(parent, 'other'), { '1/1': 'content 1', 'only/here': 'x' })
  renameSync(join(parent, 'other'), root)
  await until('the other root is indexed', () => origin.lookup('only/here'))
  await until('what it has not is gone', async () => (await origin.lookup('2/2')) === undefined)
  assert.equal((await digests(origin)) >= 1, true)
  // Changes are followed too.
  writeFiles(root, { 'only/there': 'y' })
  await until('a change is seen', () => origin.lookup('only/there'))
})
