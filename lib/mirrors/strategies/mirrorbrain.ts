import { DEGREE } from '../../geo/distance.js'
import {
  byShare,
  byTier,
  byWeight,
  type Choice,
  type ChosenTier,
  type Near,
  type Strategy,
  type TierName,
} from './strategy.js'

/** How much a score moves a mirror: of this, divided by the number of mirrors and by its score, it is thought farther. */
const PENALTY = 2_000_000
/** Its distances are degrees times this. */
const PER_DEGREE = 1000

/** Which mirrors come nowhere but in the tier they are restricted to. */
const RESTRICTED: Readonly<Record<string, TierName>> = {
  subnet: 'subnet',
  asn: 'asn',
  country: 'country',
  continent: 'continent',
}

/**
 * As MirrorBrain 2.19 chooses: network prefix, asn, country, region, elsewhere; within each at random by score, or, where
 * places are known, by distance and score.
 *
 * Distances are great circles, in its unit: it takes degrees for plane coordinates, which is wrong far from the equator and
 * across the antimeridian.
 */
export const mirrorbrain: Strategy = (mirrors, place): Choice => ({
  tiers: byTier(mirrors).flatMap(([name, near]) => {
    const allowed = near.filter(({ mirror }) => (RESTRICTED[mirror.serves] ?? name) === name)
    return place.coordinates === undefined ? [byShare(name, allowed)] : byScore(name, allowed)
  }),
})

function byScore(name: TierName, mirrors: readonly Near[]): ChosenTier[] {
  const penalty = PENALTY / mirrors.length
  const scored = mirrors.flatMap((near) =>
    near.distance === undefined
      ? []
      : [{ near, score: (near.distance / DEGREE) * PER_DEGREE + penalty / near.mirror.weight }],
  )
  scored.sort((a, b) => a.score - b.score || byWeight(a.near, b.near))
  const unknown = mirrors.filter(({ distance }) => distance === undefined)
  return [{ name, mirrors: scored.map(({ near }) => near) }, byShare(name, unknown)]
}
