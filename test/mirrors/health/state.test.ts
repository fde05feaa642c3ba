import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  neededSuccesses,
  nextState,
  type ProbeOutcome,
  type StateRules,
} from '../../../lib/mirrors/health/state.js'
import type { EndpointState } from '../../../lib/store/states.js'

const RULES: StateRules = { failures: 2, successes: 2, maxSuccesses: 32, memoryMs: 3600 }

const OUTCOMES = {
  '+': { kind: 'answered', roundTrip: 5 },
  '-': { kind: 'failed', reason: 'it failed', weight: 'normal' },
  r: { kind: 'failed', reason: 'connection refused', weight: 'refused' },
  '!': { kind: 'failed', reason: 'a private address', weight: 'certain' },
  '?': { kind: 'nothing', reason: 'no network here' },
} as const satisfies Record<string, ProbeOutcome>
type Letter = keyof typeof OUTCOMES

/** Returns the states after each of these outcomes, one per second from 1 on. */
function states(letters: string, rules = RULES): (EndpointState | undefined)[] {
  let state: EndpointState | undefined
  return [...letters].map((letter, index) => {
    state = nextState(state, OUTCOMES[letter as Letter], index + 1, rules)
    return state
  })
}

/** `u` up, `d` down, `.` unknown. */
function conditions(letters: string, rules = RULES): string {
  return states(letters, rules)
    .map((state) => ({ up: 'u', down: 'd', unknown: '.' })[state?.condition ?? 'unknown'])
    .join('')
}

describe('a way to a mirror', () => {
  const TABLE: readonly (readonly [what: string, outcomes: string, conditions: string])[] = [
    ['is up by its first answer', '+', 'u'],
    ['is not known after one failure', '-', '.'],
    ['is not known after one refusal', 'r', '.'],
    ['is down after two failures', '--', '.d'],
    ['is down after a refusal that a retry confirms', 'rr', '.d'],
    ['is down after a refusal and another failure', 'r-', '.d'],
    ['is up by an answer after one failure', '-+', '.u'],
    ['stays up over single failures', '+-+-+-+', 'uuuuuuu'],
    ['goes down by two in a row', '+-+--', 'uuuud'],
    ['stays down over single answers', '--+-+-+', '.dddddd'],
    ['comes up by two in a row', '--++', '.ddu'],
    ['goes down at once for what cannot change', '+!', 'ud'],
    ['is not known, and down at once for what cannot change', '!', 'd'],
    ['is as it was where nothing was told', '+?-?-', 'uuuud'],
    ['is as it was, down', '--+?+', '.dddu'],
    ['was never told of', '???', '...'],
  ]
  for (const [what, outcomes, expected] of TABLE) {
    test(`${what}: ${outcomes}`, () => assert.equal(conditions(outcomes), expected))
  }

  test('that falls again soon has to answer twice as often, each time, up to a limit', () => {
    assert.equal(conditions('--++--++++'), '.dduuddddu')
    assert.equal(conditions('--++--++++--++++++++'), '.dduudddduuddddddddu')
    const needed = [0, 1, 2, 3, 4, 5, 6, 7, 40, 1e9].map((flaps) => neededSuccesses({ flaps }, RULES))
    assert.deepEqual(needed, [2, 2, 4, 8, 16, 32, 32, 32, 32, 32])
  })

  test('that has stayed up for long falls as for the first time', () => {
    const rules = { ...RULES, memoryMs: 5 }
    assert.equal(states('--++--', rules).at(-1)?.flaps, 2)
    assert.equal(states('--++++++--', rules).at(-1)?.flaps, 1)
  })

  test('tells since when it is as it is, and why it is down', () => {
    const [, , up, , , down, still, again] = states('-++--r-+')
    assert.deepEqual([up?.condition, up?.since, up?.reason], ['up', 2, undefined])
    assert.deepEqual([down?.condition, down?.since, down?.reason], ['down', 5, 'connection refused'])
    // The last reason, with the time of the first.
    assert.deepEqual([still?.since, still?.reason, still?.probed], [5, 'it failed', 7])
    assert.deepEqual([again?.condition, again?.reason, again?.streak], ['down', 'it failed', 1])
  })

  test('remembers what its answers told', () => {
    const answer: ProbeOutcome = { kind: 'answered', roundTrip: 7, ranges: false, redirect: 'x', note: 'y' }
    const first = nextState(undefined, answer, 1, RULES)
    assert.deepEqual([first?.roundTrip, first?.ranges, first?.redirect, first?.note], [7, false, 'x', 'y'])
    const failed = nextState(first, OUTCOMES['-'], 2, RULES)
    assert.deepEqual([failed?.roundTrip, failed?.ranges, failed?.redirect], [7, false, 'x'])
    const folder = nextState(failed, OUTCOMES['+'], 3, RULES)
    assert.deepEqual(
      [folder?.roundTrip, folder?.ranges, folder?.redirect, folder?.note],
      [6.5, false, undefined, undefined],
    )
  })
})

describe('whatever is told', () => {
  const letters = fc.string({ unit: fc.constantFrom('+', '-', 'r', '!', '?'), maxLength: 60 })

  test('nothing changes by a single probe, but by what is certain, and by the first answer', () => {
    fc.assert(
      fc.property(letters, (outcomes) => {
        const all = states(outcomes)
        for (let at = 1; at < all.length; at += 1) {
          const [before, after] = [all[at - 1], all[at]]
          if (before?.condition === after?.condition || outcomes[at] === '!') continue
          if ((before?.condition ?? 'unknown') === 'unknown' && outcomes[at] === '+') continue
          // An outcome that says nothing does not interrupt a streak.
          const previous = outcomes.slice(0, at).replaceAll('?', '').at(-1)
          const isFailure = (letter: string | undefined) => letter === '-' || letter === 'r'
          if (after?.condition === 'down') assert.ok(isFailure(previous) && isFailure(outcomes[at]), outcomes)
          else if (after !== undefined && before !== undefined) assert.equal(previous, '+', outcomes)
        }
      }),
    )
  })

  test('two failures in a row are enough, and 32 answers', () => {
    fc.assert(
      fc.property(letters, (outcomes) => {
        assert.equal(conditions(`${outcomes}--`).at(-1), 'd')
        assert.equal(conditions(`${outcomes}${'+'.repeat(32)}`).at(-1), 'u')
      }),
    )
  })

  test('only what is down has a reason, and times never go back', () => {
    fc.assert(
      fc.property(letters, (outcomes) => {
        let last = 0
        for (const state of states(outcomes)) {
          if (state === undefined) continue
          assert.equal(state.reason !== undefined, state.condition === 'down')
          assert.ok(state.since <= state.probed && state.probed >= last)
          last = state.probed
        }
      }),
    )
  })
})
