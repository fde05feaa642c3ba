import type { Mirror, Place } from '../../../model.js'

/** How near a mirror is to a client's place: the data that strategies choose by. */
export interface Proximity {
  readonly mirror: Mirror
  /** In kilometres; undefined if either place is unknown. */
  readonly distance: number | undefined
  /** Bits of the mirror's longest subnet that contains the client, if there is one. */
  readonly prefix: number | undefined
  readonly sameAsn: boolean
  /** `own`: the client is in the mirror's country. `other`: in one of its `countries`. */
  readonly country: 'own' | 'other' | undefined
  readonly sameContinent: boolean
}

/** Tiers of the `nearest` and `mirrorbrain` strategies, nearest first. */
export const TIERS = ['subnet', 'asn', 'country', 'continent', 'world'] as const
export type TierName = (typeof TIERS)[number]

/** A group of mirrors that are used before the mirrors of the next tier. */
export interface ChosenTier {
  /** Shown by `rank`. */
  readonly name: string
  /** Best first, as lists name them. */
  readonly mirrors: readonly Proximity[]
  /**
   * A number for each mirror, 0 or greater: redirects draw mirrors in proportion. Without shares,
   * redirects take the mirrors in order.
   */
  readonly shares?: readonly number[] | undefined
}

/**
 * Mirrors that a tier and all later tiers were computed from. The tiers do not apply to a request
 * for which such a mirror cannot be given. The strategy then chooses again among the rest.
 */
export interface Basis {
  readonly mirrors: readonly Proximity[]
  /** Whether only the first of the mirrors that can be given matters. Otherwise all matter. */
  readonly isFirstOnly: boolean
}

/** A tier of a built-in strategy. */
export interface PreparedTier extends ChosenTier {
  /** Undefined: without the mirrors that cannot be given, the tier stays as it is. */
  readonly basis?: Basis | undefined
}

/** The choice of a built-in strategy. */
export interface PreparedChoice extends Choice {
  readonly tiers: readonly PreparedTier[]
}

/** A strategy that states what its tiers depend on, so that few requests need a new choice. */
export type PreparedStrategy = (mirrors: readonly Proximity[], place: Place) => PreparedChoice

export interface Choice {
  readonly tiers: readonly ChosenTier[]
  /** Limit of mirrors in one response. Default: all. */
  readonly maxMirrors?: number | undefined
}

/**
 * Chooses mirrors for the clients of a place, best first. The result must depend on the arguments
 * alone, because it is kept for all requests with the same arguments.
 *
 * @param mirrors the mirrors that can be given, in the operator's order: first all mirrors that
 * serve such clients, then the rest of them for a file that some of them cannot be given for
 * @param place of the client; exact coordinates are the middle of a square of a quarter of a degree
 */
export type Strategy = (mirrors: readonly Proximity[], place: Place) => Choice

/** Compares by distance, nearest first; then by weight, then by id, so that the order is stable. */
export function byDistance(a: Proximity, b: Proximity): number {
  const difference = (a.distance ?? Number.POSITIVE_INFINITY) - (b.distance ?? Number.POSITIVE_INFINITY)
  // Infinity minus infinity is NaN, which is falsy, too.
  return difference || byWeight(a, b)
}

/** Compares by weight, heaviest first; then by id. */
export function byWeight({ mirror: a }: Proximity, { mirror: b }: Proximity): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

/** Returns a tier whose mirrors are drawn by weight. */
export function byShare(name: string, mirrors: readonly Proximity[]): ChosenTier {
  const ordered = mirrors.toSorted(byWeight)
  return { name, mirrors: ordered, shares: ordered.map(({ mirror }) => mirror.weight) }
}

/**
 * Splits mirrors into buckets and keeps their order. Mirrors without a bucket are left out.
 *
 * @param names of all buckets, first to last
 * @returns the buckets that are not empty
 */
export function bucket<N extends string>(
  mirrors: readonly Proximity[],
  names: readonly N[],
  nameOf: (proximity: Proximity) => N | undefined,
): readonly (readonly [name: N, mirrors: readonly Proximity[]])[] {
  const buckets = new Map<N | undefined, Proximity[]>(names.map((name) => [name, []]))
  for (const proximity of mirrors) buckets.get(nameOf(proximity))?.push(proximity)
  return names.flatMap((name) => {
    const members = buckets.get(name) ?? []
    return members.length > 0 ? [[name, members] as const] : []
  })
}

/** Splits mirrors by their innermost tier. */
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
