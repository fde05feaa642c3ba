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

/** One way to a mirror: a URL of it, by one family of addresses. */
export interface EndpointHealth {
  /** Base URL. */
  readonly url: string
  readonly family: Family
  readonly state: Condition
  readonly since: Date
  /** Why it is down. */
  readonly reason?: string | undefined
  /** When it was probed last. */
  readonly probed: Date
  /** Milliseconds from the beginning of the connection to the head of the last good answer. */
  readonly roundTrip?: number | undefined
  /** Whether it sends parts of files. */
  readonly ranges?: boolean | undefined
  /** Where it redirected the probe to. */
  readonly redirect?: string | undefined
  /** What else was odd about its last good answer. */
  readonly note?: string | undefined
  /** The time in the trace file of its last good answer. */
  readonly traced?: Date | undefined
}

/** What became of a mirror, and when. */
export interface MirrorChange {
  readonly id: string
  readonly at: Date
  readonly state: MirrorState
  readonly reason: string
}

/** How a mirror fares. */
export interface MirrorHealth {
  readonly id: string
  /** `unknown` until it was probed for the first time, and then `up` while one way to it is. */
  readonly state: MirrorState
  /** Since when it is so; absent where that is not known. */
  readonly since?: Date | undefined
  /** Why it is down or disabled, or what is wrong with it though it is up. */
  readonly reason?: string | undefined
  /** Milliseconds: of the quickest way that is up. */
  readonly roundTrip?: number | undefined
  /** When it was probed last. */
  readonly probed?: Date | undefined
  /** Whether it sends parts of files, as far as that is known; one that does not is left out of lists. */
  readonly ranges?: boolean | undefined
  /** When its copy was made, as far as its trace file says: the latest time over its ways. */
  readonly traced?: Date | undefined
  readonly endpoints: readonly EndpointHealth[]
  /** What became of it lately, newest first; 32 changes at most. */
  readonly history: readonly MirrorChange[]
}

/** What is known of one mirror. */
export interface KnownHealth {
  readonly endpoints: readonly StoredEndpoint[]
  /** When it was switched off, in milliseconds since 1970; undefined where it was not. */
  readonly disabled: number | undefined
  /** Whether its copy is older than it may be: see `isOutdated`. Apart, because it changes by time alone. */
  readonly outdated: boolean
}

/** The time to the second, as in `2026-11-21T20:00:00Z`. */
export function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** What of a mirror it takes to say how it fares. */
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

/** Whether a mirror's copy is older than it may be. Of one whose trace was never read, that is not known. */
export function isOutdated(
  mirror: DescribedMirror,
  endpoints: readonly StoredEndpoint[],
  now: number,
): boolean {
  if (mirror.maxAge === undefined) return false
  const traced = tracedOf(endpointsOf(mirror, endpoints))
  return traced !== undefined && now - traced > mirror.maxAge
}

/** What clients and operators notice: where it is another one, that is an event. */
export function statusSignature(mirror: DescribedMirror, known: KnownHealth): string {
  const { state } = conditionOf(mirror, known)
  const endpoints = endpointsOf(mirror, known.endpoints)
  const down = endpoints.filter(isDown).map(({ url, family }) => `${family} ${url}`)
  return JSON.stringify([state, down.sort(), ignoresRange(endpoints), state === 'up' && known.outdated])
}

/** A mirror's state, and what is to be said of it, as an event at that moment. */
export function eventOf(mirror: DescribedMirror, known: KnownHealth, at: number): MirrorEvent {
  const { state, reason } = conditionOf(mirror, known)
  return {
    mirror: mirror.id,
    at,
    state,
    reason: reason ?? (state === 'up' ? 'it answers' : 'not probed yet'),
  }
}

/** What ails a mirror, for those who rank; undefined where nothing does. */
export function mirrorStatusOf(candidate: Candidate, known: KnownHealth): MirrorStatus | undefined {
  const { mirror, secureUrl, plainUrls } = candidate
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
  const isOpen = (url: string) => FAMILIES.some((family) => !isUnreachable(endpoints, url, family))
  const plainUrl = plainUrls.find(isOpen) ?? candidate.plainUrl
  let downFor = 0
  for (const family of FAMILIES) {
    if (secureUrl !== undefined && isUnreachable(endpoints, secureUrl, family))
      downFor |= clientKindBit(true, family)
    if (plainUrl !== undefined && isUnreachable(endpoints, plainUrl, family))
      downFor |= clientKindBit(false, family)
  }
  const cannotPart = ignoresRange(endpoints)
  const outdated = outdatedOf(endpoints, known)
  const isWell = downFor === 0 && !cannotPart && outdated === undefined
  if (isWell && plainUrl === candidate.plainUrl) return undefined
  return { downFor, reason: downText(mirror, endpoints), plainUrl, ignoresRange: cannotPart, outdated }
}

function outdatedOf(
  endpoints: readonly StoredEndpoint[],
  { outdated }: KnownHealth,
): OutdatedCopy | undefined {
  const from = tracedOf(endpoints)
  if (!outdated || from === undefined) return undefined
  return { from, reason: `its copy is from ${timeText(from)}, before the file changed` }
}

/** The latest time that a trace file has told. */
function tracedOf(endpoints: readonly StoredEndpoint[]): number | undefined {
  let latest: number | undefined
  for (const { trace } of endpoints)
    if (trace !== undefined && (latest === undefined || trace > latest)) latest = trace
  return latest
}

/** Whether a URL cannot be reached by a family. By one that its host has not, clients come the other way. */
function isUnreachable(endpoints: readonly StoredEndpoint[], url: string, family: Family): boolean {
  const own = endpoints.filter((endpoint) => endpoint.url === url)
  const endpoint = own.find((one) => one.family === family) ?? own[0]
  return endpoint !== undefined && isDown(endpoint)
}

/** Those that there still are: of URLs that the mirror has. */
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
  const ailing = [...down.map((endpoint) => `${nameOf(endpoint)}: ${endpoint.reason ?? 'down'}`)]
  if (ignoresRange(endpoints)) ailing.push('it ignores Range')
  const traced = tracedOf(endpoints)
  if (known.outdated && traced !== undefined)
    ailing.push(`its copy is from ${timeText(traced)}, older than it may be`)
  const reason = ailing.length > 0 ? { reason: ailing.join('; ') } : {}
  return { state: 'up', since: new Date(Math.min(...up.map(({ since }) => since))), ...reason }
}

function measurementsOf(
  endpoints: readonly StoredEndpoint[],
): Pick<MirrorHealth, 'roundTrip' | 'probed' | 'ranges' | 'traced'> {
  if (endpoints.length === 0) return {}
  const quickest = Math.min(
    ...endpoints
      .filter(({ condition }) => condition === 'up')
      .map(({ roundTrip }) => roundTrip ?? Number.POSITIVE_INFINITY),
  )
  const told = endpoints.some(({ ranges }) => ranges !== undefined)
  const traced = tracedOf(endpoints)
  return {
    probed: new Date(Math.max(...endpoints.map(({ probed }) => probed))),
    ...(Number.isFinite(quickest) ? { roundTrip: quickest } : {}),
    ...(told ? { ranges: !ignoresRange(endpoints) } : {}),
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
  const known = { reason, roundTrip, ranges, redirect, note, traced }
  const told = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
  return { url, family, state: condition, since: new Date(since), probed: new Date(probed), ...told }
}

function isDown({ condition }: StoredEndpoint): boolean {
  return condition === 'down'
}

/** Whether no way is left, of any of its URLs. */
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

/** Each reason once. */
function reasonsOf(endpoints: readonly StoredEndpoint[]): string {
  return [...new Set(endpoints.map(({ reason }) => reason ?? 'down'))].join('; ')
}

/** `https by IPv4`. */
function nameOf({ url, family }: StoredEndpoint): string {
  return `${new URL(url).protocol.slice(0, -1)} by ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
}

function downText(mirror: DescribedMirror, endpoints: readonly StoredEndpoint[]): string {
  const down = endpoints.filter(isDown)
  if (down.length === 0) return 'it ignores Range'
  const which = isAllDown(mirror, endpoints) ? '' : `${down.map(nameOf).join(', ')} `
  return `${which}down since ${timeText(latest(down).getTime())}: ${reasonsOf(down)}`
}
