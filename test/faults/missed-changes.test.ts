import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import fs, { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { createOrigin, type MirroredByError, memoryStore } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { Member } from '../support/member.js'
import { until } from '../support/until.js'

/** Interval between two comparisons. Longer than the time that an event may take. */
const RESCAN_MS = 3000

async function start(t: TestContext) {
  const root = temporaryFolder(t)
  writeFiles(root, { f: 'f', 'sub/g': 'g', 'sub/deep/h': 'h', 'covered/i': 'i' })
  const origin = await createOrigin({ root, store: memoryStore(), settle: 50, rescan: RESCAN_MS })
  t.after(() => origin.close())
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  await origin.ready
  const oneWarning = () => {
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['ERR_WATCH'],
    )
    assert.match(warnings[0]?.message ?? '', /max_queued_events.*`watch` to `rescan`/)
  }
  return { root, origin, warnings, oneWarning }
}

/** Makes watches that never report anything, as on 9p and some FUSE file systems. */
function silenceWatches(t: TestContext): void {
  const { watch } = fs
  fs.watch = (() => Object.assign(new EventEmitter(), { close: () => {} })) as unknown as typeof watch
  syncBuiltinESMExports()
  t.after(() => {
    fs.watch = watch
    syncBuiltinESMExports()
  })
}

it('changes that no watch reports are found by comparison, with one warning', async (t) => {
  silenceWatches(t)
  const { root, origin, oneWarning } = await start(t)
  writeFiles(root, { new: 'new', 'sub/deep/new': 'new', 'folder/of/its/own': 'new' })
  rmSync(join(root, 'sub/g'))
  rmSync(join(root, 'covered'), { recursive: true })
  for (const path of ['new', 'sub/deep/new', 'folder/of/its/own'])
    await until(`${path} is indexed`, () => origin.lookup(path))
  for (const path of ['sub/g', 'covered/i'])
    await until(`${path} is gone`, async () => (await origin.lookup(path)) === undefined)
  writeFiles(root, { 'folder/of/later': 'later' })
  await until('later changes are found', () => origin.lookup('folder/of/later'))
  oneWarning()
})

it('changes that watches report cause no warning', async (t) => {
  const { root, origin, warnings } = await start(t)
  const end = performance.now() + 3 * RESCAN_MS
  for (let index = 0; performance.now() < end; index += 1) {
    const folder = join(root, `sub/${index % 5}`)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    writeFileSync(join(folder, 'x'), `${index}`)
    writeFileSync(join(root, 'sub/deep', `${index % 50}`), `${index}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await until('the last file is indexed', () => origin.lookup('sub/4/x'))
  assert.deepEqual(warnings, [])
})

it('a queue of events that overflows while the process stands still is made good', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { f: 'f', 'inbox/first': 'first' })
  const store = join(temporaryFolder(t), 'index.sqlite')
  const member = Member.fork(t, { root, store, rescan: RESCAN_MS, algorithms: ['sha-256'] })
  await member.sees('inbox/first', 'first')
  const pid = member.pid ?? assert.fail('it runs')
  process.kill(pid, 'SIGSTOP')
  const count = 30_000
  for (let index = 0; index < count; index += 1) writeFileSync(join(root, 'inbox', `${index}`), `${index}`)
  process.kill(pid, 'SIGCONT')
  for (const index of [0, count / 2, count - 1]) await member.sees(`inbox/${index}`, `${index}`, 60_000)
  await until('there is a warning', () =>
    member.warnings.some((warning) => /max_queued_events/.test(warning)),
  )
})

const unlessMounts = ((): string | false => {
  if (process.platform !== 'linux') return 'mounts file systems of Linux'
  return spawnSync('unshare', ['-m', 'true']).status === 0 && process.getuid?.() === 0
    ? false
    : 'cannot mount file systems here'
})()

it('a folder that is mounted over is indexed anew', { skip: unlessMounts }, async (t) => {
  const { root, origin, oneWarning } = await start(t)
  const folder = join(root, 'covered')
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status !== 0) {
    t.skip('cannot mount file systems here')
    return
  }
  try {
    writeFiles(folder, { i: 'other', 'sub/j': 'j' })
    await until('the mounted files are indexed', () => origin.lookup('covered/sub/j'))
    await until(
      'and those in the place of others',
      async () => (await origin.lookup('covered/i'))?.identity.size === 5,
    )
    writeFiles(folder, { later: 'later' })
    await until('it is watched', () => origin.lookup('covered/later'), 2500)
    oneWarning()
  } finally {
    execFileSync('umount', ['-l', folder])
  }
})
