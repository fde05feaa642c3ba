import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkOptions, type ProbeOptions } from '../../lib/options.js'

function probeOf(probe: unknown) {
  return checkOptions({ root: '.', probe: probe as ProbeOptions }).probe
}

test('mirrors are probed unless told otherwise, every minute', () => {
  assert.deepEqual(checkOptions({ root: '.' }).probe, { interval: 60_000, privateAddresses: false })
  assert.deepEqual(probeOf(true), { interval: 60_000, privateAddresses: false })
  assert.deepEqual(probeOf({}), { interval: 60_000, privateAddresses: false })
  assert.equal(probeOf(false), undefined)
})

test('times are durations as elsewhere', () => {
  assert.deepEqual(probeOf({ interval: '5m', timeout: '10s', privateAddresses: true }), {
    interval: 300_000,
    timeout: 10_000,
    privateAddresses: true,
  })
  assert.deepEqual(probeOf({ interval: 400, timeout: 100 }), {
    interval: 400,
    timeout: 100,
    privateAddresses: false,
  })
})

describe('refused are', () => {
  const DURATION = "must be milliseconds, or a text such as '90s', '5m' or '12h'"
  const QUARTER = 'must be at most a quarter of the interval'
  for (const [what, probe, message] of [
    ['a text', 'yes', 'probe: must be true, false, or an object'],
    ['a number', 60, 'probe: must be true, false, or an object'],
    ['a list', [], 'probe: must be true, false, or an object'],
    ['a key that nobody knows', { intervall: 5 }, 'probe: unknown key "intervall"'],
    ['an interval that is too short', { interval: 99 }, 'probe.interval: must be 100 ms or longer'],
    ['an interval that is none', { interval: 'often' }, `probe.interval: ${DURATION}`],
    ['a timeout that is too long', { timeout: '16s' }, `probe.timeout: ${QUARTER}`],
    [
      'a timeout that is too long for its interval',
      { interval: 400, timeout: 101 },
      `probe.timeout: ${QUARTER}`,
    ],
    ['no time at all', { timeout: 0 }, 'probe.timeout: must be 1 ms or longer'],
    [
      'private addresses as a text',
      { privateAddresses: 'no' },
      'probe.privateAddresses: must be true or false',
    ],
  ] as const) {
    test(what, () =>
      assert.throws(() => probeOf(probe), { code: 'ERR_OPTIONS', message: `createOrigin: ${message}` }),
    )
  }
})
