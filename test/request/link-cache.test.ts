import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LinkCache } from '../../lib/request/link-cache.js'

const LINKS = [
  { name: 'meta4', urlPath: 'a.bin.meta4', type: 'application/metalink4+xml' },
  { name: 'metalink', urlPath: 'a.bin.metalink', type: 'application/metalink+xml' },
]

describe('links to documents', () => {
  test('are those of their base, whichever bases came before', () => {
    const cache = new LinkCache('a.bin', 'a.bin', LINKS)
    for (let round = 0; round < 3; round += 1) {
      for (let host = 0; host < 200; host += 1) {
        const base = `http://${'h'.repeat(host)}x${host}.example/`
        assert.deepEqual(
          cache.describedBy(base),
          LINKS.map(({ urlPath, type }) => ['Link', `<${base}${urlPath}>; rel=describedby; type="${type}"`]),
        )
        assert.equal(cache.describedBy(base), cache.describedBy(base))
      }
    }
  })

  test('of a base too long to keep are made each time', () => {
    const cache = new LinkCache('a.bin', 'a.bin', LINKS)
    const base = `http://h/${'x'.repeat(5000)}/`
    assert.deepEqual(cache.describedBy(base), cache.describedBy(base))
    assert.notEqual(cache.describedBy(base), cache.describedBy(base))
  })

  test('take at most some KiB a file, however many hosts are named', () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const caches = Array.from({ length: 500 }, () => new LinkCache('a.bin', 'a.bin', LINKS))
    const used = () => {
      collect()
      return getHeapStatistics().used_heap_size
    }
    const before = used()
    for (const cache of caches) {
      for (let host = 0; host < 100; host += 1)
        cache.describedBy(`http://${String(host).padStart(255, 'h')}/`)
    }
    const bytes = (used() - before) / caches.length
    assert.ok(bytes < 12 * 1024, `${bytes} bytes a file`)
  })
})
