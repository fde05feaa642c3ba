import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkOptions, type ProbeOptions } from '../../../lib/options.js'

function probeOf(probe: unknown) {
  return checkOptions({ root: '.', probe: probe as ProbeOptions }).probe
}

test('mirrors are probed unless told otherwise, every minute', () => {
  assert.deepEqual(checkOptions({ root: '.' }).probe, { interval: 60_000 })
  assert.deepEqual(probeOf(true), { interval: 60_000 })
  assert.deepEqual(probeOf({}), { interval: 60_000 })
  assert.equal(probeOf(false), undefined)
})

test('times are durations as elsewhere', () => {
  assert.deepEqual(probeOf({ interval: '5m', timeout: '10s' }), {
    interval: 300_000,
    timeout: 10_000,
  })
  assert.deepEqual(probeOf({ interval: 400, timeout: 100 }), {
    interval: 400,
    timeout: 100,
  })
})

describe('refused are', () => {
  const DURATION = "must be milliseconds, or a text such as '90s', '5m' or '12h'"
  const QUARTER = 'must be at most a quarter of the interval'
  for (const [what, probe, message] of [
    ['a text', 'yes', 'probe: must be true, false, or an object'],
    ['a number', 60, 'probe: must be true, false, or an object'],
    ['a list', [], 'probe: must be true, false, or an object'],
    ['a key that nobody knows', { intervall: 5 }, 'probe: unknown key "intervall"; did you mean "interval"?'],
    ['an interval that is too short', { interval: 99 }, 'probe.interval: must be 100 ms or longer'],
    ['an interval that is none', { interval: 'often' }, `probe.interval: ${DURATION}`],
    ['a timeout that is too long', { timeout: '16s' }, `probe.timeout: ${QUARTER}`],
    [
      'a timeout that is too long for its interval',
      { interval: 400, timeout: 101 },
      `probe.timeout: ${QUARTER}`,
    ],
    ['no time at all', { timeout: 0 }, 'probe.timeout: must be 1 ms or longer'],
  ] as const) {
    test(what, () =>
      assert.throws(() => probeOf(probe), { code: 'ERR_OPTIONS', message: `createOrigin: ${message}` }),
    )
  }
})

describe('a trace file', () => {
  const writingOf = (writeTrace: unknown) =>
    checkOptions({ root: '.', writeTrace: writeTrace as string }).writeTrace

  test('is written where its path is named, every hour unless told otherwise', () => {
    assert.equal(checkOptions({ root: '.' }).writeTrace, undefined)
    assert.deepEqual(writingOf('/.trace'), { path: '.trace', interval: 3_600_000 })
    assert.deepEqual(writingOf({ path: 'a/b' }), { path: 'a/b', interval: 3_600_000 })
    assert.deepEqual(writingOf({ path: '/a', interval: '5m' }), { path: 'a', interval: 300_000 })
  })

  const PATH = 'must be the path of a file below the root, such as /.trace'
  for (const [what, writeTrace, message] of [
    ['true', true, 'writeTrace: must be the path of a file, or an object with a path'],
    ['no path', {}, 'writeTrace.path: is missing'],
    ['a path out of the root', '../trace', `writeTrace: ${PATH}`],
    ['a path out of the root by a detour', { path: 'a/../../trace' }, `writeTrace.path: ${PATH}`],
    ['a folder', 'a/', `writeTrace: ${PATH}`],
    ['the root', '/', `writeTrace: ${PATH}`],
    ['nothing', '', `writeTrace: ${PATH}`],
    [
      'an interval that is too short',
      { path: 'a', interval: 999 },
      'writeTrace.interval: must be 1 s or longer',
    ],
    [
      'an interval that is too long',
      { path: 'a', interval: '25d' },
      'writeTrace.interval: must be 24 days at most',
    ],
  ] as const) {
    test(`is refused: ${what}`, () =>
      assert.throws(() => writingOf(writeTrace), {
        code: 'ERR_OPTIONS',
        message: `createOrigin: ${message}`,
      }))
  }
})

test('how old copies may be is a duration, and any age unless told otherwise', () => {
  assert.equal(checkOptions({ root: '.' }).maxAge, undefined)
  assert.equal(checkOptions({ root: '.', maxAge: '2d' }).maxAge, 172_800_000)
  assert.throws(() => checkOptions({ root: '.', maxAge: 0 }), {
    message: 'createOrigin: maxAge: must be longer than nothing',
  })
})
