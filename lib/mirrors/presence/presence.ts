import type { Clock } from '../../clock.js'
import type { MirroredByError } from '../../errors.js'
import type { IndexedFile, Mirror, Random } from '../../model.js'
import type { HostResolver } from '../../network/addresses.js'
import type { PathFilter } from '../../paths.js'
import type { MirrorStateStore } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import type { CorruptFile, MirrorPresence } from './report.js'

/**
 * Presence of files on mirrors. Of the processes that share a state store, the leader surveys and
 * checks mirrors; all of them read what it has stored, and pass inventories to the ranking. No
 * request waits for it.
 */
export interface Presence {
  /** Returns what is known of a mirror's files. */
  of(mirror: Mirror): MirrorPresence
  /** Starts surveys and checks: this process has become the leader. */
  lead(): void
  /** Aborts surveys: another process is the leader. */
  follow(): void
  /** Marks the index as complete. Mirrors are compared with it from now on. */
  ready(): void
  /** Applies a new list of mirrors. */
  listChanged(): void
  /** Queues checks of files that were indexed again, or deleted. */
  changed(paths: readonly string[]): void
  /**
   * Called when a response omitted mirrors because their copy of `file` is unchecked. Queues the
   * checks and returns at once.
   */
  requestCheck(file: IndexedFile, candidates: readonly Candidate[]): void
  /**
   * Handles a client's report, with a request for a file, that mirrors are broken. Their copies of
   * the file are checked again, and only the check changes what is known.
   *
   * @param names ids and hosts of mirrors, in lower case
   */
  reportBroken(names: ReadonlySet<string>, path: string): void
  /** Surveys a mirror as soon as possible. */
  expedite(id: string): void
  /** Queues everything in memory to be stored again, because the stored state was lost. */
  restore(): void
  /** Aborts surveys and checks, and stores what is not stored yet. Leaves the store open. */
  close(): Promise<void>
}

export interface PresenceDependencies {
  readonly states: MirrorStateStore
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces' | 'folders'>
  readonly registry: Pick<Registry, 'snapshot' | 'setInventories'>
  readonly includes: PathFilter
  /** Globs from which `includes` is made. */
  readonly ignore: readonly string[]
  /** SQLite file of the index, which worker threads open; undefined if it is in no file. */
  readonly indexFile: string | undefined
  readonly resolver: HostResolver
  /** Fields of requests for files. See `loopFields`. */
  readonly requestFields?: Readonly<Record<string, string>> | undefined
  readonly clock: Clock
  readonly random: Random
  /** Returns false if the mirror is known to be down. */
  readonly isUp: (mirror: Mirror) => boolean
  /** Returns our ETag of a file. */
  readonly etagOf: (file: IndexedFile) => string | undefined
}

export interface PresenceEvents {
  /** A mirror's copy has other bytes than ours. */
  corrupt(corrupt: CorruptFile): void
  /** A survey has ended, complete or not. */
  surveyed(mirror: string): void
  warning(error: MirroredByError): void
}

const ignore = (): void => {}

/** Presence when checks are off: every mirror is assumed to hold every file. */
export const ASSUMED_PRESENCE: Presence = {
  of: () => ({ kind: 'assumed' }),
  lead: ignore,
  follow: ignore,
  ready: ignore,
  listChanged: ignore,
  changed: ignore,
  requestCheck: ignore,
  reportBroken: ignore,
  expedite: ignore,
  restore: ignore,
  close: async () => {},
}
