import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Limiter } from '../lib/limiter.js'

test('a limiter has room until its total or the limit of a key is reached, and again when tasks end', async () => {
  const limiter = new Limiter(3, 2)
  const ends: (() => void)[] = []
  const run = (key: string) => limiter.run(key, () => new Promise<void>((resolve) => ends.push(resolve)))
  const first = run('a')
  assert.ok(limiter.hasRoom('a'))
  void run('a')
  assert.deepEqual([limiter.hasRoom('a'), limiter.hasRoom('b')], [false, true])
  void run('b')
  assert.deepEqual([limiter.hasRoom('b'), limiter.hasRoom('c')], [false, false])
  ends[0]?.()
  await first
  assert.deepEqual([limiter.hasRoom('a'), limiter.hasRoom('b')], [true, true])
})

test('a task that fails no longer counts, and its error is passed on', async () => {
  const limiter = new Limiter(1, 1)
  await assert.rejects(
    limiter.run('a', async () => {
      throw new Error('failed')
    }),
    /^Error: failed$/,
  )
  assert.ok(limiter.hasRoom('a'))
})
