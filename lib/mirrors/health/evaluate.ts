import type { Mirror } from '../../model.js'
import { endpointKey, type MirrorEvent, type StateChange, type StoredEndpoint } from '../../store/states.js'
import type { ProbeRound } from './probe-mirror.js'
import { nextState, type StateRules } from './state.js'
import { eventOf, type KnownHealth, statusSignature } from './summary.js'
import type { ProbeResult } from './timing.js'

/** Endpoints of one mirror, by `endpointKey`. */
export type EndpointsByKey = ReadonlyMap<string, StoredEndpoint>

/** Consequences of probing a mirror. */
export interface Evaluation {
  readonly endpoints: EndpointsByKey
  /** Differences to the endpoints before, by `endpointKey`, as they are to be stored. */
  readonly changes: ReadonlyMap<string, StateChange>
  readonly results: readonly ProbeResult[]
}

/**
 * Applies the outcome of each probe to the state of its endpoint, and removes endpoints that are
 * gone. Pure.
 *
 * @param now milliseconds since 1970
 */
export function evaluate(
  before: EndpointsByKey,
  { results: outcomes, gone }: ProbeRound,
  now: number,
  rules: StateRules,
): Evaluation {
  const endpoints = new Map(before)
  const changes = new Map<string, StateChange>()
  for (const endpoint of gone) {
    endpoints.delete(endpointKey(endpoint))
    changes.set(endpointKey(endpoint), { kind: 'removeEndpoint', endpoint })
  }
  const results = outcomes.map(({ endpoint, outcome }): ProbeResult => {
    const key = endpointKey(endpoint)
    const state = nextState(endpoints.get(key), outcome, now, rules)
    if (state !== undefined && outcome.kind !== 'nothing') {
      const changed = { ...endpoint, ...state }
      endpoints.set(key, changed)
      changes.set(key, { kind: 'endpoint', endpoint: changed })
    }
    return { outcome, state }
  })
  return { endpoints, changes, results }
}

/** Difference between two moments of a mirror's health. */
export interface HealthChange {
  readonly event: MirrorEvent
  /** Whether clients or operators notice the difference, so that the event is published. */
  readonly isEvent: boolean
  /** Whether the status used in ranking differs, if only in its reason. */
  readonly isStatus: boolean
}

/** @param at milliseconds since 1970 */
export function changeOf(mirror: Mirror, before: KnownHealth, after: KnownHealth, at: number): HealthChange {
  const event = eventOf(mirror, after, at)
  const isEvent = statusSignature(mirror, after) !== statusSignature(mirror, before)
  return { event, isEvent, isStatus: isEvent || event.reason !== eventOf(mirror, before, at).reason }
}
