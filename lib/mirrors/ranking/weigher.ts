import type { Clock } from '../../clock.js'
import { type MirrorPerformance, weightFactors } from './adaptive-weights.js'

const WEIGH_MS = 60_000

export interface WeigherDependencies {
  /** Returns what was measured of each mirror in force. */
  readonly measure: () => readonly MirrorPerformance[]
  /** Puts weight factors in force. */
  readonly apply: (factors: ReadonlyMap<string, number>) => void
  readonly clock: Clock
}

/** Adapts the weights of mirrors to their measured performance, once a minute. */
export class Weigher {
  readonly #dependencies: WeigherDependencies
  #cancelTimer: () => void = () => {}

  constructor(dependencies: WeigherDependencies) {
    this.#dependencies = dependencies
    this.#schedule()
  }

  /** Adapts the weights now. */
  weigh(): void {
    const { measure, apply } = this.#dependencies
    apply(weightFactors(measure()))
  }

  close(): void {
    this.#cancelTimer()
  }

  #schedule(): void {
    this.#cancelTimer = this.#dependencies.clock.after(WEIGH_MS, () => {
      this.weigh()
      this.#schedule()
    })
  }
}
