import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { IndexReader } from '../../../lib/mirrors/presence/index-reader.js'
import { splitPath } from '../../../lib/paths.js'
import { memoryStore } from '../../../lib/store/memory.js'
import type { Store } from '../../../lib/store/store.js'
import { fileAt } from '../../support/files.js'

const path = fc.stringMatching(/^[ab-]{1,2}(\/[ab-]{1,2}){0,2}$/)

describe('a catalog', () => {
  test('tells what is in each folder, whatever was asked for before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, { maxLength: 300 }),
        fc.array(path, { maxLength: 60 }),
        async (paths, asked) => {
          const catalog = new IndexReader(await storeOf(paths))
          for (const other of ['', ...asked, ...paths]) {
            const folder = splitPath(other)[0]
            const found = [...(await catalog.folder(folder)).keys()].sort()
            assert.deepEqual(found, paths.filter((one) => splitPath(one)[0] === folder).sort())
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  test('tells of folders of many files, and of all', async () => {
    const paths = [250, 100, 1, 99, 3000].flatMap((count, folder) => filesIn(`folder ${folder}`, count))
    const catalog = new IndexReader(await storeOf(paths))
    for (const [folder, count] of [250, 100, 1, 99, 3000].entries())
      assert.equal((await catalog.folder(`folder ${folder}`)).size, count)
    const all: string[] = []
    for await (const page of catalog.all()) all.push(...page.map((file) => file.path))
    assert.deepEqual(all.sort(), [...paths].sort())
  })

  test('reads folders that follow each other once, however small they are', async () => {
    const folders = Array.from({ length: 200 }, (_, index) => `folder ${String(index).padStart(3, '0')}`)
    const store = await storeOf(folders.flatMap((folder) => filesIn(folder, 5)))
    let read = 0
    const counting: Pick<Store, 'sample'> = {
      sample: async (...given) => {
        const page = await store.sample(...given)
        read += page.length
        return page
      },
    }
    const catalog = new IndexReader(counting)
    for (const folder of folders) assert.equal((await catalog.folder(folder)).size, 5)
    assert.equal(read, 1000)
  })

  test('remembers the large folders that a listing goes through at once', async () => {
    const folders = ['a', 'b', 'c', 'd']
    const store = await storeOf(folders.flatMap((folder) => filesIn(folder, 1500)))
    const catalog = new IndexReader(store)
    for (const folder of folders) await catalog.folder(folder)
    for (const folder of folders) assert.ok(!(catalog.folder(folder) instanceof Promise), folder)
  })
})

function filesIn(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${folder}/file ${index}`)
}

async function storeOf(paths: readonly string[]): Promise<Store> {
  const store = memoryStore()
  await store.apply(paths.map((each) => ({ kind: 'put', file: fileAt(each, {}, {}) })))
  return store
}
