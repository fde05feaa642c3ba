import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, linkSync, lutimesSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { mirroredBy } from '../../lib/adapters/node.js'
import { createOrigin, memoryStore, type OriginOptions } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { until } from '../support/until.js'

const MIRROR = { id: 'm', url: 'http://m.example/', trust: true }
/** Promised time until documents are back: a second, and some for slow machines. */
const LIMIT_MS = 3000

async function start(t: TestContext, files: Record<string, string>, options: Partial<OriginOptions>) {
  const folder = temporaryFolder(t)
  const root = join(folder, 'root')
  mkdirSync(root)
  writeFiles(root, files)
  for (const name of Object.keys(files)) utimesSync(join(root, name), 1e9, 1e9)
  const origin = await createOrigin({
    root,
    store: memoryStore(),
    mirrors: [MIRROR],
    probe: false,
    ...options,
  })
  t.after(() => origin.close())
  await origin.ready
  const { port } = await listen(t, mirroredBy(origin, plainFiles(root)))
  return { folder, root, origin, port }
}

/** Changes that set the ctime and leave the bytes as they are. */
const CHANGES: readonly (readonly [what: string, change: (file: string, folder: string) => void])[] = [
  ['chmod', (file) => chmodSync(file, 0o640)],
  ['a hard link, of which no watch tells', (file, folder) => linkSync(file, join(folder, 'snapshot'))],
  ['an mtime that is set to what it was', (file) => utimesSync(file, 1e9, 1e9)],
  ['an mtime that is set by name', (file) => lutimesSync(file, 1e9, 1e9)],
]

for (const [what, change] of CHANGES) {
  it(`${what}: redirects go on, and documents and digests are back at once`, async (t) => {
    // A long settling time: the mtime shows that the file was not written.
    const { folder, root, origin, port } = await start(t, { f: 'f' }, { mode: 'redirect', settle: '2s' })
    change(join(root, 'f'), folder)
    assert.equal((await rawRequest(port, 'GET', '/f')).status, 302)
    const begun = performance.now()
    await until(
      'the document is back',
      async () => (await rawRequest(port, 'GET', '/f.meta4')).status === 200,
    )
    assert.ok(performance.now() - begun < 1900, 'it is back before the settling time is over')
    assert.ok(await origin.lookup('f'))
  })
}

it('a file that was rewritten is not redirected to old copies', async (t) => {
  const { root, port } = await start(t, { f: 'old' }, { mode: 'redirect', settle: '2s' })
  for (const change of [
    () => writeFileSync(join(root, 'f'), 'new'),
    () => writeFileSync(join(root, 'f'), 'newer'),
  ]) {
    change()
    assert.equal((await rawRequest(port, 'GET', '/f')).status, 200)
  }
})

it('files that are requested are hashed before the rest of the queue', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f${index}`, `${index}`]))
  const { root, origin, port } = await start(t, files, { workers: 1, algorithms: ['sha-256'], settle: 50 })
  // A hole is read for seconds by the only thread.
  writeFiles(root, { hole: '' })
  truncateSync(join(root, 'hole'), 16 * 1024 ** 3)
  utimesSync(join(root, 'hole'), 1e9, 1e9)
  await until('the hole is being hashed', () => origin.progress.pending.files > 0)
  for (const name of Object.keys(files)) chmodSync(join(root, name), 0o600)
  for (const name of ['f299', 'f0', 'f150']) {
    await until(
      `the digest of ${name} is back`,
      async () => values(await rawRequest(port, 'GET', `/${name}`), 'Repr-Digest').length > 0,
      LIMIT_MS,
    )
    assert.equal((await rawRequest(port, 'GET', `/${name}.meta4`)).status, 200)
  }
  assert.equal(await origin.lookup('hole'), undefined, 'the queue is still busy')
})

it('requests go on while 5,000 folders change their mode', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`a${index % 50}/b${index}/f`, `${index}`]),
  )
  const { root, origin, port } = await start(t, files, { settle: 50 })
  const changed: string[] = []
  origin.on('changed', (paths) => changed.push(...paths))
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  // By another process, because this one is measured.
  await promisify(execFile)('find', [
    root,
    '-mindepth',
    '1',
    '-type',
    'd',
    '-exec',
    'chmod',
    '750',
    '{}',
    '+',
  ])
  // A file that comes just after is seen.
  writeFiles(root, { 'a1/new': 'new' })
  await until('the new file is indexed', () => origin.lookup('a1/new'))
  await sleep(500)
  delay.disable()
  t.diagnostic(`event loop: p99 ${delay.percentile(99) / 1e6} ms, longest ${delay.max / 1e6} ms`)
  assert.ok(delay.percentile(99) < 100e6, `p99 is ${delay.percentile(99) / 1e6} ms`)
  assert.equal((await rawRequest(port, 'GET', '/a1/b1/f.meta4')).status, 200)
  assert.deepEqual([...new Set(changed)], ['a1/new'], 'no other path changed')
  // The folders are still watched.
  writeFiles(root, { 'a49/b4999/later': 'later' })
  await until('a change in a folder is seen', () => origin.lookup('a49/b4999/later'))
})

it('new times of the root change no path', async (t) => {
  const { root, origin } = await start(t, { f: 'f', 'sub/g': 'g' }, { settle: 50 })
  const changed: string[] = []
  origin.on('changed', (paths) => changed.push(...paths))
  for (const folder of ['.', 'sub']) utimesSync(join(root, folder), 1e9, 1e9)
  writeFiles(root, { h: 'h' })
  await until('a file that comes later is seen', () => origin.lookup('h'))
  assert.deepEqual(changed, ['h'])
})
