import type { Place } from '../../model.js'
import type { Near } from '../near.js'

/** The tiers of our own strategies, nearest first. */
export const TIERS = ['subnet', 'asn', 'country', 'continent', 'world'] as const
export type TierName = (typeof TIERS)[number]

/** Mirrors that come before those of the next tier. */
export interface ChosenTier {
  /** Shown where a choice is explained. */
  readonly name: string
  /** Best first: the order of lists. */
  readonly mirrors: readonly Near[]
  /**
   * One a mirror, 0 or greater: redirects draw among them in proportion. Without it redirects take them in their order too.
   */
  readonly shares?: readonly number[] | undefined
}

export interface Choice {
  readonly tiers: readonly ChosenTier[]
  /** Most mirrors that one answer names. Default: all of them. */
  readonly most?: number | undefined
}

/**
 * Chooses mirrors for the clients of a place, best first. Called once a place and state of the mirrors, not once a request,
 * so what it returns must depend on its arguments alone.
 *
 * @param mirrors those that may serve such clients at all, in the operator's order
 * @param place of the client; exact coordinates are those of the middle of a square of half a degree
 */
export type Strategy = (mirrors: readonly Near[], place: Place) => Choice

/** Nearest first; what is as near, heaviest first; then by id, so that the order is the same every time. */
export function byDistance(a: Near, b: Near): number {
  const difference = (a.distance ?? Number.POSITIVE_INFINITY) - (b.distance ?? Number.POSITIVE_INFINITY)
  // Infinite minus infinite is no number.
  return difference || byWeight(a, b)
}

/** Heaviest first, then by id. */
export function byWeight({ mirror: a }: Near, { mirror: b }: Near): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** A tier whose mirrors are drawn by weight. */
export function byShare(name: string, mirrors: readonly Near[]): ChosenTier {
  const ordered = mirrors.toSorted(byWeight)
  return { name, mirrors: ordered, shares: ordered.map(({ mirror }) => mirror.weight) }
}

/** Splits mirrors by the first of the tests that holds, keeping their order; those for which none does are left out. */
export function bucket<N extends string>(
  mirrors: readonly Near[],
  tests: readonly (readonly [name: N, test: (near: Near) => boolean])[],
): readonly (readonly [name: N, mirrors: readonly Near[]])[] {
  const buckets = new Map<N, Near[]>(tests.map(([name]) => [name, []]))
  for (const near of mirrors) {
    const found = tests.find(([, test]) => test(near))
    if (found !== undefined) buckets.get(found[0])?.push(near)
  }
  return [...buckets].filter(([, found]) => found.length > 0)
}

/** Each mirror's innermost tier. */
export function byTier(
  mirrors: readonly Near[],
): readonly (readonly [name: TierName, mirrors: readonly Near[]])[] {
  return bucket<TierName>(mirrors, [
    ['subnet', ({ prefix }) => prefix !== undefined],
    ['asn', ({ sameAsn }) => sameAsn],
    ['country', ({ country }) => country !== undefined],
    ['continent', ({ sameContinent }) => sameContinent],
    ['world', () => true],
  ])
}
