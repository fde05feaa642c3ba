/** An average in which old samples have little weight. */
export interface DecayingAverage {
  readonly value: number
  /** Weight of all samples so far. A fresh sample has the weight 1. */
  readonly weight: number
  /** Time of the last sample in milliseconds. */
  readonly at: number
}

/**
 * Adds a sample to an average. The weight of a sample halves with each half-life. So samples at the
 * same time give a plain mean, and a sample after a long pause replaces nearly everything. If the
 * clock was set back, no weight changes.
 *
 * @param before undefined for the first sample
 * @param at time of the sample in milliseconds
 * @param halfLife milliseconds
 */
export function addSample(
  before: DecayingAverage | undefined,
  sample: number,
  at: number,
  halfLife: number,
): DecayingAverage {
  if (before === undefined) return { value: sample, weight: 1, at }
  const weightLeft = before.weight * 0.5 ** (Math.max(0, at - before.at) / halfLife)
  const weight = weightLeft + 1
  return { value: before.value + (sample - before.value) / weight, weight, at }
}

/**
 * Returns the speed of a download in bytes per second; undefined if it was too short to be
 * measured.
 *
 * @param minBytes fewer bytes prove nothing, because they come at once from buffers on the way
 */
export function throughput(bytes: number, milliseconds: number, minBytes = 64 * 1024): number | undefined {
  return bytes >= minBytes && milliseconds > 0 ? (bytes / milliseconds) * 1000 : undefined
}
