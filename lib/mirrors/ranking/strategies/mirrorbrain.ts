import { DEGREE_KM } from '../../../geo/distance.js'
import {
  byShare,
  byTier,
  type Choice,
  type ChosenTier,
  type Proximity,
  type Strategy,
  type TierName,
} from './strategy.js'

/** How much a score moves a mirror: of this, divided by the number of mirrors and by its score, it is thought farther. */
const PENALTY = 2_000_000
/** Its distances are degrees times this. */
const PER_DEGREE = 1000

/**
 * As MirrorBrain 2.19 chooses: network prefix, asn, country, region, elsewhere; within each at random by score, or, where
 * places are known, by distance and score.
 *
 * Distances are great circles, in its unit: it takes degrees for plane coordinates, which is wrong far from the equator and
 * across the antimeridian.
 *
 * It restricts a mirror to a prefix, an asn, a country or a region: such a one may come in that tier or a nearer one. Nothing
 * is to be done for that here, for a mirror is not among those of a client that it does not serve.
 */
export const mirrorbrain: Strategy = (mirrors, place): Choice => ({
  tiers: byTier(mirrors).flatMap(([name, near]) =>
    place.coordinates === undefined ? [byShare(name, near)] : byScore(name, near),
  ),
})

function byScore(name: TierName, mirrors: readonly Proximity[]): ChosenTier[] {
  const penalty = PENALTY / mirrors.length
  const ranks = new Map<number, Proximity[]>()
  for (const near of mirrors) {
    const { distance = Number.POSITIVE_INFINITY, mirror } = near
    const rank = (distance / DEGREE_KM) * PER_DEGREE + penalty / mirror.weight
    const same = ranks.get(rank)
    if (same === undefined) ranks.set(rank, [near])
    else same.push(near)
  }
  // Those that nothing tells apart share: they may well stand in one house. Unknown distances are beyond all others.
  return [...ranks]
    .sort(([a], [b]) => a - b)
    .map(([, same]) => (same.length === 1 ? { name, mirrors: same } : byShare(name, same)))
}
