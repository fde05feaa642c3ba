import type { Mirror, Place } from '../../../model.js'

/** A mirror as it is seen from a place: what strategies choose by. */
export interface Proximity {
  readonly mirror: Mirror
  /** Kilometres; undefined where either place is not known. */
  readonly distance: number | undefined
  /** Bits of the longest of its subnets that hold the client; undefined where none does. */
  readonly prefix: number | undefined
  readonly sameAsn: boolean
  /** Whether the client is in its country, or in one of the others that it serves as its own. */
  readonly country: 'own' | 'other' | undefined
  readonly sameContinent: boolean
}

/** The tiers of our own strategies, nearest first. */
export const TIERS = ['subnet', 'asn', 'country', 'continent', 'world'] as const
export type TierName = (typeof TIERS)[number]

/** Mirrors that come before those of the next tier. */
export interface ChosenTier {
  /** Shown where a choice is explained. */
  readonly name: string
  /** Best first: the order of lists. */
  readonly mirrors: readonly Proximity[]
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
 * @param place of the client; exact coordinates are those of the middle of a square of a quarter of a degree
 */
export type Strategy = (mirrors: readonly Proximity[], place: Place) => Choice

/** Nearest first; what is as near, heaviest first; then by id, so that the order is the same every time. */
export function byDistance(a: Proximity, b: Proximity): number {
  const difference = (a.distance ?? Number.POSITIVE_INFINITY) - (b.distance ?? Number.POSITIVE_INFINITY)
  // Infinite minus infinite is no number.
  return difference || byWeight(a, b)
}

/** Heaviest first, then by id. */
export function byWeight({ mirror: a }: Proximity, { mirror: b }: Proximity): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** A tier whose mirrors are drawn by weight. */
export function byShare(name: string, mirrors: readonly Proximity[]): ChosenTier {
  const ordered = mirrors.toSorted(byWeight)
  return { name, mirrors: ordered, shares: ordered.map(({ mirror }) => mirror.weight) }
}

/**
 * Splits mirrors into buckets, keeping their order; those of no bucket are left out.
 *
 * @param names of all buckets, first to last
 * @returns those that are not empty
 */
export function bucket<N extends string>(
  mirrors: readonly Proximity[],
  names: readonly N[],
  nameOf: (near: Proximity) => N | undefined,
): readonly (readonly [name: N, mirrors: readonly Proximity[]])[] {
  const buckets = new Map<N | undefined, Proximity[]>(names.map((name) => [name, []]))
  for (const near of mirrors) buckets.get(nameOf(near))?.push(near)
  return names.flatMap((name) => {
    const found = buckets.get(name) ?? []
    return found.length > 0 ? [[name, found] as const] : []
  })
}

/** Each mirror's innermost tier. */
export function byTier(
  mirrors: readonly Proximity[],
): readonly (readonly [name: TierName, mirrors: readonly Proximity[]])[] {
  return bucket(mirrors, TIERS, tierOf)
}

function tierOf({ prefix, sameAsn, country, sameContinent }: Proximity): TierName {
  if (prefix !== undefined) return 'subnet'
  if (sameAsn) return 'asn'
  if (country !== undefined) return 'country'
  return sameContinent ? 'continent' : 'world'
}
