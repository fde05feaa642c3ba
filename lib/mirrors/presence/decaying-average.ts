/** A mean in which what was seen long ago counts for little. */
export interface DecayingAverage {
  readonly value: number
  /** How much the next sample has against it; of fresh samples, how many there were. */
  readonly weight: number
  /** Milliseconds since some moment: of the last sample. */
  readonly at: number
}

/**
 * Adds a sample to a mean. A sample counts half as much after each half-life, whether others have
 * come since or not; so a few that come at once are a plain mean, and one after long silence is
 * nearly all there is. Where the clock was set back, nothing grows older.
 *
 * @param before undefined: there is none yet
 * @param at when the sample was taken, in milliseconds
 * @param halfLife in milliseconds
 */
export function addSample(
  before: DecayingAverage | undefined,
  sample: number,
  at: number,
  halfLife: number,
): DecayingAverage {
  if (before === undefined) return { value: sample, weight: 1, at }
  const left = before.weight * 0.5 ** (Math.max(0, at - before.at) / halfLife)
  const weight = left + 1
  return { value: before.value + (sample - before.value) / weight, weight, at }
}

/**
 * Bytes a second of what a mirror sent; undefined where it was too little or too quick to tell.
 *
 * @param fewest bytes that tell something; fewer come in one go, from buffers on the way
 */
export function throughput(bytes: number, milliseconds: number, fewest = 64 * 1024): number | undefined {
  return bytes >= fewest && milliseconds > 0 ? (bytes / milliseconds) * 1000 : undefined
}
