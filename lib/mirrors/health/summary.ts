import { type Condition, FAMILIES, type Family, type Mirror, type MirrorState } from '../../model.js'
import type { KnownWay, MirrorEvent } from '../../store/states.js'
import type { Candidate } from '../ranking/candidate.js'
import { type Ailment, CLOSED, type Outdated, wayBit } from '../ranking/mirror-status.js'
import { probedUrls } from './probe-mirror.js'

/** One way to a mirror: a URL of it, by one family of addresses. */
export interface WayHealth {
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
  readonly ways: readonly WayHealth[]
  /** What became of it lately, newest first; 32 changes at most. */
  readonly history: readonly MirrorChange[]
}

/** What is known of one mirror. */
export interface Known {
  readonly ways: readonly KnownWay[]
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
export type Described = Pick<Mirror, 'id' | 'urls' | 'enabled' | 'probe' | 'maxAge'>

export function healthOf(mirror: Described, known: Known, events: readonly MirrorEvent[]): MirrorHealth {
  const { id } = mirror
  const ways = waysOf(mirror, known.ways)
  const history = events.map(({ at, state, reason }) => ({ id, at: new Date(at), state, reason })).reverse()
  return { id, ...conditionOf(mirror, known), ...measured(ways), ways: ways.map(wayHealth), history }
}

/** Whether a mirror's copy is older than it may be. Of one whose trace was never read, that is not known. */
export function isOutdated(mirror: Described, ways: readonly KnownWay[], now: number): boolean {
  if (mirror.maxAge === undefined) return false
  const traced = tracedOf(waysOf(mirror, ways))
  return traced !== undefined && now - traced > mirror.maxAge
}

/** What clients and operators notice: where it is another one, that is an event. */
export function signature(mirror: Described, known: Known): string {
  const { state } = conditionOf(mirror, known)
  const ways = waysOf(mirror, known.ways)
  const down = ways.filter(isDown).map(({ url, family }) => `${family} ${url}`)
  return JSON.stringify([state, down.sort(), ignoresRange(ways), state === 'up' && known.outdated])
}

/** A mirror's state, and what is to be said of it, as an event at that moment. */
export function eventOf(mirror: Described, known: Known, at: number): MirrorEvent {
  const { state, reason } = conditionOf(mirror, known)
  return {
    mirror: mirror.id,
    at,
    state,
    reason: reason ?? (state === 'up' ? 'it answers' : 'not probed yet'),
  }
}

/** What ails a mirror, for those who rank; undefined where nothing does. */
export function ailmentOf(candidate: Candidate, known: Known): Ailment | undefined {
  const { mirror, secureUrl, plainUrls } = candidate
  if (known.disabled !== undefined) {
    const reason = `disabled since ${timeText(known.disabled)}`
    return { closed: CLOSED, reason, plainUrl: candidate.plainUrl, ignoresRange: false, outdated: undefined }
  }
  const ways = waysOf(mirror, known.ways)
  const isOpen = (url: string) => FAMILIES.some((family) => !isClosed(ways, url, family))
  const plainUrl = plainUrls.find(isOpen) ?? candidate.plainUrl
  let closed = 0
  for (const family of FAMILIES) {
    if (secureUrl !== undefined && isClosed(ways, secureUrl, family)) closed |= wayBit(true, family)
    if (plainUrl !== undefined && isClosed(ways, plainUrl, family)) closed |= wayBit(false, family)
  }
  const cannotPart = ignoresRange(ways)
  const outdated = outdatedOf(ways, known)
  const isWell = closed === 0 && !cannotPart && outdated === undefined
  if (isWell && plainUrl === candidate.plainUrl) return undefined
  return { closed, reason: downText(mirror, ways), plainUrl, ignoresRange: cannotPart, outdated }
}

function outdatedOf(ways: readonly KnownWay[], { outdated }: Known): Outdated | undefined {
  const from = tracedOf(ways)
  if (!outdated || from === undefined) return undefined
  return { from, reason: `its copy is from ${timeText(from)}, before the file changed` }
}

/** The latest time that a trace file has told. */
function tracedOf(ways: readonly KnownWay[]): number | undefined {
  let latest: number | undefined
  for (const { trace } of ways)
    if (trace !== undefined && (latest === undefined || trace > latest)) latest = trace
  return latest
}

/** Whether a URL cannot be reached by a family. By one that its host has not, clients come the other way. */
function isClosed(ways: readonly KnownWay[], url: string, family: Family): boolean {
  const own = ways.filter((way) => way.url === url)
  const way = own.find((one) => one.family === family) ?? own[0]
  return way !== undefined && isDown(way)
}

/** Those that there still are: of URLs that the mirror has. */
function waysOf(mirror: Described, ways: readonly KnownWay[]): readonly KnownWay[] {
  if (!mirror.probe) return []
  const urls = probedUrls(mirror)
  return ways.filter(({ url }) => urls.includes(url))
}

export function conditionOf(
  mirror: Described,
  known: Known,
): Pick<MirrorHealth, 'state' | 'since' | 'reason'> {
  if (!mirror.enabled) return { state: 'disabled', reason: 'the list of mirrors says so' }
  if (known.disabled !== undefined) {
    return { state: 'disabled', since: new Date(known.disabled), reason: 'its operator disabled it' }
  }
  if (!mirror.probe) return { state: 'unknown', reason: 'it is not to be probed' }
  const ways = waysOf(mirror, known.ways)
  const down = ways.filter(isDown)
  if (isAllDown(mirror, ways)) return { state: 'down', since: latest(down), reason: reasonsOf(down) }
  const up = ways.filter(({ condition }) => condition === 'up')
  if (up.length === 0) return { state: 'unknown' }
  const ailing = [...down.map((way) => `${nameOf(way)}: ${way.reason ?? 'down'}`)]
  if (ignoresRange(ways)) ailing.push('it ignores Range')
  const traced = tracedOf(ways)
  if (known.outdated && traced !== undefined)
    ailing.push(`its copy is from ${timeText(traced)}, older than it may be`)
  const reason = ailing.length > 0 ? { reason: ailing.join('; ') } : {}
  return { state: 'up', since: new Date(Math.min(...up.map(({ since }) => since))), ...reason }
}

function measured(
  ways: readonly KnownWay[],
): Pick<MirrorHealth, 'roundTrip' | 'probed' | 'ranges' | 'traced'> {
  if (ways.length === 0) return {}
  const quickest = Math.min(
    ...ways
      .filter(({ condition }) => condition === 'up')
      .map(({ roundTrip }) => roundTrip ?? Number.POSITIVE_INFINITY),
  )
  const told = ways.some(({ ranges }) => ranges !== undefined)
  const traced = tracedOf(ways)
  return {
    probed: new Date(Math.max(...ways.map(({ probed }) => probed))),
    ...(Number.isFinite(quickest) ? { roundTrip: quickest } : {}),
    ...(told ? { ranges: !ignoresRange(ways) } : {}),
    ...(traced === undefined ? {} : { traced: new Date(traced) }),
  }
}

function wayHealth({
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
}: KnownWay) {
  const traced = trace === undefined ? undefined : new Date(trace)
  const known = { reason, roundTrip, ranges, redirect, note, traced }
  const told = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
  return { url, family, state: condition, since: new Date(since), probed: new Date(probed), ...told }
}

function isDown({ condition }: KnownWay): boolean {
  return condition === 'down'
}

/** Whether no way is left, of any of its URLs. */
function isAllDown(mirror: Described, ways: readonly KnownWay[]): boolean {
  const urls = probedUrls(mirror)
  return urls.length > 0 && urls.every((url) => ways.some((way) => way.url === url)) && ways.every(isDown)
}

function ignoresRange(ways: readonly KnownWay[]): boolean {
  return ways.some(({ condition, ranges }) => condition !== 'down' && ranges === false)
}

function latest(ways: readonly KnownWay[]): Date {
  return new Date(Math.max(...ways.map(({ since }) => since)))
}

/** Each reason once. */
function reasonsOf(ways: readonly KnownWay[]): string {
  return [...new Set(ways.map(({ reason }) => reason ?? 'down'))].join('; ')
}

/** `https by IPv4`. */
function nameOf({ url, family }: KnownWay): string {
  return `${new URL(url).protocol.slice(0, -1)} by ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
}

function downText(mirror: Described, ways: readonly KnownWay[]): string {
  const down = ways.filter(isDown)
  if (down.length === 0) return 'it ignores Range'
  const which = isAllDown(mirror, ways) ? '' : `${down.map(nameOf).join(', ')} `
  return `${which}down since ${timeText(latest(down).getTime())}: ${reasonsOf(down)}`
}
