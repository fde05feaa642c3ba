import { undiciProbeClient } from '../../mirrors/health/http.js'
import { probeMirror } from '../../mirrors/health/probe-mirror.js'
import { ProbeTargets } from '../../mirrors/health/probe-targets.js'
import type { ProbeOutcome } from '../../mirrors/health/state.js'
import { timeText } from '../../mirrors/health/summary.js'
import { timingOf } from '../../mirrors/health/timing.js'
import type { Family, Mirror } from '../../model.js'
import { systemResolver } from '../../network/addresses.js'
import { loadUndici } from '../../network/undici.js'
import type { CheckedOptions } from '../../options.js'
import { sqliteStore } from '../../store/sqlite.js'
import { existingIndexFile, existingStatesFile, storeStates, useStates } from '../states.js'
import { roundTripText, table } from '../table.js'
import { configuredMirrors, findMirror } from './mirrors-list.js'

/** What one probe told, just now and from here. */
export interface MirrorCheck {
  readonly id: string
  /** Whether some way to it is open. */
  readonly up: boolean
  readonly endpoints: readonly {
    readonly url: string
    readonly family: Family
    /** `answered`, `failed`, or `nothing` where this machine or its name servers do not work. */
    readonly outcome: ProbeOutcome['kind']
    readonly reason?: string
    /** Milliseconds. */
    readonly roundTrip?: number | undefined
    readonly ranges?: boolean | undefined
    readonly redirect?: string | undefined
    readonly note?: string | undefined
    /** When the copy was made, by its trace file. */
    readonly traced?: Date | undefined
  }[]
}

/**
 * Probes a mirror now: `mirrored-by mirrors check`. It changes no state; a running server is asked to look for itself.
 *
 * @throws MirroredByError ERR_OPTIONS where there is no such mirror, ERR_MIRRORS_FILE, ERR_STORE, ERR_STORE_VERSION
 */
export async function checkMirror(options: CheckedOptions, id: string): Promise<MirrorCheck> {
  const mirror = findMirror(id, await configuredMirrors(options))
  const resolver = systemResolver()
  const parts = {
    client: undiciProbeClient,
    resolver,
    now: () => performance.now(),
    wall: () => Date.now(),
    allowsPrivate: options.privateAddresses,
  }
  const targets = await targetsOf(mirror, options)
  // Whoever looks on wants to hear of IPv6 that does not work here, too.
  const provenFamilies = new Set(['ipv4', 'ipv6'] as const)
  // Before the clock runs.
  await loadUndici()
  const { timeout } = timingOf(options.probe?.interval, options.probe?.timeout)
  const { signal } = new AbortController()
  const { results } = await probeMirror(
    { mirror, known: [], targets, provenFamilies, timeout, signal },
    parts,
  )
  resolver.close()
  const file = existingStatesFile(options)
  if (file !== undefined)
    await useStates(file, (states) =>
      storeStates(states, [{ kind: 'requestProbe', mirror: id, at: Date.now() }]),
    )
  return {
    id,
    up: results.some(({ outcome }) => outcome.kind === 'answered'),
    endpoints: results.map(({ endpoint: { url, family }, outcome }) => ({
      url,
      family,
      ...wordsOf(outcome),
    })),
  }
}

/** The same as a person reads it. */
export function checkText({ id, up, endpoints }: MirrorCheck): string {
  if (endpoints.length === 0) return `${id} has no http or https URL: it is not probed`
  const rows = endpoints.map(
    ({ url, family, outcome, reason, roundTrip, ranges, redirect, note, traced }) => [
      url,
      family === 'ipv4' ? 'IPv4' : 'IPv6',
      outcome === 'nothing' ? 'not known' : outcome,
      roundTripText(roundTrip),
      [
        reason,
        ranges === false ? 'it ignores Range' : undefined,
        redirect && `redirected to ${redirect}`,
        note,
        traced && `its copy is from ${timeText(traced.getTime())}`,
      ]
        .filter((text) => text !== undefined)
        .join('; '),
    ],
  )
  return [
    `${id} is ${up ? 'up' : 'down'}`,
    '',
    ...table([['URL', 'BY', 'RESULT', 'RTT', 'WHAT'], ...rows]),
  ].join('\n')
}

function wordsOf(outcome: ProbeOutcome) {
  if (outcome.kind !== 'answered') return { outcome: outcome.kind, reason: outcome.reason }
  const { kind, trace, ...rest } = outcome
  return { outcome: kind, ...rest, ...(trace === undefined ? {} : { traced: new Date(trace) }) }
}

/** What a server would ask for, where there is an index to choose from. */
async function targetsOf(mirror: Mirror, options: CheckedOptions) {
  const index = existingIndexFile(options)
  if (index === undefined) return new ProbeTargets(NO_INDEX, () => 0).of(mirror)
  const store = sqliteStore(index)
  try {
    return await new ProbeTargets(store, () => 0).of(mirror)
  } finally {
    await store.close()
  }
}

const NO_INDEX = { get: () => undefined, sample: () => [] }
