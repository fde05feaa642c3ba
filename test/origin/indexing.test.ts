import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOrigin, type Origin } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { until } from '../support/until.js'

/**
 * Time, in milliseconds, within which a change must be in the index, with the default settling
 * time.
 */
const PROMISED = 2000

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

async function digestOf(origin: Origin, path: string): Promise<string | undefined> {
  const digest = (await origin.lookup(path))?.digests['sha-256']
  return digest && Buffer.from(digest).toString('hex')
}

async function becomes(origin: Origin, path: string, content: string | undefined): Promise<void> {
  const expected = content === undefined ? undefined : sha256(content)
  await until(
    `${path} is ${content === undefined ? 'gone' : 'as it is now'}`,
    async () => ((await digestOf(origin, path)) === expected ? true : undefined),
    PROMISED,
  )
}

it('has every file when it is ready, and nothing that is no part of the repository', async (t) => {
  const root = temporaryFolder(t)
  const outside = temporaryFolder(t)
  writeFiles(outside, { 'x.txt': 'outside' })
  writeFiles(root, {
    'a.txt': 'a',
    'deep/er/b.txt': 'b',
    'odd names/ü #1?%20&<x>"\'.txt': 'odd',
    '.hidden': 'h',
    '.folder/c.txt': 'c',
    'd.part': 'd',
    'e.crdownload': 'e',
    'f.aria2': 'f',
    'logs/today.log': 'l',
    'skip/me.txt': 's',
  })
  symlinkSync('a.txt', join(root, 'link.txt'))
  symlinkSync('deep', join(root, 'alias'))
  symlinkSync(join(outside, 'x.txt'), join(root, 'outside.txt'))
  symlinkSync('.', join(root, 'deep/loop'))
  symlinkSync('nowhere', join(root, 'dangling'))
  const origin = await startOrigin(t, { root, ignore: ['*.log', 'skip'] })
  const expected = {
    'a.txt': 'a',
    'link.txt': 'a',
    'deep/er/b.txt': 'b',
    'alias/er/b.txt': 'b',
    'odd names/ü #1?%20&<x>"\'.txt': 'odd',
  }
  for (const [path, content] of Object.entries(expected)) {
    assert.equal(await digestOf(origin, path), sha256(content), path)
  }
  const { files } = await origin.ready
  assert.equal(files, Object.keys(expected).length)
})

it('sees new, changed, renamed and removed files within two seconds', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { 'old.txt': 'old', 'gone.txt': 'gone', 'sub/x.txt': 'x' })
  const origin = await startOrigin(t, { root, settle: 500 })
  writeFileSync(join(root, 'new.txt'), 'new')
  appendFileSync(join(root, 'sub/x.txt'), ' and more')
  unlinkSync(join(root, 'gone.txt'))
  renameSync(join(root, 'old.txt'), join(root, 'renamed.txt'))
  await Promise.all([
    becomes(origin, 'new.txt', 'new'),
    becomes(origin, 'sub/x.txt', 'x and more'),
    becomes(origin, 'gone.txt', undefined),
    becomes(origin, 'old.txt', undefined),
    becomes(origin, 'renamed.txt', 'old'),
  ])
})

it('sees a file replaced by rename with one of the same size', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { 'a.txt': 'one' })
  const origin = await startOrigin(t, { root, settle: 500 })
  for (const content of ['two', 'six', 'ten']) {
    writeFiles(root, { '.a.txt.tmp-x': content })
    renameSync(join(root, '.a.txt.tmp-x'), join(root, 'a.txt'))
    await becomes(origin, 'a.txt', content)
  }
})

it('sees new, renamed, replaced and removed folders', async (t) => {
  const root = temporaryFolder(t)
  const elsewhere = temporaryFolder(t)
  writeFiles(root, { 'v1/a.txt': 'a1', 'v1/deep/b.txt': 'b1' })
  writeFiles(elsewhere, { 'v3/c.txt': 'c3', 'v3/deep/d.txt': 'd3' })
  const origin = await startOrigin(t, { root, settle: 500 })
  renameSync(join(root, 'v1'), join(root, 'v2'))
  renameSync(join(elsewhere, 'v3'), join(root, 'v3'))
  mkdirSync(join(root, 'v4/x/y'), { recursive: true })
  writeFileSync(join(root, 'v4/x/y/e.txt'), 'e4')
  await Promise.all([
    becomes(origin, 'v1/a.txt', undefined),
    becomes(origin, 'v1/deep/b.txt', undefined),
    becomes(origin, 'v2/a.txt', 'a1'),
    becomes(origin, 'v2/deep/b.txt', 'b1'),
    becomes(origin, 'v3/deep/d.txt', 'd3'),
    becomes(origin, 'v4/x/y/e.txt', 'e4'),
  ])
  // A moved folder is watched under its new name only.
  writeFileSync(join(root, 'v2/deep/b.txt'), 'b2')
  writeFileSync(join(root, 'v3/deep/new.txt'), 'n3')
  await Promise.all([becomes(origin, 'v2/deep/b.txt', 'b2'), becomes(origin, 'v3/deep/new.txt', 'n3')])
  rmSync(join(root, 'v2'), { recursive: true })
  writeFiles(root, { 'v2/deep/b.txt': 'b3' })
  await Promise.all([becomes(origin, 'v2/deep/b.txt', 'b3'), becomes(origin, 'v2/a.txt', undefined)])
  writeFileSync(join(root, 'v2/deep/b.txt'), 'b4')
  await becomes(origin, 'v2/deep/b.txt', 'b4')
})

it('sees changes through links, under every name', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { '1.0/a.txt': 'a1', '2.0/a.txt': 'a2', '.blobs/x': 'x1' })
  symlinkSync('1.0', join(root, 'latest'))
  symlinkSync('1.0/a.txt', join(root, 'a.txt'))
  symlinkSync('.blobs/x', join(root, 'x.txt'))
  const origin = await startOrigin(t, { root, settle: 500 })
  writeFileSync(join(root, '1.0/a.txt'), 'a1 mended')
  writeFileSync(join(root, '.blobs/x'), 'x2')
  await Promise.all([
    becomes(origin, '1.0/a.txt', 'a1 mended'),
    becomes(origin, 'latest/a.txt', 'a1 mended'),
    becomes(origin, 'a.txt', 'a1 mended'),
    becomes(origin, 'x.txt', 'x2'),
  ])
  unlinkSync(join(root, 'latest'))
  symlinkSync('2.0', join(root, 'latest'))
  await becomes(origin, 'latest/a.txt', 'a2')
})

it('publishes no file that is still being written', async (t) => {
  const root = temporaryFolder(t)
  const origin = await startOrigin(t, { root, settle: 400 })
  const seen: string[] = []
  origin.on('changed', (paths) => seen.push(...paths))
  const descriptor = openSync(join(root, 'upload.bin'), 'w')
  for (let part = 0; part < 15; part += 1) {
    writeSync(descriptor, `part ${part} `)
    // The point of the test: less than the settling time passes between two writes.
    await sleep(100)
    assert.equal(await origin.lookup('upload.bin'), undefined, `after part ${part}`)
  }
  closeSync(descriptor)
  await until('it is published', () => origin.lookup('upload.bin'), PROMISED)
  assert.deepEqual(seen, ['upload.bin'])
})

it('reads no byte of an unchanged repository at the next start', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  writeFiles(root, { 'a.txt': 'a', 'sub/b.txt': 'b', 'c.txt': 'c', 'sub/deep/d.txt': 'd' })
  const run = async () => {
    const origin = await createOrigin({ root, store, settle: 50 })
    const indexed = await origin.ready
    const { bytes } = origin.progress.hashed
    const digest = await digestOf(origin, 'sub/b.txt')
    await origin.close()
    return { files: indexed.files, hashed: indexed.hashed, bytes, digest }
  }
  assert.deepEqual(await run(), { files: 4, hashed: 4, bytes: 4, digest: sha256('b') })
  assert.deepEqual(await run(), { files: 4, hashed: 0, bytes: 0, digest: sha256('b') })
  // Only what changed while no process was running.
  writeFiles(root, { 'sub/b.txt': 'B' })
  rmSync(join(root, 'sub/deep'), { recursive: true })
  unlinkSync(join(root, 'c.txt'))
  assert.deepEqual(await run(), { files: 2, hashed: 1, bytes: 1, digest: sha256('B') })
})

it('hashes again when another algorithm is asked for', async (t) => {
  const root = temporaryFolder(t)
  const store = join(temporaryFolder(t), 'index.sqlite')
  writeFiles(root, { 'a.txt': 'abc' })
  const first = await createOrigin({ root, store })
  await first.ready
  await first.close()
  const origin = await createOrigin({ root, store, algorithms: ['sha-256', 'sha-512', 'blake3', 'crc32c'] })
  t.after(() => origin.close())
  await origin.ready
  const digests = (await origin.lookup('a.txt'))?.digests
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
  assert.equal(hex(digests?.['sha-512']), createHash('sha512').update('abc').digest('hex'))
  assert.equal(hex(digests?.blake3), '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85')
  assert.equal(hex(digests?.crc32c), '364b3fb7')
})

it('keeps the index when the root goes away, and goes on when it is back', async (t) => {
  const parent = temporaryFolder(t)
  const root = join(parent, 'root')
  writeFiles(root, { 'a.txt': 'a', 'sub/b.txt': 'b' })
  const origin = await startOrigin(t, { root })
  renameSync(root, join(parent, 'away'))
  const touched = await until('the loss is noticed', async () => {
    const plan = await origin.plan(viewOf('/a.txt?meta4'))
    return plan.kind === 'reject' ? plan : undefined
  })
  assert.equal(touched.status, 503)
  assert.equal(await digestOf(origin, 'sub/b.txt'), sha256('b'))
  renameSync(join(parent, 'away'), root)
  await until(
    'documents are back',
    async () => (await origin.plan(viewOf('/a.txt?meta4'))).kind === 'document',
  )
})

function viewOf(target: string) {
  const nothing = { address: '', secure: false, host: 'origin.example', mount: '' }
  return { ...nothing, method: 'GET', target, header: () => undefined }
}

it('tells of its first pass, of changes and of trouble', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { 'a.txt': 'a' })
  const mirrors = join(temporaryFolder(t), 'mirrors.yaml')
  writeFileSync(mirrors, 'mirrors:\n  - {id: a, url: "http://a.invalid/"}\n')
  const origin = await createOrigin({
    root,
    mirrors,
    store: join(temporaryFolder(t), 'i.sqlite'),
    settle: 50,
  })
  t.after(() => origin.close())
  const told: unknown[] = []
  origin.on('indexed', ({ files, hashed }) => told.push(['indexed', files, hashed]))
  origin.on('warning', ({ code }) => told.push(['warning', code]))
  await origin.ready
  assert.deepEqual(told, [['indexed', 1, 1]])
  writeFileSync(mirrors, 'mirrors:\n  - {id: a, url: "a.invalid"}\n')
  await until('the bad list is refused', () => told.length === 2)
  assert.deepEqual(told[1], ['warning', 'ERR_MIRRORS_FILE'])
  assert.deepEqual(
    origin.mirrors().map(({ id }) => id),
    ['a'],
  )
  writeFileSync(mirrors, 'mirrors:\n  - {id: b, url: "http://b.invalid/"}\n')
  await until('the good list is in force', () => origin.mirrors()[0]?.id === 'b')
})

it('closes as often as it is told to, at any time', async (t) => {
  const root = temporaryFolder(t)
  for (let count = 0; count < 300; count += 1)
    writeFiles(root, { [`sub${count % 10}/${count}.bin`]: `${count}` })
  for (const wait of [undefined, 0, 5, 20, 60]) {
    const origin = await createOrigin({ root, store: join(temporaryFolder(t), 'i.sqlite'), settle: 50 })
    if (wait !== undefined) await sleep(wait)
    await Promise.all([origin.close(), origin.close()])
    await origin.ready
  }
})
