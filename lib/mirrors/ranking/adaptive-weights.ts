/** Measured performance of a mirror, as seen from this host. */
export interface MirrorPerformance {
  readonly id: string
  /** In bytes per second. */
  readonly speed?: number | undefined
  /** In milliseconds. */
  readonly roundTrip?: number | undefined
}

/** Limits of the factors: a weight is multiplied or divided by at most this. */
const MAX_SPEED_FACTOR = 4
const MAX_ROUND_TRIP_FACTOR = 2

/**
 * Returns the factor for each mirror's weight, from its measured performance. Compares each mirror
 * with the median, so that a slow network here lowers no weight. Without measurements the factor
 * is 1. Strategies use weights among mirrors at a similar distance only.
 */
export function weightFactors(performances: readonly MirrorPerformance[]): ReadonlyMap<string, number> {
  const speed = median(performances.map((performance) => performance.speed))
  const roundTrip = median(performances.map((performance) => performance.roundTrip))
  return new Map(
    performances.map((performance) => [
      performance.id,
      ratio(performance.speed, speed, MAX_SPEED_FACTOR) *
        ratio(roundTrip, performance.roundTrip, MAX_ROUND_TRIP_FACTOR),
    ]),
  )
}

function ratio(value: number | undefined, base: number | undefined, maxFactor: number): number {
  if (!value || !base) return 1
  return Math.min(maxFactor, Math.max(1 / maxFactor, value / base))
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}
