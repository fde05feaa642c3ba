import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { Hasher, hashError } from '../../../lib/indexing/digest/hasher.js'
import type { HashOutcome } from '../../../lib/indexing/digest/worker.js'
import { ALGORITHMS, type Algorithm } from '../../../lib/model.js'
import { pseudoRandomBytes, temporaryFolder, writeFiles } from '../../support/folder.js'
import { until } from '../../support/until.js'

const MIB = 1024 * 1024

/** Makes a pool over a folder of its own, and records its results. */
interface Pool {
  readonly root: string
  readonly hasher: Hasher
  /** Results in the batches in which they came. */
  readonly batches: (readonly HashOutcome[])[]
  /** Every thread that the pool started. */
  readonly threads: Worker[]
  outcome(path: string): HashOutcome | undefined
}

interface PoolOptions {
  readonly workers?: number
  /** Number of threads that die as soon as they start. */
  readonly kill?: number
  readonly algorithms?: readonly Algorithm[]
}

function poolOver(
  context: TestContext,
  files: Readonly<Record<string, string | Uint8Array>>,
  { workers = 1, kill = 0, algorithms = ALGORITHMS.slice(0, 4) }: PoolOptions = {},
): Pool {
  const root = temporaryFolder(context)
  writeFiles(root, files)
  const batches: (readonly HashOutcome[])[] = []
  const threads: Worker[] = []
  const started = (worker: Worker) => {
    if (threads.push(worker) <= kill) void worker.terminate()
  }
  process.on('worker', started)
  const hasher = new Hasher({ root, algorithms }, workers, (outcomes) => batches.push(outcomes))
  context.after(async () => {
    process.off('worker', started)
    await hasher.close()
  })
  const outcome = (path: string) => batches.flat().find((one) => one.path === path)
  return { root, hasher, batches, threads, outcome }
}

function addAll({ root, hasher }: Pool, paths: readonly string[]): void {
  for (const path of paths) hasher.add(path, statSync(join(root, path)).size)
}

function idle({ hasher }: Pool): Promise<true> {
  return until('every file is settled', () => hasher.files === 0, 30_000)
}

function sha256Of(outcome: HashOutcome | undefined): string {
  return Buffer.from(outcome?.digested?.digests['sha-256'] ?? []).toString('hex')
}

function numbered(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, `content ${index}`]))
}

for (const workers of [1, 3]) {
  test(`every queued file is told once, with its digests, by ${workers} threads`, async (context) => {
    const files = { ...numbered(300), 'a/b c/d': 'deep', empty: '', big: pseudoRandomBytes(MIB + 5) }
    const pool = poolOver(context, files, { workers })
    addAll(pool, Object.keys(files))
    assert.equal(pool.hasher.files, Object.keys(files).length)
    await idle(pool)
    const told = pool.batches.flat()
    assert.deepEqual(told.map(({ path }) => path).sort(), Object.keys(files).sort())
    for (const [path, content] of Object.entries(files)) {
      assert.equal(sha256Of(pool.outcome(path)), createHash('sha256').update(content).digest('hex'), path)
    }
    assert.equal(pool.outcome('big')?.digested?.pieces?.sha256.length, 5 * 32)
    assert.ok(pool.threads.length <= workers)
  })
}

test('no thread is started before there is work', async (context) => {
  const pool = poolOver(context, { a: 'a' })
  await new Promise(setImmediate)
  assert.equal(pool.threads.length, 0)
  addAll(pool, ['a'])
  await idle(pool)
  assert.equal(pool.threads.length, 1)
})

test('small files are sent together, at most 128 or 8 MiB at once', async (context) => {
  const small = numbered(300)
  const large = { l0: pseudoRandomBytes(5 * MIB, 1), l1: pseudoRandomBytes(5 * MIB, 2) }
  const pool = poolOver(context, { ...small, ...large })
  addAll(pool, [...Object.keys(small), ...Object.keys(large)])
  await idle(pool)
  const sizes = pool.batches.map((batch) => batch.length)
  assert.ok(Math.max(...sizes) <= 128, `batches of ${sizes}`)
  // The first file goes alone, because it arrives before the others; then as many as fit.
  assert.ok(sizes.length <= 6, `batches of ${sizes}`)
  const together = pool.batches.some((batch) => batch.some(({ path }) => path === 'l0') && batch.length > 1)
  const both = pool.batches.some((batch) => batch.filter(({ path }) => path.startsWith('l')).length > 1)
  assert.equal(together, true)
  assert.equal(both, false)
})

test('bytes are counted as they are read', async (context) => {
  const files = { a: pseudoRandomBytes(3 * MIB, 1), b: pseudoRandomBytes(2 * MIB, 2), c: 'xyz' }
  const pool = poolOver(context, files)
  addAll(pool, Object.keys(files))
  assert.equal(pool.hasher.bytes, 5 * MIB + 3)
  await idle(pool)
  assert.equal(pool.hasher.bytes, 0)
  assert.equal(pool.hasher.bytesRead, 5 * MIB + 3)
})

test('a path that waits already is not queued twice', async (context) => {
  const pool = poolOver(context, { first: 'first', second: 'second' })
  addAll(pool, ['first', 'second', 'second', 'second'])
  assert.equal(pool.hasher.files, 2)
  await idle(pool)
  assert.equal(pool.batches.flat().filter(({ path }) => path === 'second').length, 1)
})

test('a path that is being digested may be queued again', async (context) => {
  const pool = poolOver(context, { a: 'a' })
  addAll(pool, ['a', 'a'])
  await idle(pool)
  assert.equal(pool.batches.flat().filter(({ path }) => path === 'a').length, 2)
})

test('it is known of a path whether it waits or is being digested', async (context) => {
  const pool = poolOver(context, { a: 'a', b: 'b' })
  addAll(pool, ['a', 'b'])
  assert.deepEqual([pool.hasher.has('a'), pool.hasher.has('b'), pool.hasher.has('c')], [true, true, false])
  await idle(pool)
  assert.deepEqual([pool.hasher.has('a'), pool.hasher.has('b')], [false, false])
})

test('a file that is not there, or no file, is told as changed', async (context) => {
  const pool = poolOver(context, { file: 'x' })
  mkdirSync(join(pool.root, 'folder'))
  symlinkSync('nowhere', join(pool.root, 'dangling'))
  const paths = ['missing', 'file/below', 'folder', 'dangling']
  for (const path of paths) pool.hasher.add(path, 1)
  await idle(pool)
  for (const path of paths) assert.deepEqual(pool.outcome(path), { path, changed: true })
})

test("a file that the system refuses is told with the system's words, and the others go on", async (context) => {
  const pool = poolOver(context, { good: 'good' })
  const bad = 'x'.repeat(300)
  symlinkSync('loop', join(pool.root, 'loop'))
  for (const path of [bad, 'loop', 'good']) pool.hasher.add(path, 1)
  await idle(pool)
  assert.match(pool.outcome(bad)?.error ?? '', /ENAMETOOLONG/)
  assert.match(pool.outcome('loop')?.error ?? '', /ELOOP/)
  assert.ok(pool.outcome('good')?.digested)
  assert.equal(pool.threads.length, 1)
})

test('a dropped path is not told, whether it waits or is being digested', async (context) => {
  const pool = poolOver(context, { busy: pseudoRandomBytes(4 * MIB), waiting: 'w', kept: 'k' })
  addAll(pool, ['busy', 'waiting', 'kept'])
  pool.hasher.drop('busy')
  pool.hasher.drop('waiting')
  pool.hasher.drop('never heard of')
  await idle(pool)
  assert.deepEqual(
    pool.batches.flat().map(({ path }) => path),
    ['kept'],
  )
  assert.equal(pool.hasher.bytes, 0)
})

test('a path that comes back after it was dropped is told', async (context) => {
  const pool = poolOver(context, { a: 'a' })
  addAll(pool, ['a'])
  pool.hasher.drop('a')
  addAll(pool, ['a'])
  await idle(pool)
  assert.ok(pool.outcome('a')?.digested)
})

test('a dropped folder takes everything below it, and nothing beside it', async (context) => {
  const files = {
    'd/busy': pseudoRandomBytes(4 * MIB),
    'd/1': '1',
    'd/e/2': '2',
    'd-e/3': '3',
    de: '4',
    x: '5',
  }
  const pool = poolOver(context, files)
  addAll(pool, Object.keys(files))
  pool.hasher.dropFolder('d')
  await idle(pool)
  const told = pool.batches.flat().map(({ path }) => path)
  assert.deepEqual(told.sort(), ['d-e/3', 'de', 'x'])
})

test('the root dropped as a folder takes everything', async (context) => {
  const files = numbered(10)
  const pool = poolOver(context, files)
  addAll(pool, Object.keys(files))
  pool.hasher.dropFolder('')
  await idle(pool)
  assert.deepEqual(pool.batches, [])
})

for (const kill of [1, 2]) {
  test(`a thread that dies is replaced, and its files are digested by the next, ${kill} times`, async (context) => {
    const files = { ...numbered(20), first: pseudoRandomBytes(MIB) }
    const pool = poolOver(context, files, { kill })
    addAll(pool, ['first', ...Object.keys(numbered(20))])
    await idle(pool)
    const told = pool.batches.flat()
    assert.deepEqual(told.map(({ path }) => path).sort(), Object.keys(files).sort())
    for (const { path, digested } of told) assert.ok(digested, path)
    assert.equal(pool.threads.length, kill + 1)
    assert.equal(pool.hasher.bytes, 0)
  })
}

test('a thread that dies while it has nothing to do is not given more', async (context) => {
  const pool = poolOver(context, { a: 'a', b: 'b' })
  addAll(pool, ['a'])
  await idle(pool)
  const [worker] = pool.threads
  assert.ok(worker)
  await worker.terminate()
  addAll(pool, ['b'])
  await idle(pool)
  assert.ok(pool.outcome('b')?.digested)
  assert.equal(pool.threads.length, 2)
})

test('a file whose thread dies three times is given up, and the next goes on', async (context) => {
  const pool = poolOver(context, { a: 'a', b: 'b' }, { kill: 3 })
  addAll(pool, ['a'])
  await idle(pool)
  assert.deepEqual([...pool.batches], [[{ path: 'a', error: 'its thread died 3 times: the thread ended' }]])
  addAll(pool, ['b', 'a'])
  await idle(pool)
  assert.ok(pool.outcome('b')?.digested)
  assert.ok(pool.batches.flat().findLast(({ path }) => path === 'a')?.digested)
  assert.equal(pool.threads.length, 4)
})

test('why a thread died is told', async (context) => {
  // Threads cannot start with an unknown algorithm.
  const pool = poolOver(context, { a: 'a' }, { algorithms: ['nonsense' as Algorithm] })
  addAll(pool, ['a'])
  await idle(pool)
  assert.match(pool.outcome('a')?.error ?? '', /^its thread died 3 times: .*is not a function/)
})

test('files whose thread died go one by one, so that the one that kills is told from the others', async (context) => {
  const files = numbered(5)
  const pool = poolOver(context, files, { algorithms: ['nonsense' as Algorithm] })
  addAll(pool, Object.keys(files))
  await idle(pool)
  assert.deepEqual(
    pool.batches
      .flat()
      .map(({ path }) => path)
      .sort(),
    Object.keys(files).sort(),
  )
  for (const batch of pool.batches) assert.equal(batch.length, 1)
})

test('a path dropped before its thread died is not taken up again', async (context) => {
  const pool = poolOver(context, { gone: 'gone', next: 'next' }, { kill: 1 })
  addAll(pool, ['gone', 'next'])
  pool.hasher.drop('gone')
  await idle(pool)
  assert.deepEqual(
    pool.batches.flat().map(({ path }) => path),
    ['next'],
  )
})

test('nothing is told and no thread is left when the pool is closed', async (context) => {
  const files = { big: pseudoRandomBytes(16 * MIB), ...numbered(200) }
  const pool = poolOver(context, files, { workers: 2 })
  addAll(pool, Object.keys(files))
  const worker = await until('a thread is there', () => pool.threads[0])
  const exited = once(worker, 'exit')
  await pool.hasher.close()
  await exited
  const told = pool.batches.length
  assert.ok(pool.threads.length <= 2)
  pool.hasher.add('big', 1)
  await new Promise(setImmediate)
  assert.equal(pool.batches.length, told)
  assert.ok(pool.threads.length <= 2)
})

test('the warning of a file that cannot be digested names it, and says what becomes of it', () => {
  const error = hashError('a "b"\n', 'EACCES: permission denied')
  assert.equal(error.code, 'ERR_HASH')
  assert.equal(
    error.message,
    'cannot hash "a \\"b\\"\\n": EACCES: permission denied; it is served without digests until it changes',
  )
})

test('a thread that neither reads nor answers is given up, and its files are tried three times', async (context) => {
  const root = temporaryFolder(context)
  writeFiles(root, { a: 'a' })
  const told: string[] = []
  const script = new URL('data:text/javascript,import "node:worker_threads"; setInterval(() => {}, 1000)')
  const hasher = new Hasher(
    { root, algorithms: ['md5'] },
    1,
    (outcomes) => told.push(...outcomes.map(({ path, error }) => `${path}: ${error}`)),
    { idleTimeout: 100, script },
  )
  context.after(() => hasher.close())
  hasher.add('a', 1)
  await until('it is told', () => told.length > 0)
  assert.deepEqual(told, ['a: its thread died 3 times: nothing was read for 0.1 s'])
  assert.equal(hasher.files, 0)
})

test('a thread that runs out of memory is replaced', async (context) => {
  const root = temporaryFolder(context)
  writeFiles(root, { a: 'a' })
  const told: string[] = []
  const script = new URL(
    'data:text/javascript,import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { const all = []; for (;;) all.push(new Array(1e6).fill({})) })',
  )
  const hasher = new Hasher(
    { root, algorithms: ['md5'] },
    1,
    (outcomes) => told.push(...outcomes.map(({ path, error }) => `${path}: ${error}`)),
    { script },
  )
  context.after(() => hasher.close())
  hasher.add('a', 1)
  await until('it is told', () => told.length > 0, 30_000)
  assert.match(told[0] ?? '', /^a: its thread died 3 times: .*memory/)
})
