import type { Awaitable, Condition, Family, MirrorState } from '../model.js'

/** One way to a mirror: a URL of it, by one family of addresses. */
export interface Way {
  /** Id of the mirror. */
  readonly mirror: string
  /** Base URL. */
  readonly url: string
  readonly family: Family
}

/** What probes have told of a way. Times are milliseconds since 1970. */
export interface WayState {
  readonly condition: Condition
  /** When the condition began; of `unknown`, when it was probed last. */
  readonly since: number
  /** Why it is down. */
  readonly reason?: string | undefined
  /** Results in a row, up to the last one, that speak against the condition. */
  readonly against: number
  /** How often it went down, each time soon after the time before. */
  readonly falls: number
  /** When it went down last. */
  readonly fell?: number | undefined
  /** When it was probed last. */
  readonly probed: number
  /** Milliseconds from the beginning of the connection to the head of the answer, the last time there was one. */
  readonly roundTrip?: number | undefined
  /** Whether it sent a part of a file when asked for a part; absent where no file was asked for. */
  readonly ranges?: boolean | undefined
  /** Where it redirected the probe to. */
  readonly redirect?: string | undefined
  /** What else was odd about the last good answer. */
  readonly note?: string | undefined
}

export interface KnownWay extends Way, WayState {}

/** A mirror became another one, in a way that clients or operators notice. */
export interface MirrorEvent {
  /** Id of the mirror. */
  readonly mirror: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly state: MirrorState
  readonly reason: string
}

export interface StoredEvent extends MirrorEvent {
  /** Greater than that of every event before. */
  readonly number: number
}

export type StateChange =
  | { readonly kind: 'way'; readonly way: KnownWay }
  /** There is no such way any more. */
  | { readonly kind: 'removeWay'; readonly way: Way }
  | { readonly kind: 'event'; readonly event: MirrorEvent }
  /** Somebody switched the mirror off, at a time in milliseconds since 1970; or, without one, on again. */
  | { readonly kind: 'disable'; readonly mirror: string; readonly at: number | undefined }
  /** Somebody asks for an early probe. */
  | { readonly kind: 'ask'; readonly mirror: string; readonly at: number }

export interface KnownStates {
  readonly ways: readonly KnownWay[]
  /** Mirrors that were switched off, and when. */
  readonly disabled: ReadonlyMap<string, number>
  /** Mirrors for which an early probe was asked, and when it was the last time. */
  readonly asked: ReadonlyMap<string, number>
}

/** Events that are kept of one mirror. */
export const MOST_EVENTS = 32

/**
 * Where the states of mirrors are kept: what cannot be computed again. It is apart from the index, which may be thrown away.
 * It may answer at once or by promise; every implementation passes the suite in `test/store/states-suite.ts`.
 */
export interface StateStore {
  /** Everything but the events. */
  read(): Awaitable<KnownStates>
  /** Events after that number, in their order; 0 for all that are kept: the last 32 of each mirror. */
  events(after: number): Awaitable<readonly StoredEvent[]>
  /** All of them or none, in their order. */
  apply(changes: readonly StateChange[]): Awaitable<void>
  /** A number that is another one after another process has changed something. */
  version(): Awaitable<number>
  /** Everything applied is kept; nothing may be asked afterwards. */
  close(): Awaitable<void>
}

/** What tells one way from the other. */
export function wayKey({ mirror, url, family }: Way): string {
  return `${mirror} ${family} ${url}`
}
