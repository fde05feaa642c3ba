import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UNLISTED } from '../../../lib/mirrors/presence/listings/columns.js'
import {
  createListing,
  ListingAborted,
  type ListingReader,
} from '../../../lib/mirrors/presence/listings/listing-reader.js'
import { createPathFilter } from '../../../lib/paths.js'
import { collect } from './collect.js'

describe('a listing', () => {
  test('comes in batches, and waits for its reader', async () => {
    let given = 0
    const listing = createListing({}, async (reader) => {
      for (; given < 20_500; given += 1) {
        reader.addFile(`file ${given}`, UNLISTED)
        await reader.waitForRoom()
      }
    })
    await sleep(10)
    assert.equal(given, 0, 'it begins before it is read')
    let read = 0
    for await (const batch of listing) {
      read += batch.length
      // A slow reader.
      if (read < 3000) await sleep(20)
      assert.ok(given - read <= 6000, `${given} given, ${read} read`)
    }
    assert.equal(read, 20_500)
    assert.deepEqual(
      await collect(listing),
      { files: [], outcome: await listing.outcome },
      'it is read twice',
    )
    assert.equal((await listing.outcome).complete, true)
  })

  test('gives what there was before it failed', async () => {
    const listing = createListing({}, async (reader) => {
      reader.addFile('a', UNLISTED)
      throw new Error('it rained')
    })
    const { files, outcome } = await collect(listing)
    assert.equal(files.length, 1)
    assert.deepEqual([outcome.complete, outcome.reason, outcome.files], [false, 'it rained', 1])
  })

  test('tells its first trouble, and remembers so many', async () => {
    const listing = createListing({}, async (reader) => {
      reader.redact('secret')
      reader.remark('odd')
      for (let index = 0; index < 1000; index += 1) reader.markIncomplete(`lost secret ${index}`)
      throw new ListingAborted('ended')
    })
    const { outcome } = await collect(listing)
    assert.equal(outcome.reason, 'lost *** 0')
    assert.equal(outcome.problemCount, 1001)
    assert.equal(outcome.problems.length, 50)
    assert.deepEqual(outcome.problems.slice(0, 2), ['odd', 'lost *** 0'])
  })

  test('is complete where things were only odd', async () => {
    const { outcome } = await collect(createListing({}, async (reader) => reader.remark('odd')))
    assert.equal(outcome.complete, true)
  })

  test('ends when its time is over', async () => {
    const listing = createListing({ limits: { totalMs: 50 } }, (reader) => aborted(reader))
    const { outcome } = await collect(listing)
    assert.equal(outcome.reason, 'it took longer than 0.05 s')
  })

  test('may have all the time in the world', async () => {
    const listing = createListing({ limits: { totalMs: Number.POSITIVE_INFINITY } }, async () => {
      await sleep(20)
    })
    assert.equal((await collect(listing)).outcome.complete, true)
  })

  test('ends its worker when its reader stops, even one that waits for room', async () => {
    let ended = false
    const listing = createListing({}, async (reader) => {
      try {
        for (let index = 0; ; index += 1) {
          reader.addFile(`file ${index}`, UNLISTED)
          await reader.waitForRoom()
        }
      } finally {
        ended = true
      }
    })
    for await (const _ of listing) break
    assert.equal((await listing.outcome).reason, 'its reader stopped')
    assert.equal(ended, true)
  })

  test('takes its listener off a signal', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const counted = {
      addEventListener: () => {
        listeners += 1
      },
      removeEventListener: () => {
        listeners -= 1
      },
      aborted: false,
    }
    Object.defineProperties(signal, {
      addEventListener: { value: counted.addEventListener },
      removeEventListener: { value: counted.removeEventListener },
    })
    await collect(createListing({ signal }, async () => assert.equal(listeners, 1)))
    assert.equal(listeners, 0)
  })
})

describe('a path in a listing', () => {
  test('is one of the repository, or none', async () => {
    const includes = createPathFilter(['private'])
    await collect(
      createListing({ includes }, async (reader) => {
        assert.equal(reader.pathOf('', 'a'), 'a')
        assert.equal(reader.pathOf('a', 'b'), 'a/b')
        for (const name of [
          '.hidden',
          'x.part',
          'private',
          '',
          '.',
          '..',
          'a/b',
          '/a',
          'a\0b',
          '\ud800',
          'a\\b',
        ])
          assert.equal(reader.pathOf('a', name), undefined, name)
        assert.equal(reader.wholePathOf('a/b/c'), 'a/b/c')
        assert.equal(reader.wholePathOf('c'), 'c')
        for (const path of [
          '',
          '/a',
          'a/',
          'a//b',
          '../a',
          'a/../b',
          './a',
          'private/a',
          '.hidden/a',
          'a/.hidden',
          'b/private/c',
        ])
          assert.equal(reader.wholePathOf(path), undefined, path)
        assert.equal(reader.wholePathOf('a/d'), 'a/d')
      }),
    )
  })
})

function aborted(reader: ListingReader): Promise<void> {
  return new Promise((resolve) => reader.signal.addEventListener('abort', () => resolve()))
}
