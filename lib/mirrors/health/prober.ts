import type { Clock } from '../../clock.js'
import { Limiter } from '../../limiter.js'
import type { Mirror, Random } from '../../model.js'
import { hostOf } from '../../network/addresses.js'
import { TokenBucket } from '../../token-bucket.js'
import type { Timing } from './timing.js'

const MAX_CONCURRENT = 32
const MAX_PER_HOST = 2
/** The first probes of n mirrors are spread over n times this. */
const SPREAD_PER_MIRROR_MS = 50
const MAX_EARLY_BURST = 10
const EARLY_PER_SECOND = 1

export interface ProberDependencies {
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly random: Random
  /** Probes a mirror, and returns the milliseconds until its next probe. Never rejects. */
  readonly probe: (mirror: Mirror, signal: AbortSignal) => Promise<number>
}

/** A mirror and its next or running probe. Times are of the steady clock. */
interface ScheduledMirror {
  mirror: Mirror
  readonly host: string
  /** Cancels the timer of the next probe. */
  cancel: () => void
  dueAt: number
  /** Set while the mirror is probed. */
  controller: AbortController | undefined
  /** Whether the mirror is in the queue. */
  isQueued: boolean
  lastProbedAt: number
}

/** Schedule of probes: each mirror has a timer of its own, and few are probed at the same time. */
export class Prober {
  readonly #timing: Timing
  readonly #dependencies: ProberDependencies
  readonly #scheduled = new Map<string, ScheduledMirror>()
  /** Mirrors whose time has come and that wait for others to end. */
  readonly #queue: ScheduledMirror[] = []
  readonly #limiter = new Limiter(MAX_CONCURRENT, MAX_PER_HOST)
  readonly #earlyProbes: TokenBucket
  #closed = false

  constructor(timing: Timing, dependencies: ProberDependencies) {
    this.#timing = timing
    this.#dependencies = dependencies
    this.#earlyProbes = new TokenBucket({
      initial: MAX_EARLY_BURST,
      rate: EARLY_PER_SECOND,
      now: () => dependencies.clock.steady(),
    })
  }

  /** Replaces the mirrors that are probed. New or changed ones are probed soon. */
  setMirrors(mirrors: readonly Mirror[]): void {
    if (this.#closed) return
    const ids = new Set(mirrors.map(({ id }) => id))
    for (const [id, scheduled] of this.#scheduled) if (!ids.has(id)) this.#remove(id, scheduled)
    const spread = Math.min(this.#timing.period, SPREAD_PER_MIRROR_MS * mirrors.length)
    for (const mirror of mirrors) {
      const scheduled = this.#scheduled.get(mirror.id)
      if (scheduled !== undefined && isProbedAlike(scheduled.mirror, mirror)) scheduled.mirror = mirror
      else {
        if (scheduled !== undefined) this.#remove(mirror.id, scheduled)
        this.#schedule(this.#add(mirror), spread * this.#dependencies.random())
      }
    }
  }

  /**
   * Probes a mirror as soon as `timing.early` has passed since its last probe. Does nothing after
   * too many early probes, because clients can request them.
   */
  expedite(id: string): void {
    const scheduled = this.#scheduled.get(id)
    if (scheduled === undefined || scheduled.controller !== undefined || scheduled.isQueued) return
    const now = this.#dependencies.clock.steady()
    const delay = Math.max(0, scheduled.lastProbedAt + this.#timing.early - now)
    if (now + delay >= scheduled.dueAt || this.#earlyProbes.tokens < 1) return
    this.#earlyProbes.take(1)
    this.#schedule(scheduled, delay)
  }

  /** Aborts every probe and cancels every timer. */
  close(): void {
    this.#closed = true
    for (const [id, scheduled] of this.#scheduled) this.#remove(id, scheduled)
  }

  #add(mirror: Mirror): ScheduledMirror {
    const scheduled: ScheduledMirror = {
      mirror,
      host: hostOf(new URL(mirror.urls[0] ?? '')),
      cancel: () => {},
      dueAt: Number.POSITIVE_INFINITY,
      controller: undefined,
      isQueued: false,
      lastProbedAt: Number.NEGATIVE_INFINITY,
    }
    this.#scheduled.set(mirror.id, scheduled)
    return scheduled
  }

  #remove(id: string, scheduled: ScheduledMirror): void {
    this.#scheduled.delete(id)
    scheduled.cancel()
    scheduled.controller?.abort()
    const index = this.#queue.indexOf(scheduled)
    if (index !== -1) this.#queue.splice(index, 1)
  }

  #schedule(scheduled: ScheduledMirror, delay: number): void {
    scheduled.cancel()
    scheduled.dueAt = this.#dependencies.clock.steady() + delay
    scheduled.cancel = this.#dependencies.clock.after(delay, () => {
      scheduled.isQueued = true
      this.#queue.push(scheduled)
      this.#startQueued()
    })
  }

  /** Starts queued probes, oldest first, as far as the limits permit. */
  #startQueued(): void {
    for (;;) {
      const index = this.#queue.findIndex(({ host }) => this.#limiter.hasRoom(host))
      const [scheduled] = index === -1 ? [] : this.#queue.splice(index, 1)
      if (scheduled === undefined) return
      void this.#run(scheduled)
    }
  }

  async #run(scheduled: ScheduledMirror): Promise<void> {
    const controller = new AbortController()
    scheduled.isQueued = false
    scheduled.controller = controller
    const { probe, clock } = this.#dependencies
    const delay = await this.#limiter.run(scheduled.host, () => probe(scheduled.mirror, controller.signal))
    scheduled.controller = undefined
    scheduled.lastProbedAt = clock.steady()
    if (!controller.signal.aborted) this.#schedule(scheduled, delay)
    this.#startQueued()
  }
}

/** Whether two versions of a mirror are probed in the same way. */
function isProbedAlike(one: Mirror, other: Mirror): boolean {
  const key = ({ urls, family, trace, redirects }: Mirror) => JSON.stringify([urls, family, trace, redirects])
  return key(one) === key(other)
}
