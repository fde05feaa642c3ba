import type { Clock } from '../../clock.js'
import { Limiter } from '../../limiter.js'

/** A file on a mirror that is to be checked. */
export interface QueuedCheck {
  /** Id of the mirror. */
  readonly mirror: string
  readonly path: string
}

const MAX_WAITING = 2000
const MAX_CONCURRENT = 8
const MAX_PER_MIRROR = 2

/** When the checks of a mirror may start. */
export interface CheckPace {
  /** Returns the milliseconds until the next check of a mirror may start. */
  readonly delayOf: (mirror: string) => number
  /** Called before each check. */
  readonly started: (mirror: string) => void
  readonly after: Clock['after']
}

/**
 * Bounded queue of checks without duplicates. Few checks run at the same time, and fewer per
 * mirror. Each mirror has a pace that all of its checks share.
 */
export class CheckQueue {
  readonly #check: (check: QueuedCheck) => Promise<unknown>
  readonly #urgent = new Map<string, QueuedCheck>()
  readonly #normal = new Map<string, QueuedCheck>()
  readonly #running = new Set<string>()
  readonly #limiter = new Limiter(MAX_CONCURRENT, MAX_PER_MIRROR)
  readonly #pace: CheckPace
  #cancelTimer: (() => void) | undefined
  #closed = false

  /** @param check performs a check. Must not reject. */
  constructor(check: (check: QueuedCheck) => Promise<unknown>, pace: CheckPace) {
    this.#check = check
    this.#pace = pace
  }

  /** Number of running and waiting checks. */
  get size(): number {
    return this.#running.size + this.#urgent.size + this.#normal.size
  }

  /**
   * Queues a check, unless it is queued already.
   *
   * @returns false if too many checks wait
   */
  add(check: QueuedCheck, isUrgent: boolean): boolean {
    const key = `${check.mirror} ${check.path}`
    if (this.#closed) return false
    if (this.#urgent.has(key) || this.#running.has(key)) return true
    if (isUrgent) this.#normal.delete(key)
    const queue = isUrgent ? this.#urgent : this.#normal
    if (queue.size >= MAX_WAITING) return false
    queue.set(key, check)
    this.#startQueued()
    return true
  }

  /** Drops all waiting checks. */
  close(): void {
    this.#closed = true
    this.#urgent.clear()
    this.#normal.clear()
    this.#cancelTimer?.()
  }

  #startQueued(): void {
    const delays = new Map<string, number>()
    for (const queue of [this.#urgent, this.#normal]) {
      for (const [key, check] of queue) {
        if (this.#running.size >= MAX_CONCURRENT) return
        const { mirror } = check
        if (delays.has(mirror) || !this.#limiter.hasRoom(mirror)) continue
        const delay = this.#pace.delayOf(mirror)
        if (delay > 0) {
          delays.set(mirror, delay)
          continue
        }
        queue.delete(key)
        void this.#run(key, check)
      }
    }
    if (delays.size > 0) this.#startLater(Math.min(...delays.values()))
  }

  #startLater(delay: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#pace.after(delay, () => {
      this.#cancelTimer = undefined
      this.#startQueued()
    })
  }

  async #run(key: string, check: QueuedCheck): Promise<void> {
    this.#running.add(key)
    this.#pace.started(check.mirror)
    await this.#limiter.run(check.mirror, () => this.#check(check))
    this.#running.delete(key)
    if (!this.#closed) this.#startQueued()
  }
}
