import { type Clock, SYSTEM_CLOCK } from '../clock.js'
import { holderName, isDead } from './holder.js'
import type { Lease, Store } from './store.js'

/** Interval at which the lease, and the version of the store, are read. */
const POLL_MS = 500
/** Time without a renewal after which another process takes the lease. */
const LEASE_MS = 3000

export interface LeaderEvents {
  /** This process leads from now on: it indexes. */
  lead(): void
  /** Another process leads: its changes are read. */
  follow(): void
  /** The leader is another process, and has completed its first pass. */
  complete(): void
  /** Another process has changed the index. */
  changed(): void
  failed(error: unknown): void
}

/** The clocks of this process. Wall clocks of other hosts may differ. */
type Clocks = Pick<Clock, 'wall' | 'steady'>

/**
 * Elects the leader among the processes that share a store. A dead leader in the same name space of
 * processes is recognized by its number; elsewhere, by a lease that was not renewed for `LEASE_MS`.
 * Followers measure that by their steady clock. So a wall clock that is set forward does not
 * depose a leader; a wall clock that is set back does not keep a dead leader in force.
 *
 * `expires` is compared with the wall clock only once, at the start: a lease that has run out can
 * be taken at once. If that was wrong, because clocks differ, the former leader notices at its
 * next renewal that it follows.
 */
export class Leader {
  readonly #store: Pick<Store, 'lease' | 'version'>
  readonly #events: LeaderEvents
  readonly #clocks: Clocks
  readonly #holder = holderName()
  /** The last renewal by another process, and when it was first seen, by the steady clock. */
  #renewal: { readonly holder: string; readonly expires: number; readonly seenAt: number } | undefined
  #expires = 0
  readonly #startedAt: number
  #timer: NodeJS.Timeout | undefined
  /** Undefined until the store has decided. */
  #leads: boolean | undefined
  #complete = false
  #version: number | undefined
  #polling: Promise<void> = Promise.resolve()
  #closed = false

  constructor(store: Pick<Store, 'lease' | 'version'>, events: LeaderEvents, clocks: Clocks = SYSTEM_CLOCK) {
    this.#store = store
    this.#events = events
    this.#clocks = clocks
    this.#startedAt = clocks.steady()
  }

  /** Whether this process leads. */
  get leads(): boolean {
    return this.#leads === true
  }

  /** Starts to take or to wait for the lease. */
  async start(): Promise<void> {
    if (this.#closed) return
    this.#timer = setInterval(() => void this.poll(), POLL_MS)
    await this.poll()
  }

  /** Notes in the lease that the first pass is complete. */
  completed(): Promise<void> {
    this.#complete = true
    return this.poll()
  }

  /** Reads the lease and the version of the store, after a poll that is running. */
  poll(): Promise<void> {
    this.#polling = this.#polling.then(async () => {
      if (this.#closed) return
      try {
        this.#decide(await this.#requestLease())
        if (this.#leads === false) await this.#compareVersion()
      } catch (error) {
        this.#events.failed(error)
        // Lead if the store keeps failing: two processes that index at once do twice the work,
        // but no harm. Wait for `LEASE_MS`, because the store may just be busy with other
        // processes that start.
        if (this.#leads === undefined && this.#clocks.steady() - this.#startedAt > LEASE_MS) this.#lead()
      }
    })
    return this.#polling
  }

  /** Gives the lease back. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#polling
    try {
      if (this.#leads) await this.#store.lease(this.#holder, 0, this.#complete)
    } catch {
      // The lease runs out by itself.
    }
  }

  async #requestLease(): Promise<Lease> {
    const expires = this.#clocks.wall() + LEASE_MS
    // Different at each renewal, even if the clock stands still, because other processes see
    // renewals by it.
    this.#expires = expires === this.#expires ? expires + 1 : expires
    const lease = await this.#store.lease(this.#holder, this.#expires, this.#complete)
    if (lease.held || !this.#isExpired(lease)) return lease
    return this.#store.lease(this.#holder, this.#expires, this.#complete, lease)
  }

  /** Returns whether the holder of a lease is dead, or has not renewed it for `LEASE_MS`. */
  #isExpired({ holder, expires }: Lease): boolean {
    if (isDead(holder)) return true
    const { wall, steady } = this.#clocks
    const renewal = this.#renewal
    if (renewal?.holder === holder && renewal.expires === expires) return steady() - renewal.seenAt > LEASE_MS
    this.#renewal = { holder, expires, seenAt: steady() }
    return renewal === undefined && expires <= wall()
  }

  #decide({ held, complete }: Lease): void {
    if (held) {
      if (!this.#leads) this.#lead()
      return
    }
    if (this.#leads !== false) {
      this.#leads = false
      this.#complete = false
      this.#events.follow()
    }
    if (complete) this.#events.complete()
  }

  #lead(): void {
    this.#leads = true
    this.#events.lead()
  }

  async #compareVersion(): Promise<void> {
    const version = await this.#store.version()
    if (version !== this.#version && this.#version !== undefined) this.#events.changed()
    this.#version = version
  }
}
