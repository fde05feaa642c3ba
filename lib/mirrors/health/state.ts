import type { EndpointState } from '../../store/states.js'

/** Weight of the last round trip in the moving average. */
const ROUND_TRIP_WEIGHT = 1 / 4

/** Result of one probe of an endpoint. */
export type ProbeOutcome =
  | {
      readonly kind: 'answered'
      /** Milliseconds from the start of the connection to the head of the response. */
      readonly roundTrip: number
      /** Whether the server supports Range; absent if the response does not show it. */
      readonly ranges?: boolean | undefined
      /** URL at the end of its redirects. */
      readonly redirect?: string | undefined
      /** Any other irregularity. */
      readonly note?: string | undefined
      /** Time in the trace file, in milliseconds since 1970. */
      readonly trace?: number | undefined
    }
  | {
      readonly kind: 'failed'
      readonly reason: string
      /**
       * How the failure counts:
       * - `normal`: a retry confirms it
       * - `refused`: nothing listens on the port, so a retry can follow at once
       * - `certain`: the next probe would give the same result, so it counts without a retry
       */
      readonly weight: 'normal' | 'refused' | 'certain'
      /**
       * Set if the cause may be on our side: this machine reports that it has no route
       * (`unreachable`), or no reply came at all (`silent`).
       */
      readonly localFault?: 'unreachable' | 'silent' | undefined
    }
  /** The probe says nothing about the mirror: this machine or its name servers failed. */
  | { readonly kind: 'nothing'; readonly reason: string }

export interface StateRules {
  /** Consecutive failures after which an endpoint is down. */
  readonly failures: number
  /** Consecutive responses after which an endpoint is up again. */
  readonly successes: number
  /** Upper bound of `successes` for an endpoint that flaps. */
  readonly maxSuccesses: number
  /** How long the last failure counts as part of the same flapping. */
  readonly memoryMs: number
}

/**
 * Returns the state of an endpoint after one more probe. Pure. Hysteresis: a single failure or
 * response changes no condition. Each flap doubles the number of responses needed to be up again.
 *
 * @param before undefined if the endpoint has not been probed before
 * @param now milliseconds since 1970
 */
export function nextState(
  before: EndpointState | undefined,
  outcome: ProbeOutcome,
  now: number,
  rules: StateRules,
): EndpointState | undefined {
  switch (outcome.kind) {
    case 'nothing':
      return before
    case 'answered':
      return answered(before, outcome, now, rules)
    case 'failed':
      return failed(before, outcome, now, rules)
  }
}

/** Returns the number of consecutive responses after which an endpoint that is down is up again. */
export function neededSuccesses({ flaps }: Pick<EndpointState, 'flaps'>, rules: StateRules): number {
  const doubled = rules.successes * 2 ** Math.max(0, Math.min(flaps, 31) - 1)
  return Math.max(rules.successes, Math.min(rules.maxSuccesses, doubled))
}

function answered(
  before: EndpointState | undefined,
  { roundTrip, ranges, redirect, note, trace }: ProbeOutcome & { kind: 'answered' },
  now: number,
  rules: StateRules,
): EndpointState {
  const { condition = 'unknown', since = now, reason, streak = 0, flaps = 0, lastDown } = before ?? {}
  const measured = {
    probed: now,
    roundTrip: averaged(before?.roundTrip, roundTrip),
    ranges: ranges ?? before?.ranges,
    redirect,
    note,
    trace,
    flaps,
    lastDown,
  }
  if (condition === 'up') return { ...measured, condition, since, streak: 0 }
  if (condition === 'down' && streak + 1 < neededSuccesses({ flaps }, rules))
    return { ...measured, condition, since, reason, streak: streak + 1 }
  return { ...measured, condition: 'up', since: now, streak: 0 }
}

function failed(
  before: EndpointState | undefined,
  { reason, weight }: ProbeOutcome & { kind: 'failed' },
  now: number,
  rules: StateRules,
): EndpointState {
  const { condition = 'unknown', since = now, streak = 0, flaps = 0, lastDown } = before ?? {}
  // The time of the copy stays known, because a copy does not become newer while it cannot be read.
  const { roundTrip, ranges, redirect, trace } = before ?? {}
  const measured = { probed: now, roundTrip, ranges, redirect, trace }
  if (condition === 'down') return { ...measured, condition, since, reason, streak: 0, flaps, lastDown }
  if (weight !== 'certain' && streak + 1 < rules.failures)
    return { ...measured, condition, since, streak: streak + 1, flaps, lastDown }
  const isRemembered = lastDown !== undefined && now - lastDown < rules.memoryMs
  return {
    ...measured,
    condition: 'down',
    since: now,
    reason,
    streak: 0,
    flaps: isRemembered ? flaps + 1 : 1,
    lastDown: now,
  }
}

/** Updates a moving average, so that one slow probe has little effect. */
function averaged(before: number | undefined, now: number): number {
  return before === undefined ? now : before + (now - before) * ROUND_TRIP_WEIGHT
}
