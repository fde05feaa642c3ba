import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs, { writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { MirroredByError, Origin, OriginOptions } from '../../lib/index.js'
import { createOrigin, memoryStore } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { until } from '../support/until.js'

/** Limits the number of watched folders, as `fs.inotify.max_user_watches` does. */
function limitWatches(t: TestContext, code: 'ENOSPC' | 'EMFILE', limit: { most: number }): void {
  const { watch } = fs
  let watches = 0
  const limited = (...args: unknown[]): unknown => {
    watches += 1
    if (watches <= limit.most) return Reflect.apply(watch, fs, args)
    throw Object.assign(new Error(`${code}: System limit for number of file watchers reached`), {
      code,
      path: String(args[0]),
    })
  }
  fs.watch = limited as typeof watch
  syncBuiltinESMExports()
  t.after(() => {
    fs.watch = watch
    syncBuiltinESMExports()
  })
}

async function start(t: TestContext, options: Partial<OriginOptions>, parent?: string) {
  const root = temporaryFolder(t, parent)
  writeFiles(
    root,
    Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`${index}/deep/file`, 'old'])),
  )
  const origin = await createOrigin({ root, store: memoryStore(), settle: 50, rescan: 200, ...options })
  t.after(() => origin.close())
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  await origin.ready
  return { root, origin, warnings }
}

async function sees(origin: Origin, path: string, content: string): Promise<void> {
  const expected = createHash('sha256').update(content).digest('hex')
  await until(`${path} is ${content}`, async () => {
    const digest = (await origin.lookup(path))?.digests['sha-256']
    return digest && Buffer.from(digest).toString('hex') === expected
  })
}

for (const code of ['ENOSPC', 'EMFILE'] as const) {
  it(`lists what cannot be watched again and again where the system says ${code}, and warns once`, async (t) => {
    const limit = { most: 5 }
    limitWatches(t, code, limit)
    const { root, origin, warnings } = await start(t, {})
    for (let index = 0; index < 10; index += 1)
      writeFileSync(join(root, `${index}/deep/file`), `new ${index}`)
    writeFiles(root, { '9/another/new/file': 'unknown' })
    for (let index = 0; index < 10; index += 1) await sees(origin, `${index}/deep/file`, `new ${index}`)
    await sees(origin, '9/another/new/file', 'unknown')
    assert.deepEqual(
      warnings.map((warning) => warning.code),
      ['ERR_WATCH'],
    )
    assert.match(warnings[0]?.message ?? '', /fs\.inotify\.max_user_watches/)

    // The limit is raised, which is noticed without a restart.
    limit.most = Number.POSITIVE_INFINITY
    for (let round = 0; round < 3; round += 1) {
      writeFileSync(join(root, '9/deep/file'), `round ${round}`)
      await sees(origin, '9/deep/file', `round ${round}`)
    }
  })
}

it('follows a file system that tells of no changes by listing it', async (t) => {
  limitWatches(t, 'ENOSPC', { most: 0 })
  const { root, origin, warnings } = await start(t, { watch: 'rescan' })
  writeFileSync(join(root, '1/deep/file'), 'new')
  writeFiles(root, { '2/x/y': 'new too' })
  fs.rmSync(join(root, '3'), { recursive: true })
  await sees(origin, '1/deep/file', 'new')
  await sees(origin, '2/x/y', 'new too')
  await until('the folder is gone', async () => (await origin.lookup('3/deep/file')) === undefined)
  assert.deepEqual(warnings, [])
})

it('follows nothing where it is told so', async (t) => {
  limitWatches(t, 'ENOSPC', { most: 0 })
  const { origin, warnings } = await start(t, { watch: false })
  assert.ok(await origin.lookup('1/deep/file'))
  assert.deepEqual(warnings, [])
})

it('looks at 10,000 files of a folder that moves, within seconds', async (t) => {
  const { root, origin, warnings } = await start(t, {})
  writeFiles(
    root,
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`big/${index}`, `${index}`])),
  )
  await until('they are indexed', () => origin.lookup('big/9999'), 60_000)
  fs.renameSync(join(root, 'big'), join(root, 'moved'))
  await until('the new name is indexed', () => origin.lookup('moved/9999'), 60_000)
  await until('the old name is gone', async () => (await origin.lookup('big/0')) === undefined)
  assert.deepEqual(warnings, [])
})

it('takes files as they are: empty, sparse above 4 GiB, from the past and the future', async (t) => {
  // The fastest file system, because of 4 GiB: a hole is read fifty times faster from memory than
  // from a disk.
  const memory = fs.existsSync('/dev/shm') ? '/dev/shm' : undefined
  const { root, origin, warnings } = await start(t, { algorithms: ['sha-256'] }, memory)
  writeFiles(root, { empty: '', past: 'past', future: 'future', sparse: '' })
  fs.truncateSync(join(root, 'sparse'), 4 * 1024 ** 3 + 1)
  fs.utimesSync(join(root, 'past'), -86_400, -86_400.5)
  fs.utimesSync(join(root, 'future'), 4_000_000_000, 4_000_000_000)
  await sees(origin, 'empty', '')
  await sees(origin, 'past', 'past')
  await sees(origin, 'future', 'future')
  await until(
    'the sparse file is indexed',
    async () => {
      const file = await origin.lookup('sparse')
      return file?.identity.size === 4 * 1024 ** 3 + 1
    },
    240_000,
  )
  assert.deepEqual(warnings, [])
})
