import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Rescans } from '../../lib/indexing/rescans.js'
import { until } from '../support/until.js'

function setting(context: TestContext, interval?: number) {
  const scans: string[] = []
  const warnings: string[] = []
  const state = { unwatched: [] as readonly string[], failure: undefined as unknown }
  const waiting: (() => void)[] = []
  const rescans = new Rescans(
    {
      scan: async (folder) => {
        scans.push(folder)
        await new Promise<void>((resolve) => waiting.push(resolve))
        if (state.failure !== undefined) throw state.failure
      },
      retryUnwatched: async () => state.unwatched,
      verify: async () => {},
      warning: ({ code, message }) => warnings.push(`${code} ${message}`),
    },
    interval,
  )
  /** Ends the current scan and starts the next one. */
  const finishOne = async () => {
    waiting.shift()?.()
    await new Promise(setImmediate)
  }
  context.after(() => {
    const closed = rescans.close()
    for (const finish of waiting) finish()
    return closed
  })
  return { scans, warnings, state, rescans, finishOne }
}

describe('rescans', () => {
  test('run one after the other', async (t) => {
    const { scans, rescans, finishOne } = setting(t)
    assert.equal(rescans.isRunning, false)
    for (const folder of ['a', 'b', 'c']) rescans.add(folder)
    assert.deepEqual([scans, rescans.isRunning], [['a'], true])
    await finishOne()
    assert.deepEqual(scans, ['a', 'b'])
    await finishOne()
    await finishOne()
    assert.deepEqual([scans, rescans.isRunning], [['a', 'b', 'c'], false])
  })

  test('scan a folder once that is requested twice before its scan starts, and again after that', async (t) => {
    const { scans, rescans, finishOne } = setting(t)
    for (const folder of ['a', 'b', 'b', 'a']) rescans.add(folder)
    for (let count = 0; count < 4; count += 1) await finishOne()
    assert.deepEqual(scans, ['a', 'b', 'a'])
  })

  test('warn if a scan fails, and go on with the next request', async (t) => {
    const { scans, warnings, state, rescans, finishOne } = setting(t)
    state.failure = new Error('disk on fire')
    rescans.add('a')
    await finishOne()
    assert.deepEqual(warnings, ['ERR_SCAN disk on fire'])
    state.failure = undefined
    rescans.add('b')
    await finishOne()
    assert.deepEqual(scans, ['a', 'b'])
  })

  test('repeat for what is not watched, by its topmost folders', async (t) => {
    const { scans, state, finishOne } = setting(t, 20)
    state.unwatched = ['x/y', 'x', 'xy', 'x/y/z']
    await until('the first is scanned', () => scans.length === 1)
    state.unwatched = []
    await finishOne()
    await finishOne()
    assert.deepEqual(scans, ['x', 'xy'])
  })

  test('end with the current one, when they are closed', async (t) => {
    const { scans, rescans, finishOne } = setting(t)
    rescans.add('a')
    rescans.add('b')
    const closed = rescans.close()
    rescans.add('c')
    await finishOne()
    await closed
    assert.deepEqual(scans, ['a'])
  })
})
