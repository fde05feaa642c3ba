import { type Condition, FAMILIES, type Family, type Mirror, type MirrorState } from '../../model.js'
import type { MirrorEvent, StoredEndpoint } from '../../store/states.js'
import type { Candidate } from '../ranking/candidate.js'
import {
  clientKindBit,
  DOWN_FOR_ALL,
  type MirrorStatus,
  type OutdatedCopy,
} from '../ranking/mirror-status.js'
import { probedUrls } from './probe-mirror.js'

/** Health of one endpoint of a mirror: a URL and an address family. */
export interface EndpointHealth {
  /** Base URL. */
  readonly url: string
  readonly family: Family
  readonly state: Condition
  readonly since: Date
  /** Why the endpoint is down. */
  readonly reason?: string | undefined
  /** Time of the last probe. */
  readonly probed: Date
  /**
   * Milliseconds from the start of the connection to the head of the response: a moving average.
   */
  readonly roundTrip?: number | undefined
  /** Whether the server supports Range. */
  readonly ranges?: boolean | undefined
  /** URL to which the last probe was redirected. */
  readonly redirect?: string | undefined
  /** Any other irregularity of the last good response. */
  readonly note?: string | undefined
  /** Time in the trace file of the last good response. */
  readonly traced?: Date | undefined
}

/** Change of a mirror's state. */
export interface MirrorChange {
  readonly id: string
  readonly at: Date
  readonly state: MirrorState
  readonly reason: string
}

/** Health of a mirror. */
export interface MirrorHealth {
  readonly id: string
  /** `unknown` before the first probe; then `up` while at least one endpoint is up. */
  readonly state: MirrorState
  /** When the state began, if known. */
  readonly since?: Date | undefined
  /** Why the mirror is down or disabled, or what is wrong although it is up. */
  readonly reason?: string | undefined
  /** Round trip in milliseconds of the fastest endpoint that is up. */
  readonly roundTrip?: number | undefined
  /** Time of the last probe. */
  readonly probed?: Date | undefined
  /**
   * Whether the mirror supports Range, if known. Without Range, it is omitted from lists of
   * mirrors.
   */
  readonly ranges?: boolean | undefined
  /** When the mirror's copy was made, by its trace file: the latest time of all endpoints. */
  readonly traced?: Date | undefined
  readonly endpoints: readonly EndpointHealth[]
  /** Last changes of the state, newest first; at most 32. */
  readonly history: readonly MirrorChange[]
}

/** Everything from which a mirror's health is computed. */
export interface KnownHealth {
  readonly endpoints: readonly StoredEndpoint[]
  /** When an operator disabled the mirror, in milliseconds since 1970; undefined if enabled. */
  readonly disabled: number | undefined
  /** Result of `isOutdated`. A field of its own, because it changes without a probe. */
  readonly outdated: boolean
}

/** Formats a time to the second, as in `2026-11-21T20:00:00Z`. */
export function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The part of a mirror's configuration that its health depends on. */
export type DescribedMirror = Pick<Mirror, 'id' | 'urls' | 'enabled' | 'probe' | 'maxAge'>

export function healthOf(
  mirror: DescribedMirror,
  known: KnownHealth,
  events: readonly MirrorEvent[],
): MirrorHealth {
  const { id } = mirror
  const endpoints = endpointsOf(mirror, known.endpoints)
  const history = events.map(({ at, state, reason }) => ({ id, at: new Date(at), state, reason })).reverse()
  return {
    id,
    ...conditionOf(mirror, known),
    ...measurementsOf(endpoints),
    endpoints: endpoints.map(endpointHealth),
    history,
  }
}

/**
 * Returns true if a mirror's copy is older than its `maxAge`; false if its trace has not been read.
 */
export function isOutdated(
  mirror: DescribedMirror,
  endpoints: readonly StoredEndpoint[],
  now: number,
): boolean {
  if (mirror.maxAge === undefined) return false
  const traced = tracedOf(endpointsOf(mirror, endpoints))
  return traced !== undefined && now - traced > mirror.maxAge
}

/**
 * Returns a string that differs if clients or operators notice a difference, which makes an event.
 */
export function statusSignature(mirror: DescribedMirror, known: KnownHealth): string {
  const { state } = conditionOf(mirror, known)
  const endpoints = endpointsOf(mirror, known.endpoints)
  const down = endpoints.filter(isDown).map(({ url, family }) => `${family} ${url}`)
  return JSON.stringify([state, down.sort(), ignoresRange(endpoints), state === 'up' && known.outdated])
}

/** Returns a mirror's state and reason as an event. */
export function eventOf(mirror: DescribedMirror, known: KnownHealth, at: number): MirrorEvent {
  const { state, reason } = conditionOf(mirror, known)
  return {
    mirror: mirror.id,
    at,
    state,
    reason: reason ?? (state === 'up' ? 'it answers' : 'not probed yet'),
  }
}

/** Returns a mirror's status for the ranking; undefined if it is healthy. */
export function mirrorStatusOf(candidate: Candidate, known: KnownHealth): MirrorStatus | undefined {
  const { mirror, secureUrl, httpUrl, plainUrls } = candidate
  if (known.disabled !== undefined) {
    const reason = `disabled since ${timeText(known.disabled)}`
    return {
      downFor: DOWN_FOR_ALL,
      reason,
      plainUrl: candidate.plainUrl,
      ignoresRange: false,
      outdated: undefined,
    }
  }
  const endpoints = endpointsOf(mirror, known.endpoints)
  const isReachable = (url: string) => FAMILIES.some((family) => !isUnreachable(endpoints, url, family))
  const plainUrl = plainUrls.find(isReachable) ?? candidate.plainUrl
  let downFor = 0
  let httpDownFor = 0
  for (const family of FAMILIES) {
    if (secureUrl !== undefined && isUnreachable(endpoints, secureUrl, family))
      downFor |= clientKindBit(true, family)
    if (plainUrl !== undefined && isUnreachable(endpoints, plainUrl, family))
      downFor |= clientKindBit(false, family)
    if (httpUrl !== undefined && isUnreachable(endpoints, httpUrl, family))
      httpDownFor |= clientKindBit(false, family)
  }
  const lacksRange = ignoresRange(endpoints)
  const outdated = outdatedOf(endpoints, known)
  const isHealthy = downFor === 0 && httpDownFor === 0 && !lacksRange && outdated === undefined
  if (isHealthy && plainUrl === candidate.plainUrl) return undefined
  return {
    downFor,
    httpDownFor,
    reason: downText(mirror, endpoints),
    plainUrl,
    ignoresRange: lacksRange,
    outdated,
  }
}

function outdatedOf(
  endpoints: readonly StoredEndpoint[],
  { outdated }: KnownHealth,
): OutdatedCopy | undefined {
  const from = tracedOf(endpoints)
  if (!outdated || from === undefined) return undefined
  return { from, reason: `its copy is from ${timeText(from)}, before the file changed` }
}

/** Returns the latest time in the trace files of all endpoints. */
function tracedOf(endpoints: readonly StoredEndpoint[]): number | undefined {
  let latest: number | undefined
  for (const { trace } of endpoints)
    if (trace !== undefined && (latest === undefined || trace > latest)) latest = trace
  return latest
}

/**
 * Whether a URL is down for clients of a family. If the host has no address of that family, clients
 * use the other one.
 */
function isUnreachable(endpoints: readonly StoredEndpoint[], url: string, family: Family): boolean {
  const ofUrl = endpoints.filter((endpoint) => endpoint.url === url)
  const endpoint = ofUrl.find((candidate) => candidate.family === family) ?? ofUrl[0]
  return endpoint !== undefined && isDown(endpoint)
}

/** Returns the endpoints whose URLs the mirror still has. */
function endpointsOf(
  mirror: DescribedMirror,
  endpoints: readonly StoredEndpoint[],
): readonly StoredEndpoint[] {
  if (!mirror.probe) return []
  const urls = probedUrls(mirror)
  return endpoints.filter(({ url }) => urls.includes(url))
}

export function conditionOf(
  mirror: DescribedMirror,
  known: KnownHealth,
): Pick<MirrorHealth, 'state' | 'since' | 'reason'> {
  if (!mirror.enabled) return { state: 'disabled', reason: 'the list of mirrors says so' }
  if (known.disabled !== undefined) {
    return { state: 'disabled', since: new Date(known.disabled), reason: 'its operator disabled it' }
  }
  if (!mirror.probe) return { state: 'unknown', reason: 'it is not to be probed' }
  const endpoints = endpointsOf(mirror, known.endpoints)
  const down = endpoints.filter(isDown)
  if (isAllDown(mirror, endpoints)) return { state: 'down', since: latest(down), reason: reasonsOf(down) }
  const up = endpoints.filter(({ condition }) => condition === 'up')
  if (up.length === 0) return { state: 'unknown' }
  const problems = down.map((endpoint) => `${nameOf(endpoint)}: ${endpoint.reason ?? 'down'}`)
  if (ignoresRange(endpoints)) problems.push('it ignores Range')
  const traced = tracedOf(endpoints)
  if (known.outdated && traced !== undefined)
    problems.push(`its copy is from ${timeText(traced)}, older than it may be`)
  const reason = problems.length > 0 ? { reason: problems.join('; ') } : {}
  return { state: 'up', since: new Date(Math.min(...up.map(({ since }) => since))), ...reason }
}

function measurementsOf(
  endpoints: readonly StoredEndpoint[],
): Pick<MirrorHealth, 'roundTrip' | 'probed' | 'ranges' | 'traced'> {
  if (endpoints.length === 0) return {}
  const fastest = Math.min(
    ...endpoints
      .filter(({ condition }) => condition === 'up')
      .map(({ roundTrip }) => roundTrip ?? Number.POSITIVE_INFINITY),
  )
  const isRangeKnown = endpoints.some(({ ranges }) => ranges !== undefined)
  const traced = tracedOf(endpoints)
  return {
    probed: new Date(Math.max(...endpoints.map(({ probed }) => probed))),
    ...(Number.isFinite(fastest) ? { roundTrip: fastest } : {}),
    ...(isRangeKnown ? { ranges: !ignoresRange(endpoints) } : {}),
    ...(traced === undefined ? {} : { traced: new Date(traced) }),
  }
}

function endpointHealth({
  url,
  family,
  condition,
  since,
  reason,
  probed,
  roundTrip,
  ranges,
  redirect,
  note,
  trace,
}: StoredEndpoint) {
  const traced = trace === undefined ? undefined : new Date(trace)
  const optional = { reason, roundTrip, ranges, redirect, note, traced }
  const present = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined))
  return { url, family, state: condition, since: new Date(since), probed: new Date(probed), ...present }
}

function isDown({ condition }: StoredEndpoint): boolean {
  return condition === 'down'
}

/** Whether every URL has been probed and every endpoint is down. */
function isAllDown(mirror: DescribedMirror, endpoints: readonly StoredEndpoint[]): boolean {
  const urls = probedUrls(mirror)
  return (
    urls.length > 0 &&
    urls.every((url) => endpoints.some((endpoint) => endpoint.url === url)) &&
    endpoints.every(isDown)
  )
}

function ignoresRange(endpoints: readonly StoredEndpoint[]): boolean {
  return endpoints.some(({ condition, ranges }) => condition !== 'down' && ranges === false)
}

function latest(endpoints: readonly StoredEndpoint[]): Date {
  return new Date(Math.max(...endpoints.map(({ since }) => since)))
}

/** Joins the reasons of endpoints, without duplicates. */
function reasonsOf(endpoints: readonly StoredEndpoint[]): string {
  return [...new Set(endpoints.map(({ reason }) => reason ?? 'down'))].join('; ')
}

/** Returns an endpoint's name, as in `https by IPv4`. */
function nameOf({ url, family }: StoredEndpoint): string {
  return `${new URL(url).protocol.slice(0, -1)} by ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
}

function downText(mirror: DescribedMirror, endpoints: readonly StoredEndpoint[]): string {
  const down = endpoints.filter(isDown)
  if (down.length === 0) return 'it ignores Range'
  const which = isAllDown(mirror, endpoints) ? '' : `${down.map(nameOf).join(', ')} `
  return `${which}down since ${timeText(latest(down).getTime())}: ${reasonsOf(down)}`
}
