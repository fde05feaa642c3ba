import type { WayState } from '../../store/states.js'
import { neededSuccesses, type Outcome, type Rules } from './state.js'

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
export const MOST_TIMEOUT = 1 / 4
/** Milliseconds. */
export const DEFAULT_INTERVAL = 60_000
const DEFAULT_TIMEOUT = 5000
const MOST_CONFIRM = 500
/** Milliseconds kept back for what is slower than it should be. */
const MOST_SPARE = 1000
/** Share of the period by which it is shorter, at random. */
const JITTER = 0.1
/** Interval by which falls are remembered. */
const MEMORY = 60

/**
 * Works out the times from the interval: a mirror that dies right after a probe, and then says nothing at all, has to be found
 * out by two probes that each last their whole time, before the interval is over.
 *
 * @param interval default: a minute
 * @param timeout a quarter of the interval at most; default: 5 s
 */
export function timingOf(interval = DEFAULT_INTERVAL, timeout?: number): Timing {
  const most = interval * MOST_TIMEOUT
  const given = Math.min(timeout ?? DEFAULT_TIMEOUT, most)
  const again = interval / 12
  const spare = Math.min(MOST_SPARE, interval / 12)
  return {
    interval,
    timeout: given,
    period: interval - 2 * given - again - spare,
    again,
    confirm: Math.min(MOST_CONFIRM, again),
    early: interval / 6,
  }
}

export function rulesOf({ interval }: Timing): Rules {
  return { failures: 2, successes: 2, mostSuccesses: 32, memory: MEMORY * interval }
}

/** What a probe told of one way, and what that made of it. */
export interface Told {
  readonly outcome: Outcome
  readonly state: WayState | undefined
}

/**
 * Milliseconds to the next probe of a mirror: to the first that one of its ways needs.
 *
 * @param draw 0 ≤ draw < 1
 */
export function delayAfter(told: readonly Told[], timing: Timing, rules: Rules, draw: number): number {
  const usual = timing.period * (1 - JITTER * draw)
  return Math.min(usual, ...told.map((one) => delayOf(one, usual, timing, rules)))
}

function delayOf({ outcome, state }: Told, usual: number, timing: Timing, rules: Rules): number {
  if (state === undefined || state.against === 0 || outcome.kind === 'nothing') return usual
  if (outcome.kind === 'failed') return outcome.weight === 'refused' ? timing.confirm : timing.again
  // Of one that fell only once, the second answer is asked for soon; whoever falls again and again has time to do so.
  return neededSuccesses(state, rules) <= rules.successes ? timing.again : usual
}
