import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  addSample,
  type DecayingAverage,
  throughput,
} from '../../../lib/mirrors/presence/decaying-average.js'

const HALF_LIFE = 1000

type Sample = readonly [value: number, at: number]

function averageOf(samples: readonly Sample[]): DecayingAverage {
  let average: DecayingAverage | undefined
  for (const [value, at] of samples) average = addSample(average, value, at, HALF_LIFE)
  assert.ok(average !== undefined)
  return average
}

const value = fc.double({ min: 0, max: 1e9, noNaN: true })
const samples = fc.array(fc.tuple(value, fc.integer({ min: -1e6, max: 1e6 })), { minLength: 1 })

describe('a mean over time', () => {
  test('lies between the least and the most that was seen, even by clocks that are set', () => {
    fc.assert(
      fc.property(samples, (some) => {
        const values = some.map(([one]) => one)
        const { value: mean } = averageOf(some)
        const slack = 1e-6 * (1 + Math.max(...values))
        assert.ok(mean >= Math.min(...values) - slack && mean <= Math.max(...values) + slack, `${mean}`)
      }),
    )
  })

  test('is a plain one of what comes at once', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const plain = values.reduce((sum, one) => sum + one, 0) / values.length
        const { value: mean, weight } = averageOf(values.map((one) => [one, 5]))
        assert.ok(Math.abs(mean - plain) <= 1e-9 * (1 + plain), `${mean}, not ${plain}`)
        assert.equal(weight, values.length)
      }),
    )
  })

  test('counts what is a half-life older by half', () => {
    assert.equal(
      averageOf([
        [0, 0],
        [3, HALF_LIFE],
      ]).value,
      2,
    )
    assert.equal(
      averageOf([
        [0, 0],
        [0, 0],
        [2, HALF_LIFE],
      ]).value,
      1,
    )
    assert.ok(
      Math.abs(
        averageOf([
          [1e9, 0],
          [1, 100 * HALF_LIFE],
        ]).value - 1,
      ) < 1e-9,
    )
  })
})

test('a throughput is in bytes a second, of what is enough to tell', () => {
  assert.equal(throughput(262_144, 500), 524_288)
  assert.equal(throughput(1000, 1), undefined)
  assert.equal(throughput(1000, 1, 1000), 1_000_000)
  assert.equal(throughput(262_144, 0), undefined)
})
