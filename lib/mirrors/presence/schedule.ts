import type { Random } from '../../model.js'

/** Share of the interval after which a survey that failed is tried again, and by which others are spread. */
const RETRY_MS = 1 / 6
const JITTER = 0.1
/** Share of the interval that is left to a mirror between two surveys, whoever asks. */
const MIN_INTERVAL_MS = 1 / 36
const MAX_CONCURRENT = 2
/** Share of the interval after which a survey is slow: it goes on, and others need not wait for it any more. */
const SLOW = 1 / 360
/** Slow ones among them. */
const MAX_SURVEYS = 8

interface Planned {
  /** By the steady clock. */
  due: number
  /** Not before. */
  earliest: number
}

/** Decides when each mirror is surveyed: at once where that was never done, else an interval after the last time. */
export class Schedule {
  readonly #interval: number
  readonly #random: Random
  readonly #planned = new Map<string, Planned>()
  /** When those began that are under way, by the steady clock. */
  readonly #running = new Map<string, number>()

  /** @param interval milliseconds */
  constructor(interval: number, random: Random) {
    this.#interval = interval
    this.#random = random
  }

  /** @param ago milliseconds since the last complete survey; undefined where there was none */
  add(id: string, now: number, ago: number | undefined): void {
    const wait = ago === undefined ? 0 : Math.max(0, this.#usual() - Math.max(0, ago))
    this.#planned.set(id, { due: now + wait, earliest: now })
  }

  remove(id: string): void {
    this.#planned.delete(id)
  }

  has(id: string): boolean {
    return this.#planned.has(id)
  }

  /** A survey is wanted as soon as can be: not within a 36th of the interval after the last one. */
  expedite(id: string, now: number): void {
    const planned = this.#planned.get(id)
    if (planned !== undefined) planned.due = Math.min(planned.due, Math.max(now, planned.earliest))
  }

  /** Those whose time has come, in their order, as long as others are not under way: each is to be told the end of. */
  take(now: number, isReady: (id: string) => boolean): readonly string[] {
    const due = [...this.#planned].filter(
      ([id, planned]) => !this.#running.has(id) && planned.due <= now && isReady(id),
    )
    const first = due.sort(([, one], [, other]) => one.due - other.due).slice(0, this.#room(now))
    for (const [id] of first) this.#running.set(id, now)
    return first.map(([id]) => id)
  }

  /** @param isGood whether it told everything */
  ended(id: string, now: number, isGood: boolean): void {
    this.#running.delete(id)
    const planned = this.#planned.get(id)
    if (planned === undefined) return
    planned.earliest = now + this.#interval * MIN_INTERVAL_MS
    planned.due = now + (isGood ? this.#usual() : this.#usual() * RETRY_MS)
  }

  /** How many may begin: mirrors that list without end hold up no others. */
  #room(now: number): number {
    const fast = [...this.#running.values()].filter((since) => now - since < this.#interval * SLOW)
    return Math.max(0, Math.min(MAX_CONCURRENT - fast.length, MAX_SURVEYS - this.#running.size))
  }

  #usual(): number {
    return this.#interval * (1 - JITTER * this.#random())
  }
}
