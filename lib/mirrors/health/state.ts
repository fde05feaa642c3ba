import type { EndpointState } from '../../store/states.js'

/** What the last round trip counts in the average. */
const ROUND_TRIP_WEIGHT = 1 / 4

/** What one probe of a way told. */
export type ProbeOutcome =
  | {
      readonly kind: 'answered'
      /** Milliseconds from the beginning of the connection to the head of the answer. */
      readonly roundTrip: number
      /** Whether a part of a file was sent when a part was asked for; absent where no file was asked for. */
      readonly ranges?: boolean | undefined
      /** Where it redirected to. */
      readonly redirect?: string | undefined
      /** What else was odd. */
      readonly note?: string | undefined
      /** The time in its trace file, in milliseconds since 1970; absent where none was read. */
      readonly trace?: number | undefined
    }
  | {
      readonly kind: 'failed'
      readonly reason: string
      /**
       * How much that says. `refused`: nobody listens, which a retry at once confirms. `certain`: it cannot change from one
       * probe to the next.
       */
      readonly weight: 'normal' | 'refused' | 'certain'
      /** Whether this machine may be what does not work: `unreachable` by its own word, `silent` where nothing came back. */
      readonly doubt?: 'unreachable' | 'silent' | undefined
    }
  /** Nothing was told of the mirror: it is this machine, or its name servers, that do not work. */
  | { readonly kind: 'nothing'; readonly reason: string }

export interface StateRules {
  /** Failures in a row after which a way is down. */
  readonly failures: number
  /** Answers in a row after which it is up again. */
  readonly successes: number
  /** The same of one that goes down again and again, at most. */
  readonly maxSuccesses: number
  /** Milliseconds for which a fall is remembered. */
  readonly memoryMs: number
}

/**
 * The state of a way after one more probe. Pure: hysteresis keeps a single failure, or a single answer, from changing
 * anything, and whoever falls again soon after has to answer twice as often in a row before it is believed.
 *
 * @param before undefined where it was never probed
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

/** Answers in a row that a way that is down needs to be up again. */
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
  // What no file was asked for to tell is as it was.
  const told = {
    probed: now,
    roundTrip: averaged(before?.roundTrip, roundTrip),
    ranges: ranges ?? before?.ranges,
    redirect,
    note,
    trace,
    flaps,
    lastDown,
  }
  if (condition === 'up') return { ...told, condition, since, streak: 0 }
  if (condition === 'down' && streak + 1 < neededSuccesses({ flaps: flaps }, rules))
    return { ...told, condition, since, reason, streak: streak + 1 }
  return { ...told, condition: 'up', since: now, streak: 0 }
}

function failed(
  before: EndpointState | undefined,
  { reason, weight }: ProbeOutcome & { kind: 'failed' },
  now: number,
  rules: StateRules,
): EndpointState {
  const { condition = 'unknown', since = now, streak = 0, flaps = 0, lastDown } = before ?? {}
  // A copy that cannot be looked at gets no younger.
  const { roundTrip, ranges, redirect, trace } = before ?? {}
  const told = { probed: now, roundTrip, ranges, redirect, trace }
  if (condition === 'down') return { ...told, condition, since, reason, streak: 0, flaps, lastDown }
  if (weight !== 'certain' && streak + 1 < rules.failures)
    return { ...told, condition, since, streak: streak + 1, flaps, lastDown }
  const isRemembered = lastDown !== undefined && now - lastDown < rules.memoryMs
  return {
    ...told,
    condition: 'down',
    since: now,
    reason,
    streak: 0,
    flaps: isRemembered ? flaps + 1 : 1,
    lastDown: now,
  }
}

/** A moving average: one probe in a bad moment says little. */
function averaged(before: number | undefined, now: number): number {
  return before === undefined ? now : before + (now - before) * ROUND_TRIP_WEIGHT
}
