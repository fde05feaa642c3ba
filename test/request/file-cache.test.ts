import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IndexedFile } from '../../lib/model.js'
import { FileCache } from '../../lib/request/file-cache.js'
import { memoryStore } from '../../lib/store/memory.js'
import type { Store } from '../../lib/store/store.js'
import { fileAt, put } from '../support/files.js'
import { overridden } from '../support/overridden.js'

/** Store that records the paths it is asked for, and answers on `release()`. */
function held(store: Store): Store & { readonly asked: string[]; release(): void } {
  const asked: string[] = []
  let waiting: (() => void)[] = []
  const get = (path: string) => {
    asked.push(path)
    // The value of this moment, returned later.
    const file = store.get(path)
    return new Promise<IndexedFile | undefined>((resolve) => waiting.push(() => resolve(file)))
  }
  const release = () => {
    for (const answer of waiting.splice(0)) answer()
    waiting = []
  }
  return Object.assign(overridden(store, { get }), { asked, release })
}

function counted(store: Store): Store & { readonly asked: string[] } {
  const asked: string[] = []
  const get = (path: string) => {
    asked.push(path)
    return store.get(path)
  }
  return Object.assign(overridden(store, { get }), { asked })
}

describe('entries', () => {
  test('are made once and remembered', async () => {
    const store = counted(memoryStore())
    await store.apply([put(fileAt('a'))])
    const entries = new FileCache(store, 'digest')
    const entry = entries.get('a')
    assert.ok(entry !== undefined && !(entry instanceof Promise))
    assert.equal(entries.get('a'), entry)
    assert.deepEqual(store.asked, ['a', 'a.meta4'])
  })

  test('of what is not there are not remembered', async () => {
    const store = memoryStore()
    const entries = new FileCache(store, 'digest')
    assert.equal(entries.get('a'), undefined)
    await store.apply([put(fileAt('a'))])
    assert.ok(entries.get('a'))
  })

  test('of the root and of folders are not looked for', () => {
    const store = counted(memoryStore())
    const entries = new FileCache(store, 'digest')
    assert.equal(entries.get(''), undefined)
    assert.equal(entries.get('a/'), undefined)
    assert.deepEqual(store.asked, [])
  })

  test('are made anew when they are forgotten', async () => {
    const store = memoryStore()
    await store.apply([put(fileAt('a', { size: 1 })), put(fileAt('b', { size: 1 }))])
    const entries = new FileCache(store, 'digest')
    const size = (path: string) => {
      const entry = entries.get(path)
      return entry instanceof Promise ? assert.fail('by promise') : entry?.file.identity.size
    }
    assert.deepEqual([size('a'), size('b')], [1, 1])
    await store.apply([put(fileAt('a', { size: 2 })), put(fileAt('b', { size: 2 }))])
    entries.forget(['a'])
    assert.deepEqual([size('a'), size('b')], [2, 1])
    entries.clear()
    assert.deepEqual([size('a'), size('b')], [2, 2])
  })

  test('know when a real file takes the name of their metalink, and when it goes', async () => {
    const store = memoryStore()
    await store.apply([put(fileAt('a'))])
    const entries = new FileCache(store, 'digest')
    const description = () => {
      const entry = entries.get('a')
      return entry instanceof Promise ? assert.fail('by promise') : entry?.representationLinks[0]?.urlPath
    }
    assert.equal(description(), 'a.meta4')
    await store.apply([put(fileAt('a.meta4'))])
    entries.forget(['a.meta4'])
    assert.equal(description(), 'a?meta4')
    await store.apply([{ kind: 'remove', path: 'a.meta4' }])
    entries.forget(['a.meta4'])
    assert.equal(description(), 'a.meta4')
  })

  for (const how of ['forget', 'clear'] as const) {
    test(`that were asked for before a change are not remembered after it (${how})`, async () => {
      const memory = memoryStore()
      const store = held(memory)
      await memory.apply([put(fileAt('a', { size: 1 }))])
      const entries = new FileCache(store, 'digest')
      const before = entries.get('a')
      await memory.apply([put(fileAt('a', { size: 2 }))])
      if (how === 'forget') entries.forget(['a'])
      else entries.clear()
      store.release()
      assert.equal((await before)?.file.identity.size, 1)
      const after = entries.get('a')
      assert.ok(after instanceof Promise, 'the old one was remembered')
      store.release()
      assert.equal((await after)?.file.identity.size, 2)
      assert.equal(entries.get('a'), await after)
    })
  }

  test('have the entity tag of the policy', async () => {
    const store = memoryStore()
    await store.apply([put(fileAt('a', { size: 10, mtimeNs: 1_000_000_000n }))])
    const tag = async (policy: 'digest' | 'nginx' | 'apache') =>
      (await new FileCache(store, policy).get('a'))?.etag
    assert.equal(await tag('nginx'), '"1-a"')
    assert.equal(await tag('apache'), '"a-f4240"')
    assert.match((await tag('digest')) ?? '', /^"[A-Za-z0-9_-]{43}"$/)
  })
})

test('an entry tells when its file changed last, its content or its name, no earlier than that was', async () => {
  const changed = async (mtimeNs: bigint, ctimeNs: bigint) => {
    const store = memoryStore()
    await store.apply([put(fileAt('x', { mtimeNs, ctimeNs }))])
    return (await new FileCache(store, 'digest').get('x'))?.changed
  }
  assert.equal(await changed(1_700_000_000_123_000_000n, 0n), 1_700_000_000_123)
  assert.equal(await changed(0n, 1_700_000_000_123_000_001n), 1_700_000_000_124)
  assert.equal(await changed(-5_000_000n, -9_000_000n), -5)
})
