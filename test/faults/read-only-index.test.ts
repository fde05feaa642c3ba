import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { createOrigin, type MirroredByError } from '../../lib/index.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'

/** More changes than wait to be stored at once. */
const FILES = 30_000

it('an index that can be read and not written is replaced by memory, with one warning', async (t) => {
  const root = temporaryFolder(t)
  // Before the folder is removed, because hooks run in their order.
  let release = () => {}
  t.after(() => release())
  const folder = temporaryFolder(t)
  const isRoot = process.getuid?.() === 0
  // Modes do not stop root; a file system that is mounted to be read does.
  if (isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]).status !== 0) {
    t.skip('cannot mount file systems here')
    return
  }
  release = () => {
    if (isRoot) spawnSync('umount', ['-l', folder])
    else chmodSync(folder, 0o700)
  }
  const options = { root, store: join(folder, 'index.sqlite'), algorithms: ['sha-256'] as const, settle: 0 }
  writeFiles(root, { first: 'first' })
  const before = await createOrigin(options)
  await before.ready
  await before.close()
  if (isRoot) assert.equal(spawnSync('mount', ['-o', 'remount,ro', folder]).status, 0)
  else {
    chmodSync(options.store, 0o400)
    chmodSync(folder, 0o500)
  }

  writeFiles(
    root,
    Object.fromEntries(Array.from({ length: FILES }, (_, index) => [`sub/${index}`, `${index}`])),
  )
  const origin = await createOrigin(options)
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  try {
    assert.equal((await origin.ready).files, FILES + 1)
    for (const path of ['first', 'sub/0', `sub/${FILES - 1}`]) assert.ok(await origin.lookup(path), path)
    assert.deepEqual([...new Set(warnings.map(({ code }) => code))], ['ERR_STORE'])
    assert.equal(new Set(warnings.map(({ message }) => message)).size, warnings.length, 'none is repeated')
  } finally {
    await origin.close()
  }
})
