import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Clock, SYSTEM_CLOCK } from '../clock.js'
import { systemCode } from '../errors.js'
import type { Lease, Store } from './store.js'

/** Milliseconds between two looks at the lease, and at what the leader changed. */
const POLL_MS = 500
/** Milliseconds after which another takes over from a leader that keeps silent. */
const LEASE_MS = 3000

export interface LeaderEvents {
  /** This process indexes from now on. */
  lead(): void
  /** Another one does: what it stores is read. */
  follow(): void
  /** The leader, another process, has completed its first pass. */
  complete(): void
  /** Another process has changed the index. */
  changed(): void
  failed(error: unknown): void
}

/** The clocks of this process. Wall clocks of other hosts may differ. */
type Clocks = Pick<Clock, 'wall' | 'steady'>

/**
 * Decides which of the processes that share a store indexes. A leader that dies is known by its process number on the
 * same machine, and by its silence elsewhere: for as long as a lease lasts it has not renewed it. That is told by the
 * steady clock of whoever waits, so that a clock that is set forward deposes no leader, and one that is set back does not
 * keep a dead one in force. The time in the lease is believed once only: a process that starts and finds a lease which ran
 * out need not wait. Where it was wrong, by clocks that differ, the other one notices that it leads no more.
 */
export class Leader {
  readonly #store: Pick<Store, 'lease' | 'version'>
  readonly #events: LeaderEvents
  readonly #clocks: Clocks
  readonly #holder = `${hostname()}/${process.pid}/${randomUUID()}`
  /** The other's lease as it was last renewed, and since when it is so, by the steady clock. */
  #others: { readonly holder: string; readonly expires: number; readonly since: number } | undefined
  #expires = 0
  readonly #since: number
  #timer: NodeJS.Timeout | undefined
  #leads: boolean | undefined
  #complete = false
  #version: number | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(store: Pick<Store, 'lease' | 'version'>, events: LeaderEvents, clocks: Clocks = SYSTEM_CLOCK) {
    this.#store = store
    this.#events = events
    this.#clocks = clocks
    this.#since = clocks.steady()
  }

  /** Whether this process leads. */
  get leads(): boolean {
    return this.#leads === true
  }

  /** Takes the lease or waits for it, from now on. */
  async start(): Promise<void> {
    if (this.#closed) return
    this.#timer = setInterval(() => void this.look(), POLL_MS)
    await this.look()
  }

  /** Tells the others that the first pass is complete. */
  completed(): Promise<void> {
    this.#complete = true
    return this.look()
  }

  /** Looks now, after any look that is going on. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      if (this.#closed) return
      try {
        this.#decide(await this.#ask())
        if (this.#leads === false) await this.#compareVersion()
      } catch (error) {
        this.#events.failed(error)
        // Without a word of the store, somebody has to: two that index at once do twice the work and no harm. But it may
        // only have been busy, with the others that start.
        if (this.#leads === undefined && this.#clocks.steady() - this.#since > LEASE_MS) this.#lead()
      }
    })
    return this.#looking
  }

  /** Gives the lease back. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#looking
    try {
      if (this.#leads) await this.#store.lease(this.#holder, 0, this.#complete)
    } catch {
      // It runs out by itself.
    }
  }

  async #ask(): Promise<Lease> {
    const expires = this.#clocks.wall() + LEASE_MS
    // Another one each time, whatever becomes of the clock: it is how the others know that we are there.
    this.#expires = expires === this.#expires ? expires + 1 : expires
    const lease = await this.#store.lease(this.#holder, this.#expires, this.#complete)
    if (lease.held || !this.#isOver(lease)) return lease
    return this.#store.lease(this.#holder, this.#expires, this.#complete, lease)
  }

  /** Whether nobody keeps another's lease any more. */
  #isOver({ holder, expires }: Lease): boolean {
    if (isDead(holder)) return true
    const { wall, steady } = this.#clocks
    const known = this.#others
    if (known?.holder === holder && known.expires === expires) return steady() - known.since > LEASE_MS
    this.#others = { holder, expires, since: steady() }
    return known === undefined && expires <= wall()
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

function isDead(holder: string): boolean {
  const [host, pid] = holder.split('/')
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return systemCode(error) === 'ESRCH'
  }
}
