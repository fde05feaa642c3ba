import type { Mirror } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Basis, PreparedTier } from './strategies/strategy.js'

/** A group of mirrors that are used before the mirrors of the next tier. */
export interface Tier {
  /** Best first, as lists name them. */
  readonly candidates: readonly Candidate[]
  /**
   * Running sums of the candidates' shares, for a weighted draw by binary search. Undefined:
   * redirects take the candidates in order.
   */
  readonly cumulative: Float64Array | undefined
  /** What this tier and all later tiers were computed from. See `Basis`. */
  readonly basis?: OrderBasis | undefined
}

/** A `Basis` of candidates. */
export interface OrderBasis {
  readonly candidates: readonly Candidate[]
  readonly isFirstOnly: boolean
}

/**
 * Mirrors for clients of a place, best first. Built once per snapshot and place, and shared.
 */
export interface MirrorOrder {
  readonly tiers: readonly Tier[]
  /** Limit of mirrors in one response. */
  readonly maxMirrors: number
  /** What all tiers were computed from. See `Basis`. */
  readonly basis?: OrderBasis | undefined
  /** The mirrors that the client may be unable to use. Undefined if there are none. */
  readonly last?: LastTiers | undefined
  /** The mirrors that were left out of the order as if the operator had no such mirrors. */
  readonly excluded?: readonly Candidate[] | undefined
  /** Identifies the order that nothing is excluded from. */
  readonly root?: number | undefined
}

/** Mirrors that the client may be unable to use: they come after all others. */
export interface LastTiers {
  /** Index of their first tier. */
  readonly start: number
  /** Limit of mirrors in one response that has no other mirrors. */
  readonly maxMirrors: number
}

/** Converts tiers that are not empty into a form that is fast to read. */
export function createTiers(
  tiers: readonly PreparedTier[],
  candidates: ReadonlyMap<Mirror, Candidate>,
): readonly Tier[] {
  return tiers.map(({ mirrors, shares, basis }) => ({
    candidates: candidatesOf(mirrors, candidates),
    cumulative: shares && runningSums(shares),
    basis: basis && {
      candidates: candidatesOf(basis.mirrors, candidates),
      isFirstOnly: basis.isFirstOnly,
    },
  }))
}

function candidatesOf(
  mirrors: Basis['mirrors'],
  candidates: ReadonlyMap<Mirror, Candidate>,
): readonly Candidate[] {
  return mirrors.flatMap(({ mirror }) => candidates.get(mirror) ?? [])
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
