import { DEGREE_KM } from '../../../geo/distance.js'
import {
  byShare,
  byTier,
  type PreparedChoice,
  type PreparedStrategy,
  type PreparedTier,
  type Proximity,
  type TierName,
} from './strategy.js'

/**
 * Divided by the number of mirrors and by a mirror's score, this is added to the mirror's distance.
 */
const PENALTY = 2_000_000
/** MirrorBrain's distances are degrees times this. */
const UNITS_PER_DEGREE = 1000

/**
 * Chooses as MirrorBrain 2.19: network prefix, ASN, country, region, rest of the world. Within
 * each, at random by score, or by distance and score if places are known.
 *
 * Distances are great circles in MirrorBrain's unit. MirrorBrain itself takes degrees for plane
 * coordinates, which is wrong far from the equator and across the antimeridian.
 *
 * MirrorBrain can restrict a mirror to a prefix, an ASN, a country or a region. Strategies need no
 * code for restrictions, because they only get mirrors that serve the client.
 */
export const mirrorbrain: PreparedStrategy = (mirrors, place): PreparedChoice => ({
  tiers: byTier(mirrors).flatMap(([name, members]) =>
    place.coordinates === undefined ? [byShare(name, members)] : byScore(name, members),
  ),
})

function byScore(name: TierName, mirrors: readonly Proximity[]): PreparedTier[] {
  const penalty = PENALTY / mirrors.length
  const ranks = new Map<number, Proximity[]>()
  for (const proximity of mirrors) {
    const { distance = Number.POSITIVE_INFINITY, mirror } = proximity
    const rank = (distance / DEGREE_KM) * UNITS_PER_DEGREE + penalty / mirror.weight
    const equals = ranks.get(rank)
    if (equals === undefined) ranks.set(rank, [proximity])
    else equals.push(proximity)
  }
  // Mirrors of equal rank share by weight: they may be in one building. Unknown distances come
  // last.
  const tiers: PreparedTier[] = [...ranks]
    .sort(([a], [b]) => a - b)
    .map(([, equals]) => (equals.length === 1 ? { name, mirrors: equals } : byShare(name, equals)))
  const [first, ...others] = tiers
  if (first === undefined || !isOrderedByNumber(mirrors)) return tiers
  return [{ ...first, basis: { mirrors, isFirstOnly: false } }, ...others]
}

/** Whether the number of mirrors has a part in their order. Without it, distances decide alone. */
function isOrderedByNumber(mirrors: readonly Proximity[]): boolean {
  const weights = mirrors.filter(({ distance }) => distance !== undefined).map(({ mirror }) => mirror.weight)
  return new Set(weights).size > 1
}
