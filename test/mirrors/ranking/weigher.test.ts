import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MirrorPerformance } from '../../../lib/mirrors/ranking/adaptive-weights.js'
import { Weigher } from '../../../lib/mirrors/ranking/weigher.js'
import { FakeClock } from '../../support/fake-clock.js'

function setting() {
  const clock = new FakeClock()
  const applied: (readonly [string, number][])[] = []
  const measures: MirrorPerformance[] = [
    { id: 'a', speed: 1e6 },
    { id: 'b', speed: 2e6 },
    { id: 'c', speed: 4e6 },
  ]
  const weigher = new Weigher({
    measure: () => measures,
    apply: (factors) => applied.push([...factors]),
    clock,
  })
  return { clock, applied, measures, weigher }
}

const FACTORS = [
  ['a', 0.5],
  ['b', 1],
  ['c', 2],
] as const

describe('weights', () => {
  test('are adapted when asked', () => {
    const { applied, weigher } = setting()
    weigher.weigh()
    assert.deepEqual(applied, [FACTORS])
  })

  test('are adapted once a minute, by what is measured then', async () => {
    const { clock, applied, measures } = setting()
    await clock.pass(59_999)
    assert.deepEqual(applied, [])
    await clock.pass(1)
    assert.deepEqual(applied, [FACTORS])
    measures.splice(0, 2)
    await clock.pass(60_000)
    assert.deepEqual(applied.slice(1), [[['c', 1]]])
  })

  test('are left alone after the end', async () => {
    const { clock, applied, weigher } = setting()
    await clock.pass(60_000)
    weigher.close()
    assert.equal(clock.plans, 0)
    await clock.pass(600_000)
    assert.equal(applied.length, 1)
  })
})
