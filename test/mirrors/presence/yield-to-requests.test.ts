import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { yieldToRequests } from '../../../lib/mirrors/presence/yield-to-requests.js'

describe('a breath', () => {
  test('lets others have their turn', async () => {
    let turns = 0
    const turn = (): void => {
      turns += 1
      if (turns < 20) setImmediate(turn)
    }
    setImmediate(turn)
    for (let step = 0; step < 10_000_000 && turns < 20; step += 1) await breathe()
    assert.equal(turns, 20)
  })

  test('is taken seldom, however many work at once', async () => {
    let pauses = 0
    const work = async (): Promise<void> => {
      for (let step = 0; step < 10_000; step += 1) if (await breathe()) pauses += 1
    }
    await Promise.all([work(), work(), work()])
    assert.ok(pauses > 0)
    assert.ok(pauses < 3000, `${pauses} pauses in 30,000 steps`)
  })

  test('is over for everybody, in the order in which they came', async (t) => {
    const spin = spinner(t)
    const order: number[] = []
    // Longer than a slice, so that each waits for the next slice.
    spin(1)
    const all = [1, 2, 3].map(async (number) => {
      await yieldToRequests()
      spin(1)
      order.push(number)
    })
    assert.deepEqual(order, [])
    await Promise.all(all)
    assert.deepEqual(order, [1, 2, 3])
  })

  test('is not needed for a while after it', async (t) => {
    const spin = spinner(t)
    // Earlier tests may have set the clock some milliseconds ahead.
    spin(1000)
    assert.ok(yieldToRequests() instanceof Promise)
    await yieldToRequests()
    assert.equal(yieldToRequests(), undefined)
  })
})

/** @returns true if there was a pause */
async function breathe(): Promise<boolean> {
  const pause = yieldToRequests()
  if (pause === undefined) return false
  await pause
  return true
}

/**
 * Stops the steady clock for a test. Returns a function that simulates work: it advances the clock.
 */
function spinner(t: TestContext): (milliseconds: number) => void {
  // Later than the slices of other tests.
  let now = performance.now() + 60_000
  t.mock.method(performance, 'now', () => now)
  return (milliseconds) => {
    now += milliseconds
  }
}
