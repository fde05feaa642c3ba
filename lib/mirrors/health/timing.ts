import type { EndpointState } from '../../store/states.js'
import { neededSuccesses, type ProbeOutcome, type StateRules } from './state.js'

/** When mirrors are probed. All values are in milliseconds. */
export interface Timing {
  /** Maximum time from a mirror's failure to the first response that omits it. */
  readonly interval: number
  /** Maximum duration of a probe. */
  readonly timeout: number
  /** Maximum time between two probes of a mirror whose state does not change. */
  readonly period: number
  /** Delay before the second probe of a mirror that failed, or that responds again. */
  readonly retry: number
  /** Delay before the second probe after a refused connection. */
  readonly confirm: number
  /** Minimum time between a probe and an early one that was requested. */
  readonly early: number
}

/** Maximum share of the interval that a probe may take. */
export const MAX_TIMEOUT_SHARE = 1 / 4
export const DEFAULT_INTERVAL_MS = 60_000
const DEFAULT_TIMEOUT_MS = 5000
const MAX_CONFIRM_MS = 500
/** Reserve for timers and processes that are late. */
const MAX_SPARE_MS = 1000
/** Maximum share of the period that is cut at random. */
const JITTER = 0.1
/** Number of intervals after which an endpoint's last failure no longer counts as flapping. */
const MEMORY_INTERVALS = 60

/**
 * Derives all times from the interval. The worst case must fit into one interval: a mirror fails
 * right after a probe, and then two probes run into their timeouts.
 *
 * @param interval default: a minute
 * @param timeout default: 5 s; at most a quarter of the interval
 */
export function timingOf(interval = DEFAULT_INTERVAL_MS, timeout?: number): Timing {
  const limited = Math.min(timeout ?? DEFAULT_TIMEOUT_MS, interval * MAX_TIMEOUT_SHARE)
  const retry = interval / 12
  const spare = Math.min(MAX_SPARE_MS, interval / 12)
  return {
    interval,
    timeout: limited,
    period: interval - 2 * limited - retry - spare,
    retry,
    confirm: Math.min(MAX_CONFIRM_MS, retry),
    early: interval / 6,
  }
}

export function rulesOf({ interval }: Timing): StateRules {
  return { failures: 2, successes: 2, maxSuccesses: 32, memoryMs: MEMORY_INTERVALS * interval }
}

/** Outcome of a probe of one endpoint, and the state that follows from it. */
export interface ProbeResult {
  readonly outcome: ProbeOutcome
  readonly state: EndpointState | undefined
}

/**
 * Returns the milliseconds until the next probe of a mirror: the shortest delay that one of its
 * endpoints needs.
 *
 * @param random a random number, 0 ≤ random < 1
 */
export function delayAfter(
  results: readonly ProbeResult[],
  timing: Timing,
  rules: StateRules,
  random: number,
): number {
  const usual = timing.period * (1 - JITTER * random)
  return Math.min(usual, ...results.map((result) => delayOf(result, usual, timing, rules)))
}

function delayOf({ outcome, state }: ProbeResult, usual: number, timing: Timing, rules: StateRules): number {
  if (state === undefined || state.streak === 0 || outcome.kind === 'nothing') return usual
  if (outcome.kind === 'failed') return outcome.weight === 'refused' ? timing.confirm : timing.retry
  // Recovery from a single failure is confirmed soon. An endpoint that flaps must respond for
  // longer.
  return neededSuccesses(state, rules) <= rules.successes ? timing.retry : usual
}
