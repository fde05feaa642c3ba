/** Two things measured side by side: medians, and the median, least and greatest of the ratios of each pair. */
export interface Comparison {
  readonly ours: number
  readonly reference: number
  readonly ratio: number
  readonly least: number
  readonly greatest: number
}

/**
 * Measures several things in turns, A B A B …, so that whatever else the machine does falls on all of them alike.
 *
 * @returns for each of `runs`, what its rounds gave
 */
export async function interleave<T>(rounds: number, runs: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const results = runs.map((): T[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, run] of runs.entries()) results[index]?.push(await run())
  }
  return results
}

/** @param ours measurements, each beside the one of `reference` at the same place */
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
