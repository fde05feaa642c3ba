import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { FirstPass, type Indexed } from '../../lib/indexing/first-pass.js'
import { createPathFilter } from '../../lib/paths.js'
import { memoryStore } from '../../lib/store/memory.js'
import type { Store } from '../../lib/store/store.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { overridden } from '../support/overridden.js'
import { until } from '../support/until.js'

function setting(context: TestContext, store: Store = memoryStore()) {
  const root = temporaryFolder(context)
  writeFiles(root, { 'a.txt': 'a', 'sub/b.txt': 'bb' })
  const events: string[] = []
  const firstPass = new FirstPass(
    {
      root,
      store,
      includes: createPathFilter([]),
      ignore: [],
      algorithms: ['sha-256'],
      workers: 1,
      settle: 50,
      watch: false,
      rescan: 60_000,
    },
    {
      changed: (paths) => events.push(...paths.map((path) => `changed ${path}`)),
      removed: (folder) => events.push(`removed ${folder}`),
      completed: async () => void events.push('completed'),
      indexed: ({ files, bytes, hashed }: Indexed) => events.push(`indexed ${files} ${bytes} ${hashed}`),
      warning: (error) => events.push(String(error)),
    },
  )
  context.after(() => firstPass.close())
  return { root, store, events, firstPass }
}

describe('the first pass', () => {
  test('indexes what is there, in the process that leads', async (t) => {
    const { events, firstPass } = setting(t)
    assert.deepEqual(firstPass.progress.hashed, { files: 0, bytes: 0 })
    firstPass.lead()
    const { files, bytes, hashed } = await firstPass.ready
    assert.deepEqual({ files, bytes, hashed }, { files: 2, bytes: 3, hashed: 2 })
    assert.deepEqual(events.slice(-2), ['completed', 'indexed 2 3 2'])
    assert.deepEqual(firstPass.progress.hashed, { files: 2, bytes: 3 })
  })

  test('is complete when another process has completed its own', async (t) => {
    const { events, firstPass } = setting(t)
    firstPass.completedElsewhere()
    const { files, hashed } = await firstPass.ready
    assert.deepEqual({ files, hashed }, { files: 0, hashed: 0 })
    firstPass.completedElsewhere()
    assert.deepEqual(events, ['indexed 0 0 0'])
  })

  test('is told once, however often this process leads', async (t) => {
    const { events, firstPass } = setting(t)
    firstPass.lead()
    await firstPass.ready
    firstPass.follow()
    firstPass.lead()
    await until(
      'the second pass is complete',
      () => events.filter((event) => event === 'completed').length === 2,
    )
    assert.equal(events.filter((event) => event.startsWith('indexed')).length, 1)
  })

  test('is given up by closing', async (t) => {
    const { events, firstPass } = setting(t)
    firstPass.lead()
    await firstPass.close()
    assert.deepEqual(await firstPass.ready, { files: 0, bytes: 0, hashed: 0, seconds: 0 })
    firstPass.lead()
    await firstPass.close()
    assert.deepEqual(events, [])
  })

  test('warns if the store cannot say how much it holds, and is complete in any case', async (t) => {
    const store = overridden<Store>(memoryStore(), {
      totals: () => {
        throw new Error('disk full')
      },
    })
    const { events, firstPass } = setting(t, store)
    firstPass.lead()
    assert.equal((await firstPass.ready).hashed, 2)
    assert.match(events.at(-2) ?? '', /the index cannot be used at the moment: disk full/)
    assert.equal(events.at(-1), 'indexed 0 0 2')
  })
})

describe('a path that is reported to differ', () => {
  test('is hashed again if it does', async (t) => {
    const { root, store, events, firstPass } = setting(t)
    firstPass.lead()
    await firstPass.ready
    writeFileSync(join(root, 'a.txt'), 'changed')
    firstPass.invalidate('a.txt')
    const file = await until('it is stored', async () => {
      const stored = await store.get('a.txt')
      return stored?.identity.size === 7 ? stored : undefined
    })
    assert.equal(file.identity.size, 7)
    assert.equal(events.filter((event) => event === 'changed a.txt').length, 2)
  })

  test('is left alone if it does not, or if this process follows', async (t) => {
    const { firstPass, events } = setting(t)
    firstPass.lead()
    await firstPass.ready
    const before = events.length
    firstPass.invalidate('a.txt')
    await new Promise(setImmediate)
    assert.equal(firstPass.progress.pending.files, 0)
    firstPass.follow()
    firstPass.invalidate('a.txt')
    assert.equal(events.length, before)
  })
})
