import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MirroredByError } from '../lib/errors.js'
import { Warnings } from '../lib/warnings.js'

function setting() {
  const clock = { now: 0 }
  const emitted: MirroredByError[] = []
  const warnings = new Warnings(
    (warning) => emitted.push(warning),
    () => clock.now,
  )
  return { clock, emitted, warnings }
}

describe('warnings', () => {
  test('are emitted as they are reported', () => {
    const { emitted, warnings } = setting()
    const error = new MirroredByError('ERR_SCAN', 'cannot scan')
    warnings.report(error)
    assert.deepEqual(emitted, [error])
  })

  test('are made of other errors, and of values that are not errors', () => {
    const { emitted, warnings } = setting()
    const cause = new TypeError('no function')
    warnings.report(cause)
    warnings.report('text')
    assert.deepEqual(
      emitted.map(({ code, message, cause: from }) => [code, message, from]),
      [
        ['ERR_PLAN', 'no function', cause],
        ['ERR_PLAN', 'text', 'text'],
      ],
    )
  })

  test('are repeated once a minute', () => {
    const { clock, emitted, warnings } = setting()
    for (clock.now = 0; clock.now <= 120_000; clock.now += 1000) warnings.report(new Error('again'))
    assert.equal(emitted.length, 3)
  })

  test('are told apart by code and by message', () => {
    const { emitted, warnings } = setting()
    for (let time = 0; time < 2; time += 1) {
      warnings.report(new MirroredByError('ERR_SCAN', 'one'))
      warnings.report(new MirroredByError('ERR_SCAN', 'other'))
      warnings.report(new MirroredByError('ERR_HASH', 'one'))
    }
    assert.deepEqual(
      emitted.map(({ code, message }) => `${code} ${message}`),
      ['ERR_SCAN one', 'ERR_SCAN other', 'ERR_HASH one'],
    )
  })
})
