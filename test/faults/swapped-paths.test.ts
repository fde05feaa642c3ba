import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import type { MirroredByError, Origin, OriginOptions } from '../../lib/index.js'
import { createOrigin, memoryStore } from '../../lib/index.js'
import { replaceFile, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS, type Setup } from '../support/setups.js'
import { until } from '../support/until.js'

/** Promised time until another folder is indexed, and another list of mirrors is in force. */
const LIMIT_MS = 10_000
const SAME_TIME = new Date('2026-01-01T00:00:00Z')

/** A way to put one folder in the place of another, by paths below a folder of the test. */
interface Swap {
  readonly name: string
  /** The root as configured. */
  readonly root: string
  /** Makes the root, which leads to the first or the second release. */
  pointTo(folder: string, release: 'r1' | 'r2'): void
}

function swapLink(folder: string, name: string, target: string): void {
  symlinkSync(target, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, name))
}

const SWAPS: readonly Swap[] = [
  {
    name: 'a link that is the root',
    root: 'current',
    pointTo: (folder, release) => swapLink(folder, 'current', `${release}/pub`),
  },
  {
    name: 'a link above the root',
    root: 'current/pub',
    pointTo: (folder, release) => swapLink(folder, 'current', release),
  },
  {
    name: 'a chain of links',
    root: 'outer',
    pointTo: (folder, release) => {
      rmSync(join(folder, 'outer'), { force: true })
      symlinkSync('inner', join(folder, 'outer'))
      swapLink(folder, 'inner', join(folder, release, 'pub'))
    },
  },
  {
    name: 'a link that is removed and made again',
    root: 'current',
    pointTo: (folder, release) => {
      rmSync(join(folder, 'current'), { force: true })
      symlinkSync(`${release}/pub`, join(folder, 'current'))
    },
  },
  {
    name: 'a folder that is renamed into place',
    root: 'live/pub',
    pointTo: (folder, release) => {
      if (release === 'r2') renameSync(join(folder, 'live'), join(folder, 'r1'))
      renameSync(join(folder, release), join(folder, 'live'))
    },
  },
]

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64')
}

interface Scene {
  readonly port: number
  readonly origin: Origin
  readonly folder: string
  readonly warnings: MirroredByError[]
}

async function start(
  scope: Scope,
  swap: Swap,
  setup: Setup,
  options: Partial<OriginOptions>,
): Promise<Scene> {
  const folder = temporaryFolder(scope)
  for (const release of ['r1', 'r2']) {
    writeFiles(folder, {
      [`${release}/pub/f.bin`]: release.repeat(500),
      [`${release}/pub/only-${release}/g.bin`]: release,
    })
    // Only inode and ctime differ.
    utimesSync(join(folder, release, 'pub/f.bin'), SAME_TIME, SAME_TIME)
  }
  swap.pointTo(folder, 'r1')
  const root = join(folder, swap.root)
  const origin = await createOrigin({
    root,
    store: memoryStore(),
    settle: 50,
    serve: setup.serve,
    ...options,
  })
  scope.after(() => origin.close())
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  await origin.ready
  const { port } = await listen(scope, setup.listener(origin))
  return { port, origin, folder, warnings }
}

for (const swap of SWAPS) {
  for (const setup of SETUPS) {
    it(`${swap.name}, below ${setup.name}: no digest of the earlier folder, and the new one is followed`, async (t) => {
      const { port, origin, folder, warnings } = await start(t, swap, setup, {})
      const fetch = async (path: string) => {
        const response = await rawRequest(port, 'GET', path)
        const digests = values(response, 'Repr-Digest').join()
        if (response.status === 200 && digests !== '')
          assert.ok(digests.includes(sha256(response.body)), `${path} has a digest of other bytes`)
        return { ...response, digests }
      }
      assert.ok((await fetch('/f.bin')).digests.includes(sha256('r1'.repeat(500))))
      swap.pointTo(folder, 'r2')
      const first = await fetch('/f.bin')
      assert.equal(String(first.body), 'r2'.repeat(500), 'the bytes of the new folder, at once')
      assert.equal(first.digests, '')
      await until(
        'the new folder is indexed',
        async () => (await fetch('/f.bin')).digests.includes(sha256('r2'.repeat(500))),
        LIMIT_MS,
      )
      await until('its other files are', async () => (await fetch('/only-r2/g.bin')).digests !== '', LIMIT_MS)
      await until(
        'files of the old folder are forgotten',
        async () => (await origin.lookup('only-r1/g.bin')) === undefined,
        LIMIT_MS,
      )
      assert.equal((await fetch('/only-r1/g.bin')).status, 404)
      replaceFile(join(origin.root, 'h.bin'), 'later')
      await until('the new file is indexed', () => origin.lookup('h.bin'), LIMIT_MS)
      assert.deepEqual(
        warnings.filter(({ code }) => code !== 'ERR_ROOT'),
        [],
      )
    })
  }
}

for (const watch of ['rescan', false] as const) {
  it(`a root is followed through its link with watch: ${watch}`, async (t) => {
    const [swap, setup] = [SWAPS[0], SETUPS[1]]
    assert.ok(swap && setup)
    const { origin, folder } = await start(t, swap, setup, { watch })
    swap.pointTo(folder, 'r2')
    await until('the new folder is indexed', () => origin.lookup('only-r2/g.bin'), LIMIT_MS)
  })
}

it('a link that leads nowhere for a while keeps the index', async (t) => {
  const [swap, setup] = [SWAPS[0], SETUPS[1]]
  assert.ok(swap && setup)
  const { origin, folder, warnings, port } = await start(t, swap, setup, {})
  swapLink(folder, 'current', 'nothing')
  await until('there is a warning', () => warnings.some(({ code }) => code === 'ERR_ROOT'), LIMIT_MS)
  assert.equal((await rawRequest(port, 'GET', '/f.bin')).status, 404)
  assert.ok(await origin.lookup('f.bin'))
  swap.pointTo(folder, 'r2')
  await until('the new folder is indexed', () => origin.lookup('only-r2/g.bin'), LIMIT_MS)
})

it('a mirrors file is read again when a link on its path is swapped', async (t) => {
  const folder = temporaryFolder(t)
  for (const release of ['r1', 'r2']) {
    const list = `mirrors:\n  - { id: ${release}, url: 'http://${release}.example/', trust: true }\n`
    writeFiles(folder, { [`${release}/mirrors.yaml`]: list })
  }
  mkdirSync(join(folder, 'root'))
  swapLink(folder, 'current', 'r1')
  swapLink(folder, 'list.yaml', 'current/mirrors.yaml')
  const options = { root: join(folder, 'root'), store: memoryStore(), probe: false, lookupHosts: false }
  const origins = [
    await createOrigin({ ...options, mirrors: join(folder, 'current/mirrors.yaml') }),
    await createOrigin({ ...options, store: memoryStore(), mirrors: join(folder, 'list.yaml') }),
  ]
  for (const origin of origins) t.after(() => origin.close())
  const ids = () => origins.flatMap((origin) => origin.mirrors().map(({ id }) => id))
  assert.deepEqual(ids(), ['r1', 'r1'])
  swapLink(folder, 'current', 'r2')
  await until('the new list is in force', () => ids().join() === 'r2,r2', LIMIT_MS)
})

it('an index that is reached through a link is opened again when the link is swapped', async (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'root/f': 'f', 'r1/x': '', 'r2/x': '' })
  swapLink(folder, 'current', 'r1')
  const origin = await createOrigin({
    root: join(folder, 'root'),
    store: join(folder, 'current/index.sqlite'),
  })
  t.after(() => origin.close())
  await origin.ready
  swapLink(folder, 'current', 'r2')
  await until('the file is in the new index', async () => {
    const other = await createOrigin({ root: join(folder, 'root'), store: join(folder, 'r2/index.sqlite') })
    const file = await other.lookup('f')
    await other.close()
    return file
  })
})
