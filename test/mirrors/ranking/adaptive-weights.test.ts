import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type MirrorPerformance, weightFactors } from '../../../lib/mirrors/ranking/adaptive-weights.js'

const measured = fc.option(fc.double({ min: 1e-3, max: 1e12, noNaN: true }), { nil: undefined })
const anyMeasures = fc
  .array(fc.record({ speed: measured, roundTrip: measured }), { maxLength: 12 })
  .map((all) => all.map((one, index): MirrorPerformance => ({ id: `m${index}`, ...one })))

function factorsOf(measures: readonly MirrorPerformance[]): number[] {
  const factors = weightFactors(measures)
  return measures.map(({ id }) => factors.get(id) ?? Number.NaN)
}

describe('what a weight is multiplied with', () => {
  test('is held against the mirror in the middle', () => {
    const speeds = [1e6, 2e6, 8e6].map((speed, index) => ({ id: `m${index}`, speed }))
    assert.deepEqual(factorsOf(speeds), [0.5, 1, 4])
    const times = [10, 15, 20].map((roundTrip, index) => ({ id: `m${index}`, roundTrip }))
    assert.deepEqual(factorsOf(times), [1.5, 1, 0.75])
    assert.deepEqual(
      factorsOf([
        { id: 'both', speed: 4e6, roundTrip: 10 },
        { id: 'neither' },
        { id: 'speed', speed: 2e6 },
        { id: 'middle', speed: 3e6, roundTrip: 20 },
        { id: 'late', roundTrip: 1000 },
      ]),
      [(4 / 3) * 2, 1, 2 / 3, 1, 0.5],
    )
  })

  test('is an eighth at least, and eight at most', () => {
    fc.assert(
      fc.property(anyMeasures, (measures) => {
        for (const factor of factorsOf(measures)) assert.ok(factor >= 1 / 8 && factor <= 8, `${factor}`)
      }),
    )
  })

  test('is 1 where nothing was measured, whatever was of others', () => {
    fc.assert(
      fc.property(anyMeasures, (measures) => {
        const factors = weightFactors([...measures, { id: 'other' }])
        assert.equal(factors.size, measures.length + 1)
        assert.equal(factors.get('other'), 1)
        for (const { id, speed, roundTrip } of measures)
          if (speed === undefined && roundTrip === undefined) assert.equal(factors.get(id), 1)
      }),
    )
  })

  test('is never less for a mirror that is faster, and as quick', () => {
    fc.assert(
      fc.property(anyMeasures, (measures) => {
        const factors = factorsOf(measures)
        for (const [index, one] of measures.entries()) {
          for (const [place, other] of measures.entries()) {
            if (one.speed === undefined || other.speed === undefined) continue
            if (one.roundTrip === undefined || other.roundTrip === undefined) continue
            if (one.speed < other.speed || one.roundTrip > other.roundTrip) continue
            assert.ok((factors[index] ?? 0) >= (factors[place] ?? 0), `${index} and ${place}`)
          }
        }
      }),
    )
  })

  test('does not depend on the order of mirrors', () => {
    fc.assert(
      fc.property(anyMeasures, (measures) => {
        assert.deepEqual(factorsOf(measures), factorsOf([...measures].reverse()).reverse())
      }),
    )
  })
})
