import type { Random } from '../../model.js'

/** Share of the interval after which a failed survey is repeated. */
const RETRY_SHARE = 1 / 6
/** Maximum share of the interval that is cut at random, so that surveys spread. */
const JITTER = 0.1
/**
 * Minimum share of the interval between two surveys of a mirror, however often surveys are
 * requested.
 */
const MIN_PAUSE_SHARE = 1 / 36
/** Surveys at the same time, without the slow ones. */
const MAX_FAST_SURVEYS = 2
/**
 * Share of the interval after which a running survey counts as slow: others no longer wait for it.
 */
const SLOW_SHARE = 1 / 360
/** Surveys at the same time, with the slow ones. */
const MAX_SURVEYS = 8

/** Times of the steady clock. */
interface NextSurvey {
  dueAt: number
  /** A requested survey starts no earlier. */
  earliestAt: number
}

/**
 * Decides when mirrors are surveyed: at once the first time, then an interval after the last
 * survey.
 */
export class Schedule {
  readonly #interval: number
  readonly #random: Random
  readonly #next = new Map<string, NextSurvey>()
  /** Start times of running surveys, by the steady clock. */
  readonly #running = new Map<string, number>()

  /** @param interval milliseconds between two surveys of a mirror */
  constructor(interval: number, random: Random) {
    this.#interval = interval
    this.#random = random
  }

  /** @param ago milliseconds since the last complete survey; undefined if there was none */
  add(id: string, now: number, ago: number | undefined): void {
    const delay = ago === undefined ? 0 : Math.max(0, this.#usualDelay() - Math.max(0, ago))
    this.#next.set(id, { dueAt: now + delay, earliestAt: now })
  }

  remove(id: string): void {
    this.#next.delete(id)
  }

  has(id: string): boolean {
    return this.#next.has(id)
  }

  /** Makes a survey due as soon as a 36th of the interval has passed since the last one. */
  expedite(id: string, now: number): void {
    const next = this.#next.get(id)
    if (next !== undefined) next.dueAt = Math.min(next.dueAt, Math.max(now, next.earliestAt))
  }

  /**
   * Returns the ids of mirrors whose surveys start now, the most overdue first. The caller must
   * call `ended` for each.
   */
  take(now: number, isReady: (id: string) => boolean): readonly string[] {
    const due = [...this.#next].filter(
      ([id, { dueAt }]) => !this.#running.has(id) && dueAt <= now && isReady(id),
    )
    const first = due.sort(([, one], [, other]) => one.dueAt - other.dueAt).slice(0, this.#room(now))
    for (const [id] of first) this.#running.set(id, now)
    return first.map(([id]) => id)
  }

  /** @param isComplete whether the survey read everything; otherwise it is repeated sooner */
  ended(id: string, now: number, isComplete: boolean): void {
    this.#running.delete(id)
    const next = this.#next.get(id)
    if (next === undefined) return
    next.earliestAt = now + this.#interval * MIN_PAUSE_SHARE
    next.dueAt = now + (isComplete ? this.#usualDelay() : this.#usualDelay() * RETRY_SHARE)
  }

  /** Returns how many surveys may start. Mirrors whose listing never ends do not block others. */
  #room(now: number): number {
    const fast = [...this.#running.values()].filter((since) => now - since < this.#interval * SLOW_SHARE)
    return Math.max(0, Math.min(MAX_FAST_SURVEYS - fast.length, MAX_SURVEYS - this.#running.size))
  }

  #usualDelay(): number {
    return this.#interval * (1 - JITTER * this.#random())
  }
}
