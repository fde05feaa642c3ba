/** How a mirror was found to perform, from here. */
export interface MirrorPerformance {
  readonly id: string
  /** Bytes a second. */
  readonly speed?: number | undefined
  /** Milliseconds. */
  readonly roundTrip?: number | undefined
}

/** A fast mirror gets so many times the share that its weight gives it, and a slow one that part of it. */
const MAX_SPEED_FACTOR = 4
const MAX_ROUND_TRIP_FACTOR = 2

/**
 * What each weight is to be multiplied with, by what was measured. A mirror is held against the one in the middle, so that what
 * is slow for all is held against nobody; where nothing was measured of it, its weight stays as it is. Strategies use weights
 * among mirrors that are about as near, and leave distances alone.
 */
export function weightFactors(measures: readonly MirrorPerformance[]): ReadonlyMap<string, number> {
  const speed = median(measures.map((measure) => measure.speed))
  const roundTrip = median(measures.map((measure) => measure.roundTrip))
  return new Map(
    measures.map((measure) => [
      measure.id,
      ratio(measure.speed, speed, MAX_SPEED_FACTOR) *
        ratio(roundTrip, measure.roundTrip, MAX_ROUND_TRIP_FACTOR),
    ]),
  )
}

function ratio(one: number | undefined, other: number | undefined, most: number): number {
  if (!one || !other) return 1
  return Math.min(most, Math.max(1 / most, one / other))
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  return known[Math.floor(known.length / 2)]
}
