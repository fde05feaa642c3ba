import { type Ailment, CLOSED, wayBit } from '../mirrors/ailment.js'
import type { Candidate } from '../mirrors/candidate.js'
import { type Condition, FAMILIES, type Family, type Mirror, type MirrorState } from '../model.js'
import type { KnownWay, MirrorEvent } from '../store/states.js'
import { probedUrls } from './round.js'

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
  readonly ways: readonly WayHealth[]
  /** What became of it lately, newest first; 32 changes at most. */
  readonly history: readonly MirrorChange[]
}

/** What is known of one mirror. */
export interface Known {
  readonly ways: readonly KnownWay[]
  /** When it was switched off, in milliseconds since 1970; undefined where it was not. */
  readonly disabled: number | undefined
}

/** The time to the second, as in `2026-11-21T20:00:00Z`. */
export function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** What of a mirror it takes to say how it fares. */
export type Described = Pick<Mirror, 'id' | 'urls' | 'enabled' | 'probe'>

export function healthOf(mirror: Described, known: Known, events: readonly MirrorEvent[]): MirrorHealth {
  const { id } = mirror
  const ways = waysOf(mirror, known)
  const history = events.map(({ at, state, reason }) => ({ id, at: new Date(at), state, reason })).reverse()
  return { id, ...conditionOf(mirror, known), ...measured(ways), ways: ways.map(wayHealth), history }
}

/** What clients and operators notice: where it is another one, that is an event. */
export function signature(mirror: Described, known: Known): string {
  const { state } = conditionOf(mirror, known)
  const ways = waysOf(mirror, known)
  const down = ways.filter(isDown).map(({ url, family }) => `${family} ${url}`)
  return JSON.stringify([state, down.sort(), ignoresRange(ways)])
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
    return { closed: CLOSED, reason, plainUrl: candidate.plainUrl, ignoresRange: false }
  }
  const ways = waysOf(mirror, known)
  const isOpen = (url: string) => FAMILIES.some((family) => !isClosed(ways, url, family))
  const plainUrl = plainUrls.find(isOpen) ?? candidate.plainUrl
  let closed = 0
  for (const family of FAMILIES) {
    if (secureUrl !== undefined && isClosed(ways, secureUrl, family)) closed |= wayBit(true, family)
    if (plainUrl !== undefined && isClosed(ways, plainUrl, family)) closed |= wayBit(false, family)
  }
  const cannotPart = ignoresRange(ways)
  if (closed === 0 && !cannotPart && plainUrl === candidate.plainUrl) return undefined
  return { closed, reason: downText(mirror, ways), plainUrl, ignoresRange: cannotPart }
}

/** Whether a URL cannot be reached by a family. By one that its host has not, clients come the other way. */
function isClosed(ways: readonly KnownWay[], url: string, family: Family): boolean {
  const own = ways.filter((way) => way.url === url)
  const way = own.find((one) => one.family === family) ?? own[0]
  return way !== undefined && isDown(way)
}

/** Those that there still are: of URLs that the mirror has. */
function waysOf(mirror: Described, { ways }: Known): readonly KnownWay[] {
  if (!mirror.probe) return []
  const urls = probedUrls(mirror)
  return ways.filter(({ url }) => urls.includes(url))
}

function conditionOf(mirror: Described, known: Known): Pick<MirrorHealth, 'state' | 'since' | 'reason'> {
  if (!mirror.enabled) return { state: 'disabled', reason: 'the list of mirrors says so' }
  if (known.disabled !== undefined) {
    return { state: 'disabled', since: new Date(known.disabled), reason: 'its operator disabled it' }
  }
  if (!mirror.probe) return { state: 'unknown', reason: 'it is not to be probed' }
  const ways = waysOf(mirror, known)
  const down = ways.filter(isDown)
  if (isAllDown(mirror, ways)) return { state: 'down', since: latest(down), reason: reasonsOf(down) }
  const up = ways.filter(({ condition }) => condition === 'up')
  if (up.length === 0) return { state: 'unknown' }
  const ailing = [...down.map((way) => `${nameOf(way)}: ${way.reason ?? 'down'}`)]
  if (ignoresRange(ways)) ailing.push('it ignores Range')
  const reason = ailing.length > 0 ? { reason: ailing.join('; ') } : {}
  return { state: 'up', since: new Date(Math.min(...up.map(({ since }) => since))), ...reason }
}

function measured(ways: readonly KnownWay[]): Pick<MirrorHealth, 'roundTrip' | 'probed' | 'ranges'> {
  if (ways.length === 0) return {}
  const quickest = Math.min(
    ...ways
      .filter(({ condition }) => condition === 'up')
      .map(({ roundTrip }) => roundTrip ?? Number.POSITIVE_INFINITY),
  )
  const told = ways.some(({ ranges }) => ranges !== undefined)
  return {
    probed: new Date(Math.max(...ways.map(({ probed }) => probed))),
    ...(Number.isFinite(quickest) ? { roundTrip: quickest } : {}),
    ...(told ? { ranges: !ignoresRange(ways) } : {}),
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
}: KnownWay) {
  const known = { reason, roundTrip, ranges, redirect, note }
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
