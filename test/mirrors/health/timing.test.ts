import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { nextState, type ProbeOutcome } from '../../../lib/mirrors/health/state.js'
import { delayAfter, type ProbeResult, rulesOf, timingOf } from '../../../lib/mirrors/health/timing.js'
import type { EndpointState } from '../../../lib/store/states.js'

const GOOD: ProbeOutcome = { kind: 'answered', roundTrip: 5 }
const BAD: ProbeOutcome = { kind: 'failed', reason: 'x', weight: 'normal' }
const REFUSED: ProbeOutcome = { kind: 'failed', reason: 'x', weight: 'refused' }

/** Returns an endpoint after these outcomes, one per millisecond. */
function after(...outcomes: readonly ProbeOutcome[]): ProbeResult {
  const rules = rulesOf(timingOf(60_000))
  let state: EndpointState | undefined
  for (const [now, outcome] of outcomes.entries()) state = nextState(state, outcome, now, rules)
  return { outcome: outcomes.at(-1) ?? GOOD, state }
}

test('the times of a minute', () => {
  assert.deepEqual(timingOf(60_000), {
    interval: 60_000,
    timeout: 5000,
    period: 44_000,
    retry: 5000,
    confirm: 500,
    early: 10_000,
  })
})

test('a timeout is what is said, and a quarter of the interval at most', () => {
  assert.equal(timingOf(60_000, 2000).timeout, 2000)
  assert.equal(timingOf(60_000, 20_000).timeout, 15_000)
  assert.equal(timingOf(1000).timeout, 250)
})

test('a mirror that dies right after a probe, and then hangs, is found out within the interval', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 100, max: 1e8, noNaN: true }),
      fc.double({ min: 1, max: 1e8, noNaN: true }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (interval, timeout, random) => {
        const timing = timingOf(interval, timeout)
        const rules = rulesOf(timing)
        const usual = delayAfter([after(GOOD)], timing, rules, random)
        const second = delayAfter([after(GOOD, BAD)], timing, rules, random)
        assert.ok(usual > 0 && second > 0)
        assert.ok(usual + timing.timeout + second + timing.timeout <= interval)
      },
    ),
  )
})

describe('the next probe', () => {
  const timing = timingOf(60_000)
  const rules = rulesOf(timing)
  const delay = (told: readonly ProbeResult[], random = 0) => delayAfter(told, timing, rules, random)

  const TABLE: readonly (readonly [what: string, told: readonly ProbeResult[], delay: number])[] = [
    ['of one that is up', [after(GOOD)], timing.period],
    ['of one that nothing is known of', [], timing.period],
    ['of one that failed', [after(GOOD, BAD)], timing.retry],
    ['of one that refused', [after(GOOD, REFUSED)], timing.confirm],
    ['of one that is down', [after(BAD, BAD)], timing.period],
    ['of one that is down and refuses', [after(BAD, REFUSED)], timing.period],
    ['of one that was down and answers', [after(BAD, BAD, GOOD)], timing.retry],
    ['of one that fell twice and answers', [after(BAD, BAD, GOOD, GOOD, BAD, BAD, GOOD)], timing.period],
    [
      'is the first that some way needs',
      [after(GOOD), after(GOOD, REFUSED), after(GOOD, BAD)],
      timing.confirm,
    ],
  ]
  for (const [what, told, expected] of TABLE) test(what, () => assert.equal(delay(told), expected))

  test('comes somewhat earlier, at random', () => {
    assert.equal(delay([after(GOOD)], 0.5), timing.period * 0.95)
    assert.ok(delay([after(GOOD)], 0.999) > timing.period * 0.9)
  })
})
