import type { Mirror } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Choice } from './strategies/strategy.js'

/** A group of mirrors that are used before the mirrors of the next tier. */
export interface Tier {
  /** Best first, as lists name them. */
  readonly candidates: readonly Candidate[]
  /**
   * Running sums of the candidates' shares, for a weighted draw by binary search. Undefined:
   * redirects take the candidates in order.
   */
  readonly cumulative: Float64Array | undefined
}

/**
 * All mirrors for clients of a place, best first. Built once per snapshot and place, and shared.
 */
export interface MirrorOrder {
  readonly tiers: readonly Tier[]
  /** Limit of mirrors in one response. */
  readonly maxMirrors: number
}

/** Converts a strategy's choice into a form that is fast to read. */
export function createMirrorOrder(
  { tiers, maxMirrors = Number.POSITIVE_INFINITY }: Choice,
  candidates: ReadonlyMap<Mirror, Candidate>,
): MirrorOrder {
  return {
    tiers: tiers
      .filter(({ mirrors }) => mirrors.length > 0)
      .map(({ mirrors, shares }) => ({
        candidates: mirrors.flatMap(({ mirror }) => candidates.get(mirror) ?? []),
        cumulative: shares && runningSums(shares),
      })),
    maxMirrors,
  }
}

function runningSums(shares: readonly number[]): Float64Array | undefined {
  const sums = new Float64Array(shares.length)
  let total = 0
  for (const [index, share] of shares.entries()) {
    total += share
    sums[index] = total
  }
  return total > 0 ? sums : undefined
}
