import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Lease, Store } from './store/store.js'

/** Milliseconds between two looks at the lease, and at what the leader changed. */
const INTERVAL = 500
/** Milliseconds after which another takes over from a leader that keeps silent. */
const DURATION = 3000

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

/**
 * Decides which of the processes that share a store indexes. A leader that dies is known by its process number on the
 * same machine, and by its silence elsewhere.
 */
export class Leader {
  readonly #store: Pick<Store, 'lease' | 'version'>
  readonly #events: LeaderEvents
  readonly #holder = `${hostname()}/${process.pid}/${randomUUID()}`
  #timer: NodeJS.Timeout | undefined
  #leads: boolean | undefined
  #complete = false
  #version: number | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(store: Pick<Store, 'lease' | 'version'>, events: LeaderEvents) {
    this.#store = store
    this.#events = events
  }

  /** Takes the lease or waits for it, from now on. */
  async start(): Promise<void> {
    if (this.#closed) return
    this.#timer = setInterval(() => void this.look(), INTERVAL)
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
        this.#decide(await this.#ask(DURATION))
        if (this.#leads === false) await this.#compareVersion()
      } catch (error) {
        this.#events.failed(error)
        // Without a word of the store, somebody has to: two that index at once do twice the work and no harm.
        if (this.#leads === undefined) this.#lead()
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
      if (this.#leads) await this.#store.lease(this.#holder, Date.now(), 0, this.#complete)
    } catch {
      // It runs out by itself.
    }
  }

  async #ask(duration: number): Promise<Lease> {
    const lease = await this.#store.lease(this.#holder, Date.now(), duration, this.#complete)
    if (lease.held || !isDead(lease.holder)) return lease
    return this.#store.lease(this.#holder, Date.now(), duration, this.#complete, lease.holder)
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
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}
