/**
 * Two series of measurements: medians, and the median, minimum and maximum of the pairs' ratios.
 */
export interface Comparison {
  readonly ours: number
  readonly reference: number
  readonly ratio: number
  readonly least: number
  readonly greatest: number
}

/**
 * Measures several things in turns, A B A B …, so that other load on the machine affects all alike.
 *
 * @returns the results of each of `runs`, by round
 */
export async function interleave<T>(rounds: number, runs: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const results = runs.map((): T[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, run] of runs.entries()) results[index]?.push(await run())
  }
  return results
}

/**
 * Compares two series of measurements.
 *
 * @param ours measurements, each paired with the one in `reference` at the same index
 */
export function compare(ours: readonly number[], reference: readonly number[]): Comparison {
  const ratios = ours.map((value, index) => value / (reference[index] ?? Number.NaN))
  return {
    ours: median(ours),
    reference: median(reference),
    ratio: median(ratios),
    least: Math.min(...ratios),
    greatest: Math.max(...ratios),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle]
  if (upper === undefined || lower === undefined || !sorted.every(Number.isFinite)) {
    throw new Error(`no median of ${JSON.stringify(values)}`)
  }
  return (lower + upper) / 2
}
