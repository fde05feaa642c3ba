import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type Comparison,
  type CopyState,
  compare,
  type IndexedContent,
  judgeCheck,
} from '../../../lib/mirrors/presence/compare.js'
import type { FileCheck } from '../../../lib/mirrors/presence/file/head.js'
import { UNLISTED } from '../../../lib/mirrors/presence/listings/columns.js'
import { type Listed, TIME_UNITS, type TimeUnit } from '../../../lib/mirrors/presence/listings/listing.js'
import { findOffset } from '../../../lib/mirrors/presence/offset.js'

const HOUR = 3_600_000
const STEP = 15 * 60_000
const MINUTE = Date.UTC(2024, 1, 3, 4, 5)
const OURS = { size: 1000, mtimeMs: MINUTE + 6789, ctimeMs: MINUTE + 6789 }
const SAME: Listed = { size: 1000, sizePrecision: 0, mtime: MINUTE, mtimePrecision: 'minute' }

/** Returns what a mirror whose clock is off lists for one of our times. */
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
    ['of the next minute', { ...SAME, mtime: MINUTE + 60_000 }, 0, 'later'],
    ['of the next second', { ...SAME, mtime: MINUTE + 7000, mtimePrecision: 'second' }, 0, 'later'],
    ['of a year later', { ...SAME, mtime: MINUTE + 8760 * HOUR }, 2 * HOUR, 'later'],
    ['of the next day', { ...SAME, mtime: Date.UTC(2024, 1, 4), mtimePrecision: 'day' }, 0, 'later'],
    ['of the minute before', { ...SAME, mtime: MINUTE - 60_000 }, 0, 'earlier'],
    ['of the second before', { ...SAME, mtime: MINUTE + 5000, mtimePrecision: 'second' }, 0, 'earlier'],
    ['of the day before', { ...SAME, mtime: Date.UTC(2024, 1, 2), mtimePrecision: 'day' }, 0, 'earlier'],
    ['of our minute where clocks are ahead', SAME, 2 * HOUR, 'earlier'],
    ['of our minute where clocks are behind', SAME, -2 * HOUR, 'later'],
    ['of an hour before, as in winter', { ...SAME, mtime: MINUTE + HOUR }, 2 * HOUR, 'unsure'],
    [
      'of the day before, as in winter after midnight',
      { ...SAME, mtime: Date.UTC(2024, 1, 2), mtimePrecision: 'day' },
      -4 * HOUR,
      'unsure',
    ],
    ['of a rounded size and an earlier time', { ...SAME, sizePrecision: 1, mtime: 0 }, 0, 'unsure'],
    ['of another size and a later time', { ...SAME, size: 1001, mtime: MINUTE + HOUR }, 0, 'differs'],
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

describe('compared with whatever is listed, a file', () => {
  const listed: fc.Arbitrary<Listed> = fc.record({
    size: fc.option(fc.integer({ min: 990, max: 1010 }), { nil: undefined }),
    sizePrecision: fc.constantFrom(0, 0, 5),
    mtime: fc
      .option(fc.integer({ min: -2 * HOUR, max: 2 * HOUR }), { nil: undefined })
      .map((apart) => apart && MINUTE + apart),
    mtimePrecision: fc.constantFrom<TimeUnit>('second', 'minute', 'day'),
  })
  const offsets = fc.option(
    fc.integer({ min: -8, max: 8 }).map((steps) => steps * STEP),
    { nil: undefined },
  )

  test('is of our size exactly where its time is compared, and of another where it differs', () => {
    fc.assert(
      fc.property(listed, offsets, (remote, offset) => {
        const is = compare(OURS, remote, offset)
        const isExact = remote.size === OURS.size && remote.sizePrecision === 0
        if (is === 'same' || is === 'later' || is === 'earlier')
          assert.ok(isExact && remote.mtime !== undefined && offset !== undefined)
        if (is === 'differs') assert.notEqual(remote.size, OURS.size)
      }),
    )
  })

  test('never looks older for a time that is listed later', () => {
    const order: readonly Comparison[] = ['earlier', 'unsure', 'earlier', 'same', 'later']
    const times = fc.array(fc.integer({ min: -10 * HOUR, max: 10 * HOUR }), { minLength: 2 })
    fc.assert(
      fc.property(times, fc.constantFrom<TimeUnit>('second', 'minute', 'day'), (aparts, unit) => {
        const found = aparts
          .toSorted((one, other) => one - other)
          .map((apart) => compare(OURS, { ...SAME, ...listedAt(OURS.mtimeMs + apart, unit), size: 1000 }, 0))
        let at = 0
        for (const is of found) {
          at = order.indexOf(is, at)
          assert.notEqual(at, -1, found.join())
        }
      }),
    )
  })
})

const SHA256 = new Uint8Array(32).fill(1)
const SHA1 = new Uint8Array(20).fill(1)
const INDEXED: IndexedContent = { ...OURS, etag: '"ours"', digests: { 'sha-256': SHA256, 'sha-1': SHA1 } }
/** With the precision of a second. */
const MODIFIED = MINUTE + 6000

describe('a HEAD', () => {
  type Present = Extract<FileCheck, { state: 'present' }>
  const present = (some: Partial<Present>): FileCheck => ({
    state: 'present',
    size: 1000,
    mtime: MODIFIED,
    etag: undefined,
    ranges: true,
    digests: {},
    ...some,
  })
  const other = new Uint8Array(32)
  const table: readonly (readonly [what: string, check: FileCheck, is: CopyState])[] = [
    ['of our size and second', present({}), 'held'],
    ['of our size and a later second', present({ mtime: MODIFIED + 1000 }), 'held'],
    ['of our size and an earlier second', present({ mtime: MODIFIED - 1000 }), 'stale'],
    ['of our size, without a time', present({ mtime: undefined }), 'held'],
    ['of another size', present({ size: 1001 }), 'stale'],
    [
      'of another size, with our tag and digest',
      present({ size: 1, etag: '"ours"', digests: { 'sha-256': SHA256 } }),
      'stale',
    ],
    ['without a size', present({ size: undefined }), 'unsure'],
    ['without a size, with our tag', present({ size: undefined, etag: '"ours"' }), 'unsure'],
    ['without a size, with our digest', present({ size: undefined, digests: { 'sha-256': SHA256 } }), 'held'],
    ['of an earlier time, with our tag', present({ mtime: 0, etag: '"ours"' }), 'held'],
    ['of an earlier time, with our tag, weakly', present({ mtime: 0, etag: 'W/"ours"' }), 'stale'],
    ['of an earlier time, with our digest', present({ mtime: 0, digests: { 'sha-256': SHA256 } }), 'held'],
    [
      'of our time and tag, with another digest',
      present({ etag: '"ours"', digests: { 'sha-256': other } }),
      'stale',
    ],
    ['with a digest that we have not', present({ digests: { md5: new Uint8Array(16) } }), 'held'],
    [
      'with a strong digest that is ours, and a weak one that is not',
      present({ digests: { 'sha-1': new Uint8Array(20), 'sha-256': SHA256 } }),
      'held',
    ],
    [
      'with a weak digest that is ours, and a strong one that is not',
      present({ digests: { 'sha-1': SHA1, 'sha-256': other } }),
      'stale',
    ],
    ['that finds nothing', { state: 'absent', status: 404 }, 'absent'],
    ['that tells nothing', { state: 'unknown', reason: 'the answer is 500', status: 500 }, 'unsure'],
  ]
  for (const [what, check, is] of table)
    test(`${what} shows a file ${is}`, () => assert.equal(judgeCheck(INDEXED, check), is))

  test('shows a file held by a later time only where it was here as it is by then', () => {
    // An older file replaced a newer one, which mirrors still have.
    const replaced = { ...INDEXED, ctimeMs: OURS.mtimeMs + HOUR }
    const verdicts = [-1000, 0, 1000, HOUR - 1000, HOUR, 2 * HOUR].map((later) =>
      judgeCheck(replaced, present({ mtime: MODIFIED + later })),
    )
    assert.deepEqual(verdicts, ['stale', 'held', 'stale', 'stale', 'held', 'held'])
    const listed = [0, 1000, HOUR - 1000, HOUR].map((later) =>
      compare(replaced, { ...SAME, mtime: MODIFIED + later, mtimePrecision: 'second' }, 0),
    )
    assert.deepEqual(listed, ['same', 'unsure', 'unsure', 'later'])
  })

  test('of a file with a weak tag here shows nothing by the same tag', () => {
    const indexed = { ...INDEXED, etag: 'W/"ours"' }
    assert.equal(judgeCheck(indexed, present({ mtime: 0, etag: 'W/"ours"' })), 'stale')
    assert.equal(judgeCheck({ ...OURS }, present({ mtime: 0, digests: { 'sha-256': SHA256 } })), 'stale')
  })

  test('of another size never shows a file held', () => {
    const digest = fc.constantFrom(SHA256, other)
    const checks = fc.record({
      size: fc.option(fc.nat({ max: 2000 }), { nil: undefined }),
      mtime: fc.option(fc.constantFrom(0, MODIFIED, MODIFIED + HOUR), { nil: undefined }),
      etag: fc.constantFrom(undefined, '"ours"', 'W/"ours"', '"theirs"'),
      digests: fc.record({ 'sha-256': digest }, { requiredKeys: [] }),
    })
    fc.assert(
      fc.property(checks, (check) => {
        const is = judgeCheck(INDEXED, present(check))
        if (check.size !== undefined && check.size !== INDEXED.size) assert.equal(is, 'stale')
        else if (check.digests['sha-256'] !== undefined)
          assert.equal(is, check.digests['sha-256'] === SHA256 ? 'held' : 'stale')
        else if (check.size === undefined) assert.equal(is, 'unsure')
      }),
    )
  })
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
            // Others are of another day.
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
      // As with daylight saving time.
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
