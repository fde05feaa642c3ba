import type { Mirror } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Choice } from './strategies/strategy.js'

/** Mirrors that come before those of the next tier. */
export interface Tier {
  /** Best first: the order of lists. */
  readonly candidates: readonly Candidate[]
  /** Sums of their shares up to and with each, for a draw by binary search; undefined where chance does not decide. */
  readonly cumulative: Float64Array | undefined
}

/** All the mirrors for the clients of a place, best first. Made once a snapshot and place, shared by every answer. */
export interface MirrorOrder {
  readonly tiers: readonly Tier[]
  /** Most mirrors that one answer names. */
  readonly most: number
}

/** What a strategy chose, in the form in which it costs least to read. */
export function createMirrorOrder(
  { tiers, most = Number.POSITIVE_INFINITY }: Choice,
  candidates: ReadonlyMap<Mirror, Candidate>,
): MirrorOrder {
  return {
    tiers: tiers
      .filter(({ mirrors }) => mirrors.length > 0)
      .map(({ mirrors, shares }) => ({
        candidates: mirrors.flatMap(({ mirror }) => candidates.get(mirror) ?? []),
        cumulative: shares && sumsOf(shares),
      })),
    most,
  }
}

function sumsOf(shares: readonly number[]): Float64Array | undefined {
  const sums = new Float64Array(shares.length)
  let total = 0
  for (const [index, share] of shares.entries()) {
    total += share
    sums[index] = total
  }
  return total > 0 ? sums : undefined
}
