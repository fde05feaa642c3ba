import type { Clock } from '../clock.js'
import { errorMessage, MirroredByError } from '../errors.js'
import type { Awaitable } from '../model.js'
import type { MirrorStateStore, StateChange } from './states.js'

const POLL_MS = 500
const FLUSH_MS = 5000

/** State in memory that a `StateReplica` keeps in step with a store. */
export interface ReplicatedState {
  /** Runs at the start of every poll, before the store is read. */
  poll(): void
  /**
   * Reads the store and merges what it returns. It must be synchronous if the store is, because
   * stored state then applies from the first request on.
   *
   * @param isStart whether this is the first attempt, made in the constructor's turn
   */
  load(store: MirrorStateStore, isStart: boolean): Awaitable<void>
  /** Returns true if `load` must run although the store has not changed. */
  needsLoad?(): boolean
  /**
   * Queues changes that are expensive to find. Runs before a write, every `FLUSH_MS` at least.
   */
  collect?(): void
  /** Runs after changes were written, unless the replica is closing. */
  written?(store: MirrorStateStore, changes: readonly StateChange[]): Awaitable<void>
  /** Returns the text of the warning that the store cannot be used, for a given reason. */
  failureText(reason: string): string
}

export interface ReplicaDependencies {
  readonly store: MirrorStateStore
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly warning: (error: MirroredByError) => void
}

interface QueuedChange {
  readonly change: StateChange
  readonly isUrgent: boolean
}

/**
 * Copies state between memory and a store that other processes write to as well. It reads the store
 * when another process has changed it, and writes queued changes in batches. While the store fails,
 * changes stay queued.
 */
export class StateReplica {
  readonly #state: ReplicatedState
  readonly #dependencies: ReplicaDependencies
  /** Changes not yet written, by key: a newer change replaces an older one with the same key. */
  readonly #changes = new Map<string, QueuedChange>()
  /** The store's version when it was last read; undefined before the first time. */
  #version: number | undefined
  /** When changes were last written or collected, by the steady clock. */
  #flushedAt: number
  /** Whether stored state was lost and has not been written again yet. */
  #isLost = false
  #isPolling = false
  #closed = false
  #cancelPoll: () => void = () => {}
  /** The reads and writes so far, one after the other. */
  #work: Promise<void> = Promise.resolve()

  constructor(state: ReplicatedState, dependencies: ReplicaDependencies) {
    this.#state = state
    this.#dependencies = dependencies
    this.#flushedAt = dependencies.clock.steady()
  }

  /** Number of changes not yet written. */
  get size(): number {
    return this.#changes.size
  }

  /** Loads stored state, at once if the store is synchronous, and starts polling. */
  start(): void {
    this.#work = this.#attempt(() => this.#read(true))
    this.#schedulePoll(POLL_MS)
  }

  /** Queues a change: an urgent one is written by the next poll, others within `FLUSH_MS`. */
  queue(key: string, change: StateChange, isUrgent: boolean): void {
    this.#changes.set(key, { change, isUrgent })
  }

  /** Writes urgent changes as soon as the work under way has ended. */
  flush(): void {
    this.#enqueue(() => this.#write(false))
  }

  /** Makes the next poll run at once, unless one is running. */
  pollSoon(): void {
    if (this.#isPolling) return
    this.#cancelPoll()
    this.#schedulePoll(0)
  }

  /**
   * Makes the next poll write all queued changes before it reads, because stored state was lost.
   */
  restore(): void {
    this.#isLost = true
  }

  /** Ends polling; a poll that is running goes on. */
  stop(): void {
    this.#closed = true
    this.#cancelPoll()
  }

  /** Ends polling and writes all queued changes. Does not close the store. */
  async close(): Promise<void> {
    this.stop()
    await this.#work
    try {
      await this.#write(true)
    } catch {
      // Ignored: a store that fails has been reported by a poll, and the next process measures
      // again.
    }
  }

  #schedulePoll(milliseconds: number): void {
    if (this.#closed) return
    this.#cancelPoll = this.#dependencies.clock.after(milliseconds, () => {
      this.#isPolling = true
      this.#enqueue(() => this.#poll())
      this.#enqueue(() => {
        this.#isPolling = false
        this.#schedulePoll(POLL_MS)
      })
    })
  }

  #enqueue(action: () => Awaitable<void>): void {
    this.#work = this.#work.then(() => this.#attempt(action))
  }

  async #attempt(action: () => Awaitable<void>): Promise<void> {
    try {
      const done = action()
      if (done instanceof Promise) await done
    } catch (error) {
      const text = this.#state.failureText(errorMessage(error))
      this.#dependencies.warning(new MirroredByError('ERR_STORE', text, error))
    }
  }

  async #poll(): Promise<void> {
    if (this.#closed) return
    this.#state.poll()
    await this.#read(false)
    await this.#write(false)
  }

  #read(isStart: boolean): Awaitable<void> {
    // The version comes first: a change between the two reads is then found by the next poll.
    const version = this.#dependencies.store.version()
    if (version instanceof Promise) return version.then((number) => this.#readAt(number, isStart))
    return this.#readAt(version, isStart)
  }

  #readAt(version: number, isStart: boolean): Awaitable<void> {
    // A store finds out in `version()` that its file was lost.
    if (this.#isLost && !isStart) return this.#write(true).then(() => this.#load(version, isStart))
    return this.#load(version, isStart)
  }

  #load(version: number, isStart: boolean): Awaitable<void> {
    if (version === this.#version && this.#state.needsLoad?.() !== true) return
    const loaded = this.#state.load(this.#dependencies.store, isStart)
    const done = (): void => {
      this.#version = version
    }
    return loaded instanceof Promise ? loaded.then(done) : done()
  }

  /** @param isWhole whether changes that are not due are written as well */
  async #write(isWhole: boolean): Promise<void> {
    const { clock, store } = this.#dependencies
    const isDue = clock.steady() - this.#flushedAt >= FLUSH_MS
    if (!isWhole && !isDue && !this.#hasUrgent()) return
    if (this.#state.collect !== undefined) {
      this.#state.collect()
      this.#flushedAt = clock.steady()
    }
    const wasLost = this.#isLost
    this.#isLost = false
    if (this.#changes.size === 0) return
    const queued = [...this.#changes]
    const changes = queued.map(([, { change }]) => change)
    try {
      await store.apply(changes)
    } catch (error) {
      this.#isLost ||= wasLost
      throw error
    }
    this.#flushedAt = clock.steady()
    // A change that was replaced meanwhile stays queued.
    for (const [key, entry] of queued) if (this.#changes.get(key) === entry) this.#changes.delete(key)
    if (!this.#closed) await this.#state.written?.(store, changes)
  }

  #hasUrgent(): boolean {
    for (const { isUrgent } of this.#changes.values()) if (isUrgent) return true
    return false
  }
}
