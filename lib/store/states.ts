import type { Awaitable, Condition, Family, MirrorState } from '../model.js'

/** A base URL of a mirror, reached by one address family. */
export interface Endpoint {
  readonly mirror: string
  readonly url: string
  readonly family: Family
}

/** Probe results of an endpoint. Times are milliseconds since 1970. */
export interface EndpointState {
  readonly condition: Condition
  /** When the condition began; for `unknown`, when the endpoint was last probed. */
  readonly since: number
  /** Why the endpoint is down. */
  readonly reason?: string | undefined
  /** Number of consecutive latest results that contradict the condition. */
  readonly streak: number
  /** Number of times that the endpoint went down soon after the time before (flapping). */
  readonly flaps: number
  /** When the endpoint last went down. */
  readonly lastDown?: number | undefined
  /** When the endpoint was last probed. */
  readonly probed: number
  /**
   * Milliseconds from the start of the connection to the head of the response: a moving average.
   */
  readonly roundTrip?: number | undefined
  /** Whether a range request got a partial response; absent if no file was requested. */
  readonly ranges?: boolean | undefined
  /** Where the probe was redirected to. */
  readonly redirect?: string | undefined
  /** Another peculiarity of the last good response. */
  readonly note?: string | undefined
  /**
   * Time in the trace file of the last good response: when the copy was made. Absent if none was
   * read.
   */
  readonly trace?: number | undefined
}

export interface StoredEndpoint extends Endpoint, EndpointState {}

/** A change of a mirror's status that matters to clients or operators. */
export interface MirrorEvent {
  readonly mirror: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly state: MirrorState
  readonly reason: string
}

export interface StoredEvent extends MirrorEvent {
  /** Greater than the numbers of all earlier events. */
  readonly number: number
}

/**
 * Names of the sets of index numbers that are stored for each mirror. The store does not
 * interpret them.
 */
export const SET_NAMES = ['held', 'stale', 'absent', 'preferred'] as const
export type SetName = (typeof SET_NAMES)[number]

/** A part of a set: the 65,536 numbers from 65,536 × `block` on. */
export interface StoredBlock {
  readonly mirror: string
  readonly set: SetName
  readonly block: number
  /**
   * Undefined if the block was removed. Do not modify it, because blocks of equal content may
   * share it.
   */
  readonly content: Uint8Array | undefined
}

/** Result of the last survey of a mirror. */
export interface StoredSurvey {
  readonly mirror: string
  /** How the mirror was surveyed: `rsync`, `http`, `ftp` or `head`. */
  readonly source: string
  /** When the survey ended, in milliseconds since 1970. */
  readonly at: number
  /** Whether the whole listing was read. */
  readonly complete: boolean
  /** Why the survey is not complete. */
  readonly reason?: string | undefined
  /** Number of files in the listing. */
  readonly files: number
  /** Offset of the times in the listing, in milliseconds; absent if unknown. */
  readonly offset?: number | undefined
  /** When the last complete survey ended, in milliseconds since 1970; absent before the first. */
  readonly completed?: number | undefined
}

/** A file of which a mirror sends other bytes than the origin, or not all bytes. */
export interface StoredCorruptFile {
  readonly mirror: string
  /** Number of the file's content in the index. */
  readonly number: number
  readonly path: string
  /** Index of the piece that was read, from 0. */
  readonly piece: number
  /** When the piece was read, in milliseconds since 1970. */
  readonly at: number
  readonly url: string
  /** Digest of the origin's piece, in hex. */
  readonly expected: string
  /** Digest of the mirror's piece, in hex; empty if the mirror did not send all of it. */
  readonly got: string
  /** Offset of the first byte of the piece. */
  readonly start: number
  /** Offset of the last byte of the piece. */
  readonly end: number
}

/** A request of a follower to check whether a mirror has a file. */
export interface RequestedCheck {
  readonly mirror: string
  readonly path: string
  /** Time of the last request, in milliseconds since 1970. */
  readonly at: number
}

/** A change of what is known about the files of mirrors. */
export type PresenceChange =
  /** Stores a block; removes it if `content` is undefined. */
  | {
      readonly kind: 'block'
      readonly mirror: string
      readonly set: SetName
      readonly block: number
      readonly content: Uint8Array | undefined
    }
  /** Replaces the survey of the mirror. */
  | { readonly kind: 'survey'; readonly mirror: string; readonly survey: StoredSurvey }
  /** Replaces the corrupt file of this mirror and number. */
  | { readonly kind: 'corrupt'; readonly corrupt: StoredCorruptFile }
  | { readonly kind: 'removeCorrupt'; readonly mirror: string; readonly number: number }
  /** Requests a check whether a mirror has a file. `at` is in milliseconds since 1970. */
  | { readonly kind: 'requestCheck'; readonly mirror: string; readonly path: string; readonly at: number }
  /** Withdraws such a request. */
  | { readonly kind: 'removeRequest'; readonly mirror: string; readonly path: string }
  /** Removes the blocks, the survey, the corrupt files and the requested checks of a mirror. */
  | { readonly kind: 'forget'; readonly mirror: string }

export interface StoredPresence {
  /** Grows with every `apply` that contains a `PresenceChange`. */
  readonly version: number
  /**
   * Whether `blocks` has all blocks, so that the caller must forget others. Otherwise it has the
   * blocks that have changed.
   */
  readonly whole: boolean
  readonly blocks: readonly StoredBlock[]
  readonly surveys: readonly StoredSurvey[]
  readonly corrupt: readonly StoredCorruptFile[]
  /** Sorted by time, the oldest request first. */
  readonly requestedChecks: readonly RequestedCheck[]
}

export type StateChange =
  | PresenceChange
  | { readonly kind: 'endpoint'; readonly endpoint: StoredEndpoint }
  /** The mirror does not have this endpoint any more. */
  | { readonly kind: 'removeEndpoint'; readonly endpoint: Endpoint }
  | { readonly kind: 'event'; readonly event: MirrorEvent }
  /** Disables a mirror at a time in milliseconds since 1970; enables it if `at` is undefined. */
  | { readonly kind: 'disable'; readonly mirror: string; readonly at: number | undefined }
  /** Requests an early probe. */
  | { readonly kind: 'requestProbe'; readonly mirror: string; readonly at: number }

export interface StoredStates {
  readonly endpoints: readonly StoredEndpoint[]
  /** Times at which mirrors were disabled, by mirror. */
  readonly disabled: ReadonlyMap<string, number>
  /** Times of the last requests for an early probe, by mirror. */
  readonly requestedProbes: ReadonlyMap<string, number>
}

/** Events that are kept per mirror: the latest. */
export const MAX_EVENTS = 32
/** Requested checks that are kept: the latest. */
export const MAX_REQUESTED_CHECKS = 1000
/**
 * Versions for which removed blocks are remembered. A reader whose last version is older gets all
 * blocks.
 */
export const KEPT_VERSIONS = 1000

/**
 * A store of mirror states, which cannot be computed again. Separate from the index, because an
 * index may be thrown away.
 *
 * Methods may return values or promises. Every implementation passes the suite in
 * `test/store/states-suite.ts`.
 */
export interface MirrorStateStore {
  /** Returns everything except events and presence. */
  read(): Awaitable<StoredStates>
  /**
   * Returns the events after a number, in their order. 0: all that are kept, which are the last
   * 32 of each mirror.
   */
  events(after: number): Awaitable<readonly StoredEvent[]>
  /**
   * Returns what is known about the files of mirrors. `blocks` has those that changed or were
   * removed since a version, which an earlier call returned. It has all blocks after 0, after a
   * version that is too old, and after one of a lost file.
   */
  presence(after: number): Awaitable<StoredPresence>
  /** Applies all changes or none, in their order. */
  apply(changes: readonly StateChange[]): Awaitable<void>
  /** Returns a number that differs after another process has changed something. */
  version(): Awaitable<number>
  /** Closes the store, which keeps all applied changes. No method may be called afterwards. */
  close(): Awaitable<void>
}

/**
 * Returns whether a reader that last read the version `seen` needs all blocks at another version.
 */
export function needsWhole(seen: number, version: number): boolean {
  return seen === 0 || seen < version - KEPT_VERSIONS || seen > version
}

/** Returns a key that is unique for each endpoint. */
export function endpointKey({ mirror, url, family }: Endpoint): string {
  return `${mirror} ${family} ${url}`
}
