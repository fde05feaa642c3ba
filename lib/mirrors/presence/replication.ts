import type { Clock } from '../../clock.js'
import type { MirroredByError } from '../../errors.js'
import type { Awaitable } from '../../model.js'
import { StateReplica } from '../../store/replica.js'
import type {
  MirrorStateStore,
  RequestedCheck,
  StateChange,
  StoredCorruptFile,
  StoredPresence,
} from '../../store/states.js'
import type { CheckedMirror, CheckedMirrors } from './checked-mirror.js'
import { restore } from './persistence.js'

export interface ReplicationDependencies {
  readonly mirrors: CheckedMirrors
  readonly store: MirrorStateStore
  readonly clock: Pick<Clock, 'steady' | 'wall' | 'after'>
  readonly isLeader: () => boolean
  /** Runs at the start of every poll of the store. */
  readonly poll: () => void
  /** A follower has requested a check; `mirror` is undefined if it is not checked any more. */
  readonly requested: (mirror: string | undefined, path: string) => void
  readonly warning: (error: MirroredByError) => void
}

/** Number of unwritten changes at which requests for checks are no longer passed to the leader. */
const MAX_QUEUED_CHANGES = 10_000

/** Replication of what is known of the files of mirrors: see `StateReplica`. */
export class PresenceReplication {
  readonly #dependencies: ReplicationDependencies
  readonly #replica: StateReplica
  /** Presence version last read from the store. */
  #version = 0

  constructor(dependencies: ReplicationDependencies) {
    this.#dependencies = dependencies
    this.#replica = new StateReplica(
      {
        poll: dependencies.poll,
        load: (store) => this.#load(store),
        needsLoad: () => [...dependencies.mirrors.values()].some(({ isNew }) => isNew),
        collect: () => this.#queueBlocks(),
        failureText: (reason) =>
          `what mirrors hold cannot be stored or read at the moment: ${reason}; it is kept in memory until then`,
      },
      dependencies,
    )
  }

  /** Loads stored state, at once if the store is synchronous, and starts polling. */
  start(): void {
    this.#replica.start()
  }

  /** Makes the next poll run at once, unless one is running. */
  pollSoon(): void {
    this.#replica.pollSoon()
  }

  /** Queues everything in memory to be stored again, because the stored state was lost. */
  restore(): void {
    for (const checked of this.#dependencies.mirrors.values()) {
      checked.files.markAllChanged()
      this.queueSurvey(checked)
      for (const corrupt of checked.files.corrupt) this.queueCorrupt(checked, corrupt)
    }
    this.#replica.restore()
  }

  /** Ends polling; a poll that is running goes on. */
  stop(): void {
    this.#replica.stop()
  }

  /** Ends polling and stores what is not stored yet. Leaves the store open. */
  async close(): Promise<void> {
    await this.#replica.close()
  }

  /** Requests a check from the leader, unless too many changes wait. */
  requestCheck({ key }: CheckedMirror, path: string): void {
    if (this.#replica.size >= MAX_QUEUED_CHANGES) return
    const at = this.#dependencies.clock.wall()
    this.#queue(`request ${key} ${path}`, { kind: 'requestCheck', mirror: key, path, at })
  }

  queueSurvey({ key, survey }: CheckedMirror): void {
    if (survey !== undefined) this.#queue(`survey ${key}`, { kind: 'survey', mirror: key, survey })
  }

  queueCorrupt({ key }: CheckedMirror, corrupt: StoredCorruptFile): void {
    const stored = { ...corrupt, mirror: key }
    this.#queue(`corrupt ${key} ${corrupt.number}`, { kind: 'corrupt', corrupt: stored })
  }

  queueRecovered({ key }: CheckedMirror, number: number): void {
    this.#queue(`corrupt ${key} ${number}`, { kind: 'removeCorrupt', mirror: key, number })
  }

  /** Queues the blocks that have changed. Only the leader's are newer than the stored ones. */
  #queueBlocks(): void {
    if (!this.#dependencies.isLeader()) return
    for (const { key, files } of this.#dependencies.mirrors.values())
      for (const change of files.takeChanges(key))
        this.#queue(`block ${key} ${change.set} ${change.block}`, change)
  }

  #queue(key: string, change: StateChange): void {
    this.#replica.queue(key, change, true)
  }

  #load(store: MirrorStateStore): Awaitable<void> {
    const mirrors = [...this.#dependencies.mirrors.values()]
    // A new mirror needs all that is stored, not only what has changed.
    const stored = store.presence(mirrors.some(({ isNew }) => isNew) ? 0 : this.#version)
    return stored instanceof Promise
      ? stored.then((presence) => this.#merge(presence, mirrors))
      : this.#merge(stored, mirrors)
  }

  #merge(presence: StoredPresence, mirrors: readonly CheckedMirror[]): void {
    this.#version = presence.version
    const isLeader = this.#dependencies.isLeader()
    // The leader's memory is newer than the store: it reads back only mirrors that it has not
    // loaded yet.
    const loaded = mirrors.filter(({ isNew }) => isNew || !isLeader)
    for (const { files, isNew } of loaded) if (presence.whole && !isNew) files.clear()
    restore(loaded, presence)
    for (const checked of loaded) checked.isNew = false
    if (!isLeader) return
    this.#takeRequests(presence.requestedChecks)
    this.#forgetRemoved(presence)
  }

  /** Takes requests for checks from the store, where followers have left them. */
  #takeRequests(requests: readonly RequestedCheck[]): void {
    const ids = new Map([...this.#dependencies.mirrors].map(([id, { key }]) => [key, id]))
    for (const { mirror, path } of requests) {
      this.#queue(`request ${mirror} ${path}`, { kind: 'removeRequest', mirror, path })
      this.#dependencies.requested(ids.get(mirror), path)
    }
  }

  /** Removes stored state of mirrors that are no longer checked, or have other URLs. */
  #forgetRemoved({ blocks, surveys }: StoredPresence): void {
    const keys = new Set([...this.#dependencies.mirrors.values()].map(({ key }) => key))
    for (const mirror of new Set([...blocks, ...surveys].map((stored) => stored.mirror)))
      if (!keys.has(mirror)) this.#queue(`forget ${mirror}`, { kind: 'forget', mirror })
  }
}
