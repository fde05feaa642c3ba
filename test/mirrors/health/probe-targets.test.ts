import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ProbeTargets } from '../../../lib/mirrors/health/probe-targets.js'
import { memoryStore } from '../../../lib/store/memory.js'
import { fileAt, put } from '../../support/files.js'
import { mirror } from '../../support/mirrors.js'

/** Returns an index of these files; the first is the newest. */
async function indexOf(...paths: readonly string[]) {
  const store = memoryStore()
  await store.apply(paths.map((path, age) => put(fileAt(path, { ctimeNs: BigInt(1000 - age) }))))
  return store
}

async function asked(
  store: Awaited<ReturnType<typeof indexOf>>,
  paths: readonly string[] = [],
  trace?: string,
) {
  const targets = await new ProbeTargets(store, () => 0).of(mirror('m', { paths, trace }))
  return targets.map(({ kind, urlPath }) => `${kind} ${urlPath}`)
}

describe('a mirror is asked', () => {
  test('for its trace, where it has one', async () => {
    const store = await indexOf('a')
    assert.deepEqual(await asked(store, [], 'project/trace of x'), ['trace project/trace%20of%20x'])
  })

  test('for two files that have been here for longest', async () => {
    assert.deepEqual(await asked(await indexOf('new', 'newer', 'a b/old', 'oldest')), [
      'file oldest',
      'file a%20b/old',
    ])
  })

  test('for files that its paths allow', async () => {
    const store = await indexOf('iso/x', 'iso/old/y', 'doc/z', 'doc/only')
    assert.deepEqual(await asked(store, ['iso/**']), ['file iso/old/y', 'file iso/x'])
    assert.deepEqual(await asked(store, ['iso/**', '!iso/old/**']), ['file iso/x'])
    assert.deepEqual(await asked(store, ['!doc/**']), ['file iso/old/y', 'file iso/x'])
    assert.deepEqual(await asked(store, ['doc/only']), ['file doc/only'])
    assert.deepEqual(await asked(store, ['**/z']), ['file doc/z'])
  })

  test('for files of its folders, however many there are of others', async () => {
    const others = Array.from({ length: 2000 }, (_, index) => `archive/${index}/file`)
    const store = await indexOf(...others, 'iso/disk.iso')
    assert.deepEqual(await asked(store, ['iso/**']), ['file iso/disk.iso'])
  })

  test('for the folder itself, where no file will do: none, none that it has, none of more than a byte', async () => {
    assert.deepEqual(await asked(await indexOf()), ['base '])
    assert.deepEqual(await asked(await indexOf('a'), ['b/**']), ['base '])
    const store = memoryStore()
    await store.apply([put(fileAt('empty', { size: 0 })), put(fileAt('one', { size: 1 }))])
    assert.deepEqual(await asked(store), ['base '])
  })
})

describe('the choice', () => {
  test('is kept while its files are there, for ten minutes at most', async () => {
    const store = await indexOf('a', 'b', 'c')
    let now = 0
    let samples = 0
    const counting = {
      get: (path: string) => store.get(path),
      sample: (...args: Parameters<typeof store.sample>) => {
        samples += 1
        return store.sample(...args)
      },
    }
    const targets = new ProbeTargets(counting, () => now)
    const paths = async () => (await targets.of(mirror('m'))).map(({ path }) => path)
    assert.deepEqual(await paths(), ['c', 'b'])
    assert.deepEqual(await paths(), ['c', 'b'])
    // Mirrors with the same paths have the same targets.
    await targets.of(mirror('other'))
    assert.equal(samples, 1)
    await store.apply([{ kind: 'remove', path: 'c' }])
    assert.deepEqual(await paths(), ['b', 'a'])
    assert.equal(samples, 2)
    now = 600_001
    await paths()
    assert.equal(samples, 3)
  })

  test('tells the size that a file has now, and whether it is a page', async () => {
    const store = await indexOf('a.html')
    const [first] = await new ProbeTargets(store, () => 0).of(mirror('m'))
    assert.deepEqual([first?.size, first?.isPage], [1234, true])
  })
})
