import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timerDelay, whenAborted, withTimeLimit } from '../../lib/network/time-limit.js'

const LATE = new Error('late')

test('a task within its time gives its result', async () => {
  assert.equal(await withTimeLimit(10_000, LATE, undefined, async () => 5), 5)
})

test('a task is aborted with the given error when its time is over', async () => {
  const reason = await withTimeLimit(1, LATE, undefined, async ({ signal }) => {
    await whenAborted(signal, undefined)
    return signal.reason
  })
  assert.equal(reason, LATE)
})

test('a task is aborted with the reason of the outer signal, also where that was aborted before', async () => {
  const outer = new AbortController()
  const ending = withTimeLimit(10_000, LATE, outer.signal, async ({ signal }) => {
    await whenAborted(signal, undefined)
    return signal.reason
  })
  outer.abort('enough')
  assert.equal(await ending, 'enough')
  const task = async ({ signal }: AbortController): Promise<boolean> => signal.aborted
  assert.equal(await withTimeLimit(10_000, LATE, outer.signal, task), true)
})

test('a delay is one that timers take', () => {
  assert.deepEqual([0.5, 1000, 2 ** 31, Number.POSITIVE_INFINITY].map(timerDelay), [
    1,
    1000,
    2 ** 31 - 1,
    2 ** 31 - 1,
  ])
})
