import type { Awaitable, Condition, Family, MirrorState } from '../model.js'

/** One way to a mirror: a URL of it, by one family of addresses. */
export interface Endpoint {
  /** Id of the mirror. */
  readonly mirror: string
  /** Base URL. */
  readonly url: string
  readonly family: Family
}

/** What probes have told of a way. Times are milliseconds since 1970. */
export interface EndpointState {
  readonly condition: Condition
  /** When the condition began; of `unknown`, when it was probed last. */
  readonly since: number
  /** Why it is down. */
  readonly reason?: string | undefined
  /** Results in a row, up to the last one, that speak against the condition. */
  readonly streak: number
  /** How often it went down, each time soon after the time before. */
  readonly flaps: number
  /** When it went down last. */
  readonly lastDown?: number | undefined
  /** When it was probed last. */
  readonly probed: number
  /** Milliseconds from the beginning of the connection to the head of the answer: a moving average. */
  readonly roundTrip?: number | undefined
  /** Whether it sent a part of a file when asked for a part; absent where no file was asked for. */
  readonly ranges?: boolean | undefined
  /** Where it redirected the probe to. */
  readonly redirect?: string | undefined
  /** What else was odd about the last good answer. */
  readonly note?: string | undefined
  /** The time in the trace file of the last good answer: when the copy was made. Absent where none was read. */
  readonly trace?: number | undefined
}

export interface StoredEndpoint extends Endpoint, EndpointState {}

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

/** Sets of numbers of the index that are kept of each mirror. What they mean is no matter of the store. */
export const SET_NAMES = ['held', 'stale', 'absent', 'preferred'] as const
export type SetName = (typeof SET_NAMES)[number]

/** The part of a set of a mirror that is about the numbers from 65,536 × `block` on, so many of them. */
export interface StoredBlock {
  /** Id of the mirror. */
  readonly mirror: string
  readonly set: SetName
  readonly block: number
  /** Undefined where it was removed. Not to be changed: blocks of the same content may share it. */
  readonly content: Uint8Array | undefined
}

/** How the last scan of a mirror ended. */
export interface StoredSurvey {
  /** Id of the mirror. */
  readonly mirror: string
  /** How it was scanned: `rsync`, `http`, `ftp` or `head`. */
  readonly source: string
  /** When it ended, in milliseconds since 1970. */
  readonly at: number
  /** Whether everything was read that the mirror had to say. */
  readonly complete: boolean
  /** Why it is not complete. */
  readonly reason?: string | undefined
  /** Files that the mirror has listed. */
  readonly files: number
  /** What its times are off by, in milliseconds; absent where that is not known. */
  readonly offset?: number | undefined
  /** When the last complete scan ended, in milliseconds since 1970; absent before the first. */
  readonly completed?: number | undefined
}

/** A file that a mirror holds with other bytes than ours, or does not send to its end. */
export interface StoredCorruptFile {
  /** Id of the mirror. */
  readonly mirror: string
  /** Of the file's content, in the index. */
  readonly number: number
  readonly path: string
  /** Which of the file's pieces was read, from 0. */
  readonly piece: number
  /** When, in milliseconds since 1970. */
  readonly at: number
  readonly url: string
  /** The digest of ours, in hex. */
  readonly expected: string
  /** The digest of theirs, in hex; empty where they did not send all of the piece. */
  readonly got: string
  /** The first byte of the piece. */
  readonly start: number
  /** The last byte of the piece. */
  readonly end: number
}

/** A file of which a process that does not look at mirrors asks whether one has it. */
export interface RequestedCheck {
  /** Id of the mirror. */
  readonly mirror: string
  readonly path: string
  /** When it was asked for the last time, in milliseconds since 1970. */
  readonly at: number
}

/** What mirrors hold. */
export type PresenceChange =
  /** One block; without content it is removed. */
  | {
      readonly kind: 'block'
      readonly mirror: string
      readonly set: SetName
      readonly block: number
      readonly content: Uint8Array | undefined
    }
  /** Takes the place of the scan that is known of the mirror. */
  | { readonly kind: 'survey'; readonly mirror: string; readonly survey: StoredSurvey }
  /** Takes the place of what is known of that number at that mirror. */
  | { readonly kind: 'corrupt'; readonly corrupt: StoredCorruptFile }
  | { readonly kind: 'removeCorrupt'; readonly mirror: string; readonly number: number }
  /** Somebody asks whether a mirror has a file, at a time in milliseconds since 1970. */
  | { readonly kind: 'requestCheck'; readonly mirror: string; readonly path: string; readonly at: number }
  /** Nobody needs to look any more. */
  | { readonly kind: 'removeRequest'; readonly mirror: string; readonly path: string }
  /** Removes the blocks, the scan, and the corrupt and wanted files of a mirror. */
  | { readonly kind: 'forget'; readonly mirror: string }

export interface StoredPresence {
  /** Grows with every `apply` that changes what is here. */
  readonly version: number
  /**
   * Whether `blocks` are all that there are, so that others are to be forgotten. Otherwise they are those that have changed.
   */
  readonly whole: boolean
  readonly blocks: readonly StoredBlock[]
  readonly surveys: readonly StoredSurvey[]
  readonly corrupt: readonly StoredCorruptFile[]
  /** The one that was asked for the longest ago comes first. */
  readonly requestedChecks: readonly RequestedCheck[]
}

export type StateChange =
  | PresenceChange
  | { readonly kind: 'endpoint'; readonly endpoint: StoredEndpoint }
  /** There is no such way any more. */
  | { readonly kind: 'removeEndpoint'; readonly endpoint: Endpoint }
  | { readonly kind: 'event'; readonly event: MirrorEvent }
  /** Somebody switched the mirror off, at a time in milliseconds since 1970; or, without one, on again. */
  | { readonly kind: 'disable'; readonly mirror: string; readonly at: number | undefined }
  /** Somebody asks for an early probe. */
  | { readonly kind: 'requestProbe'; readonly mirror: string; readonly at: number }

export interface StoredStates {
  readonly endpoints: readonly StoredEndpoint[]
  /** Mirrors that were switched off, and when. */
  readonly disabled: ReadonlyMap<string, number>
  /** Mirrors for which an early probe was asked, and when it was the last time. */
  readonly requestedProbes: ReadonlyMap<string, number>
}

/** Events that are kept of one mirror. */
export const MAX_EVENTS = 32
/** Files that are kept as wanted: those that were asked for last. */
export const MAX_REQUESTED_CHECKS = 1000
/** Versions of presence for which removed blocks are remembered: who has seen none of them is given everything. */
export const KEPT_VERSIONS = 1000

/**
 * Where the states of mirrors are kept: what cannot be computed again. It is apart from the index, which may be thrown away.
 * It may answer at once or by promise; every implementation passes the suite in `test/store/states-suite.ts`.
 */
export interface MirrorStateStore {
  /** Everything but the events and the presence. */
  read(): Awaitable<StoredStates>
  /** Events after that number, in their order; 0 for all that are kept: the last 32 of each mirror. */
  events(after: number): Awaitable<readonly StoredEvent[]>
  /**
   * What mirrors hold. Of blocks, those that have changed since a version that was told before, removed ones among them; 0 for
   * all. All are given too where it cannot be said what has changed since: for a version that is too old, or of a file that
   * was lost meanwhile.
   */
  presence(after: number): Awaitable<StoredPresence>
  /** All of them or none, in their order. */
  apply(changes: readonly StateChange[]): Awaitable<void>
  /** A number that is another one after another process has changed something. */
  version(): Awaitable<number>
  /** Everything applied is kept; nothing may be asked afterwards. */
  close(): Awaitable<void>
}

/** Whether who has seen one version of presence last must be given everything at another. */
export function needsWhole(seen: number, version: number): boolean {
  return seen === 0 || seen < version - KEPT_VERSIONS || seen > version
}

/** What tells one way from the other. */
export function endpointKey({ mirror, url, family }: Endpoint): string {
  return `${mirror} ${family} ${url}`
}
