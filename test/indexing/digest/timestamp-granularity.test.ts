import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TimestampGranularity } from '../../../lib/indexing/digest/timestamp-granularity.js'

const NOW = 1_700_000_000_000
const HOUR = 3_600_000

/**
 * Returns a timestamp so many milliseconds after `NOW`, as a kernel makes it: not in whole seconds.
 */
function stamp(milliseconds: number): bigint {
  return BigInt(NOW + milliseconds) * 1_000_000n + 7n
}

test('an old file is not waited for, a young one until its tick has passed', () => {
  const ticks = new TimestampGranularity()
  assert.equal(ticks.waitTime(stamp(-HOUR), NOW, 0), 0)
  assert.equal(ticks.waitTime(stamp(-20), NOW, 0), 0)
  assert.equal(ticks.waitTime(stamp(-5), NOW, 0), 15)
  assert.equal(ticks.waitTime(stamp(0), NOW, 0), 20)
})

test('a stamp in the future, as after a clock was set back, is waited for from when it is first seen', () => {
  const ticks = new TimestampGranularity()
  assert.equal(ticks.waitTime(stamp(HOUR), NOW, 1000), 20)
  assert.equal(ticks.waitTime(stamp(HOUR), NOW, 1012), 8)
  assert.equal(ticks.waitTime(stamp(HOUR), NOW, 1020), 0)
})

test('a clock that is set back by moments is no reason not to wait', () => {
  assert.equal(new TimestampGranularity().waitTime(stamp(1), NOW, 0), 20)
})

test('a clock that is set forward makes no stamp of before it young', () => {
  assert.equal(new TimestampGranularity().waitTime(stamp(0), NOW + HOUR, 0), 0)
})

test('files of the future that are seen together cost one wait', () => {
  const ticks = new TimestampGranularity()
  const stamps = Array.from({ length: 128 }, (_, index) => stamp(1000 + index))
  for (const one of stamps) assert.equal(ticks.waitTime(one, NOW, 5), 20)
  assert.deepEqual(new Set(stamps.map((one) => ticks.waitTime(one, NOW, 25))), new Set([0]))
})

test('a stamp of whole seconds may stand for two', () => {
  const whole = BigInt(NOW) * 1_000_000n
  const ticks = new TimestampGranularity()
  assert.equal(ticks.waitTime(whole, NOW + 500, 0), 1520)
  assert.equal(ticks.waitTime(whole, NOW + 3000, 0), 0)
  assert.equal(ticks.waitTime(whole, NOW - HOUR, 0), 2020)
})
