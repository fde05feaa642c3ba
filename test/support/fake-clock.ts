import type { Clock } from '../../lib/clock.js'

/** A clock that stands still until a test advances it. */
export class FakeClock implements Clock {
  #now = 0
  #plans: { readonly at: number; readonly action: () => void }[] = []

  wall(): number {
    return Date.UTC(2026, 0, 1) + this.#now
  }

  steady(): number {
    return this.#now
  }

  after(milliseconds: number, action: () => void): () => void {
    const plan = { at: this.#now + milliseconds, action }
    this.#plans.push(plan)
    return () => {
      this.#plans = this.#plans.filter((one) => one !== plan)
    }
  }

  /** Number of planned actions. */
  get plans(): number {
    return this.#plans.length
  }

  /** Advances the clock and runs the actions that become due on the way. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await settled()
    for (;;) {
      const [next] = this.#plans.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#plans = this.#plans.filter((one) => one !== next)
      this.#now = Math.max(this.#now, next.at)
      next.action()
      await settled()
    }
    this.#now = end
  }
}

/** Waits until everything has happened that needs no time. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
}
