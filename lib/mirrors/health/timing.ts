import type { EndpointState } from '../../store/states.js'
import { neededSuccesses, type ProbeOutcome, type StateRules } from './state.js'

/** When mirrors are probed. Milliseconds. */
export interface Timing {
  /** From a mirror's death to the first answer without it, at most. */
  readonly interval: number
  /** One probe, all in all. */
  readonly timeout: number
  /** Between two probes of a mirror that is as it was, at most. */
  readonly period: number
  /** To the second try of one that failed, or to the second good answer of one that was down. */
  readonly again: number
  /** To the second try where nobody listened. */
  readonly confirm: number
  /** Between a probe and an early one that somebody asks for, at least. */
  readonly early: number
}

/** Share of the interval that a probe may take. */
export const MAX_TIMEOUT_SHARE = 1 / 4
/** Milliseconds. */
export const DEFAULT_INTERVAL_MS = 60_000
const DEFAULT_TIMEOUT_MS = 5000
const MAX_CONFIRM_MS = 500
/** Milliseconds kept back for what is slower than it should be. */
const MAX_SPARE_MS = 1000
/** Share of the period by which it is shorter, at random. */
const JITTER = 0.1
/** Interval by which falls are remembered. */
const MEMORY_INTERVALS = 60

/**
 * Works out the times from the interval: a mirror that dies right after a probe, and then says nothing at all, has to be found
 * out by two probes that each last their whole time, before the interval is over.
 *
 * @param interval default: a minute
 * @param timeout a quarter of the interval at most; default: 5 s
 */
export function timingOf(interval = DEFAULT_INTERVAL_MS, timeout?: number): Timing {
  const most = interval * MAX_TIMEOUT_SHARE
  const given = Math.min(timeout ?? DEFAULT_TIMEOUT_MS, most)
  const again = interval / 12
  const spare = Math.min(MAX_SPARE_MS, interval / 12)
  return {
    interval,
    timeout: given,
    period: interval - 2 * given - again - spare,
    again,
    confirm: Math.min(MAX_CONFIRM_MS, again),
    early: interval / 6,
  }
}

export function rulesOf({ interval }: Timing): StateRules {
  return { failures: 2, successes: 2, maxSuccesses: 32, memoryMs: MEMORY_INTERVALS * interval }
}

/** What a probe told of one way, and what that made of it. */
export interface ProbeResult {
  readonly outcome: ProbeOutcome
  readonly state: EndpointState | undefined
}

/**
 * Milliseconds to the next probe of a mirror: to the first that one of its ways needs.
 *
 * @param random 0 ≤ draw < 1
 */
export function delayAfter(
  results: readonly ProbeResult[],
  timing: Timing,
  rules: StateRules,
  random: number,
): number {
  const usual = timing.period * (1 - JITTER * random)
  return Math.min(usual, ...results.map((one) => delayOf(one, usual, timing, rules)))
}

function delayOf({ outcome, state }: ProbeResult, usual: number, timing: Timing, rules: StateRules): number {
  if (state === undefined || state.streak === 0 || outcome.kind === 'nothing') return usual
  if (outcome.kind === 'failed') return outcome.weight === 'refused' ? timing.confirm : timing.again
  // Of one that fell only once, the second answer is asked for soon; whoever falls again and again has time to do so.
  return neededSuccesses(state, rules) <= rules.successes ? timing.again : usual
}
