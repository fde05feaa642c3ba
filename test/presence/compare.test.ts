import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { UNLISTED } from '../../lib/presence/columns.js'
import { type Comparison, compare } from '../../lib/presence/compare.js'
import { type Listed, TIME_UNITS, type TimeUnit } from '../../lib/presence/listing.js'
import { findOffset } from '../../lib/presence/offset.js'

const HOUR = 3_600_000
const STEP = 15 * 60_000
const MINUTE = Date.UTC(2024, 1, 3, 4, 5)
const OURS = { size: 1000, mtimeMs: MINUTE + 6789 }
const SAME: Listed = { size: 1000, sizePrecision: 0, mtime: MINUTE, mtimePrecision: 'minute' }

/** What a mirror lists for a time of ours, its clock being off. */
function listedAt(mtimeMs: number, unit: TimeUnit, offset = 0): Listed {
  const mtime = Math.floor((mtimeMs + offset) / TIME_UNITS[unit]) * TIME_UNITS[unit]
  return { ...UNLISTED, mtime, mtimePrecision: unit }
}

describe('a file there, compared with ours,', () => {
  const table: readonly (readonly [
    what: string,
    remote: Listed,
    offset: number | undefined,
    is: Comparison,
  ])[] = [
    ['of our size and minute', SAME, 0, 'same'],
    ['of our second', { ...SAME, mtime: MINUTE + 6000, mtimePrecision: 'second' }, 0, 'same'],
    ['of our day', { ...SAME, mtime: Date.UTC(2024, 1, 3), mtimePrecision: 'day' }, 0, 'same'],
    ['of our day there', { ...SAME, mtime: Date.UTC(2024, 1, 2), mtimePrecision: 'day' }, -5 * HOUR, 'same'],
    ['of our minute there', { ...SAME, mtime: MINUTE + 2 * HOUR }, 2 * HOUR, 'same'],
    ['of the next minute', { ...SAME, mtime: MINUTE + 60_000 }, 0, 'unsure'],
    ['of our minute where clocks are off', SAME, 2 * HOUR, 'unsure'],
    ['of our minute where it is not known by what clocks are off', SAME, undefined, 'unsure'],
    ['of our size without a time', { ...SAME, mtime: undefined }, 0, 'unsure'],
    ['without a size', { ...SAME, size: undefined }, 0, 'unsure'],
    ['of another size', { ...SAME, size: 1001 }, 0, 'differs'],
    ['of another size, without a time', { ...SAME, size: 999, mtime: undefined }, undefined, 'differs'],
    ['of a rounded size that may be ours', { ...SAME, size: 1024, sizePrecision: 103 }, 0, 'unsure'],
    ['of a rounded size that cannot be ours', { ...SAME, size: 2048, sizePrecision: 103 }, 0, 'differs'],
  ]
  for (const [what, remote, offset, is] of table) {
    test(`${what} is ${is}`, () => assert.equal(compare(OURS, remote, offset), is))
  }
})

describe('what the times of a mirror are off by', () => {
  const times = fc.array(fc.integer({ min: 0, max: 2 ** 41 }), { minLength: 3, maxLength: 50 })
  const offsets = fc.integer({ min: -12 * 4, max: 14 * 4 }).map((steps) => steps * STEP)

  for (const unit of ['second', 'minute'] as const) {
    test(`is found where 9 of 10 differ by it, to the ${unit}`, () => {
      fc.assert(
        fc.property(times, offsets, fc.context(), (ours, offset, context) => {
          const strays = Math.floor(ours.length / 10)
          const pairs = ours.map((mtimeMs, index) => ({
            mtimeMs,
            // Others are of another day altogether.
            listed: listedAt(mtimeMs, unit, index < strays ? 40 * 24 * HOUR : offset),
          }))
          context.log(`${strays} strays`)
          assert.equal(findOffset(pairs), offset)
        }),
      )
    })
  }

  test('is one that fits all, where there are only days', () => {
    fc.assert(
      fc.property(times, offsets, (ours, offset) => {
        const pairs = ours.map((mtimeMs) => ({ mtimeMs, listed: listedAt(mtimeMs, 'day', offset) }))
        const found = findOffset(pairs)
        assert.ok(found !== undefined)
        for (const { mtimeMs, listed } of pairs)
          assert.equal(listedAt(mtimeMs, 'day', found).mtime, listed.mtime)
      }),
    )
  })

  test('is nothing rather than something, where both would do', () => {
    const ours = [1, 2, 3].map((day) => Date.UTC(2024, 0, day, 12))
    assert.equal(findOffset(ours.map((mtimeMs) => ({ mtimeMs, listed: listedAt(mtimeMs, 'day') }))), 0)
  })

  test('is not found where fewer share it', () => {
    const ours = Array.from({ length: 20 }, (_, index) => Date.UTC(2024, 0, 1) + index * 1_234_567_000)
    const pairs = ours.map((mtimeMs, index) => ({
      mtimeMs,
      // As with summer and winter times.
      listed: listedAt(mtimeMs, 'minute', index < 3 ? 2 * HOUR : HOUR),
    }))
    assert.equal(findOffset(pairs), undefined)
    assert.equal(findOffset(pairs.slice(2)), HOUR)
  })

  test('is not found where it would be beyond the time zones of the world', () => {
    const ours = Array.from({ length: 20 }, (_, index) => Date.UTC(2024, 0, 1) + index * 1_234_567_000)
    for (const offset of [-12 * HOUR - STEP, 14 * HOUR + STEP, 24 * HOUR, 7 * 60_000])
      assert.equal(
        findOffset(ours.map((mtimeMs) => ({ mtimeMs, listed: listedAt(mtimeMs, 'second', offset) }))),
        undefined,
      )
  })

  test('is believed of two files only where it is nothing', () => {
    const pairs = (offset: number) =>
      [1, 2].map((day) => ({
        mtimeMs: Date.UTC(2024, 0, day),
        listed: listedAt(Date.UTC(2024, 0, day), 'minute', offset),
      }))
    assert.equal(findOffset(pairs(0)), 0)
    assert.equal(findOffset(pairs(HOUR)), undefined)
  })

  test('is not found without times', () => {
    assert.equal(findOffset([]), undefined)
    assert.equal(findOffset([{ mtimeMs: 0, listed: UNLISTED }]), undefined)
  })
})
