import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FileSampler } from '../../../lib/mirrors/presence/file-sampler.js'
import { memoryStore } from '../../../lib/store/memory.js'
import type { Store } from '../../../lib/store/store.js'
import { fileAt, put } from '../../support/files.js'
import { seeded } from '../../support/random.js'

const MIB = 2 ** 20
const KIB = 2 ** 10

async function indexOf(files: readonly (readonly [path: string, size: number])[]): Promise<Store> {
  const index = memoryStore()
  await index.apply(files.map(([path, size]) => put(fileAt(path, { size }))))
  return index
}

/** Returns an index that does not change: many draws from it take little time. */
async function fixedIndexOf(files: Parameters<typeof indexOf>[0]): Promise<Pick<Store, 'sample'>> {
  const sorted = await (await indexOf(files)).sample('', files.length)
  const positions = new Map(sorted.map(({ path }, position) => [path, position]))
  return {
    sample: (after, maxFiles) => {
      const start = (positions.get(after) ?? -1) + 1
      return sorted.slice(start, start + maxFiles)
    },
  }
}

function samplerOf(index: Pick<Store, 'sample'>, seed: number, now = () => 0): FileSampler {
  const { signal } = new AbortController()
  return new FileSampler({ index, clock: { steady: now }, random: seeded(seed), signal })
}

/** Counts the draws of each path for one mirror. */
async function countDraws(
  sampler: FileSampler,
  draws: number,
  fits: (path: string) => boolean = () => true,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let draw = 0; draw < draws; draw += 1) {
    const file = await sampler.next('m', ({ path }) => fits(path))
    if (file !== undefined) counts.set(file.path, (counts.get(file.path) ?? 0) + 1)
  }
  return counts
}

const numbered = (count: number, nameOf: (index: string, at: number) => string) =>
  Array.from({ length: count }, (_, at) => [nameOf(String(at).padStart(5, '0'), at), 1000] as const)

const LAYOUTS: readonly (readonly [what: string, files: readonly (readonly [string, number])[]])[] = [
  ['10,000 files of a folder that begin alike', numbered(10_000, (index) => `pool/pkg-${index}.rpm`)],
  ['2,500 files of five folders', numbered(2500, (index, at) => `${at % 5}/pkg-${index}.rpm`)],
  ['2,500 files, each in a folder of its own', numbered(2500, (index) => `${index}/x/file`)],
  [
    '2,500 files of a few large folders and many small ones',
    numbered(2500, (index, at) => (at % 2 === 0 ? `large/f${index}` : `small/${index}/f`)),
  ],
  ['40 files at the root', numbered(40, (_, at) => `f${at}`)],
  ['300 files at the root', numbered(300, (_, at) => `f${at}`)],
  ['two files', numbered(2, (_, at) => `f${at}`)],
  ['names beyond ASCII', numbered(1000, (index, at) => `${['ä', '中', '🎉', '~', ' '][at % 5]}${index}`)],
]

describe('files are drawn', () => {
  for (const [what, files] of LAYOUTS) {
    test(`each in due time: ${what}`, async () => {
      for (const seed of files.length > 2500 ? [1] : [1, 2]) {
        const counts = await countDraws(samplerOf(await fixedIndexOf(files), seed), 4 * files.length + 10)
        assert.equal(counts.size, files.length)
        // None much more often than its share.
        assert.ok(Math.max(...counts.values()) <= 12, `${Math.max(...counts.values())}`)
      }
    })
  }

  test('in proportion to their pieces, up to a limit, and empty ones never', async () => {
    const files = numbered(600, (index) => `f${index}`)
    const sizes = new Map([
      ['f00010', 4 * 256 * KIB],
      ['f00300', 12 * 256 * KIB],
      ['f00590', 64 * 4 * MIB],
      ['f00400', 0],
    ])
    const index = await fixedIndexOf(files.map(([path, size]) => [path, sizes.get(path) ?? size]))
    const counts = await countDraws(samplerOf(index, 4), 60_000)
    const mean = (path: string) => (counts.get(path) ?? 0) / (counts.get('f00011') ?? 1)
    assert.equal(counts.size, 599)
    assert.equal(counts.get('f00400'), undefined)
    assert.ok(Math.abs(mean('f00010') - 4) < 0.4, `${mean('f00010')}`)
    assert.ok(Math.abs(mean('f00300') - 12) < 2, `${mean('f00300')}`)
    assert.ok(Math.abs(mean('f00590') - 16) < 4, `${mean('f00590')}`)
  })

  test('of those that the mirror holds alone, however few they are', async () => {
    const index = await fixedIndexOf(numbered(10_000, (name, at) => `${at % 7}/${name}`))
    const held = new Set(
      numbered(10_000, (name, at) => `${at % 7}/${name}`).flatMap(([path], at) =>
        at % 100 === 3 ? [path] : [],
      ),
    )
    const counts = await countDraws(samplerOf(index, 5), 1000, (path) => held.has(path))
    assert.deepEqual([...counts.keys()].toSorted(), [...held].toSorted())
    assert.equal((await countDraws(samplerOf(index, 5), 3, () => false)).size, 0)
  })

  test('new ones too, and none that are gone', async () => {
    let now = 0
    const index = await indexOf(numbered(1000, (name) => `old/${name}`))
    const sampler = samplerOf(index, 6, () => now)
    await countDraws(sampler, 10)
    await index.apply(
      numbered(600, (name) => `new/${name}`).map(([path, size]) => put(fileAt(path, { size }))),
    )
    await index.apply(
      numbered(500, (name) => `old/${name}`).map(([path]) => ({ kind: 'remove', path }) as const),
    )
    for (const path of (await countDraws(sampler, 300)).keys())
      assert.ok(path.startsWith('new/') || path >= 'old/00500', path)
    now += 600_001
    assert.equal((await countDraws(sampler, 5000)).size, 1100)
    await index.apply([{ kind: 'removeFolder', folder: '' }])
    assert.equal((await countDraws(sampler, 10)).size, 0)
  })

  test('for each mirror in another order, with few reads of the index', async () => {
    const store = await indexOf(numbered(3000, (name) => name))
    let read = 0
    const index = {
      ...store,
      sample: async (...args: Parameters<Store['sample']>) => {
        const files = await store.sample(...args)
        read += files.length
        return files
      },
    }
    const sampler = samplerOf(index, 7)
    const order = async (mirror: string) => {
      const paths: string[] = []
      for (let draw = 0; draw < 20; draw += 1)
        paths.push((await sampler.next(mirror, () => true))?.path ?? '')
      return paths.join()
    }
    assert.notEqual(await order('a'), await order('b'))
    assert.ok(read < 3000 + 40 * 192, `${read}`)
  })
})
