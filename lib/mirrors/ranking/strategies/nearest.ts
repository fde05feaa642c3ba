import type { Place } from '../../../model.js'
import {
  byDistance,
  byShare,
  byTier,
  type Choice,
  type ChosenTier,
  type Proximity,
  type Strategy,
  type TierName,
} from './strategy.js'

/**
 * Kilometres within which everything is at the same distance: databases of places err by tens of kilometres, and without
 * this the one mirror that stands where a database puts a city would get all of it.
 */
const SAME_PLACE_KM = 50

/**
 * Our own: subnet, the longest prefix first, then asn, country, continent, the rest of the world. Within each, the nearest
 * mirror and those not much farther share by weight; the others follow by distance.
 *
 * @param nearFactor how many times as far as the nearest is "not much farther"
 */
export function nearest(nearFactor: number): Strategy {
  return (mirrors, place): Choice => ({
    tiers: byTier(mirrors).flatMap(([name, near]) =>
      name === 'subnet' ? byPrefix(near) : byRange(name, near, place, nearFactor),
    ),
  })
}

function byPrefix(mirrors: readonly Proximity[]): readonly ChosenTier[] {
  const longestFirst = [...new Set(mirrors.map(({ prefix = 0 }) => prefix))].sort((a, b) => b - a)
  return longestFirst.map((bits) =>
    byShare(
      'subnet',
      mirrors.filter(({ prefix }) => prefix === bits),
    ),
  )
}

function byRange(
  name: TierName,
  mirrors: readonly Proximity[],
  place: Place,
  nearFactor: number,
): readonly ChosenTier[] {
  const known = mirrors.filter(({ distance }) => distance !== undefined)
  const unknown = mirrors.filter(({ distance }) => distance === undefined)
  // Of a client whose country is all that is known, it is not known to which of the country's mirrors it is near.
  if (known.length === 0 || (place.approximate === true && name !== 'continent' && name !== 'world'))
    return [byShare(name, mirrors)]
  const closest = Math.min(...known.map(({ distance = 0 }) => distance))
  const limit = Math.max(closest * nearFactor, SAME_PLACE_KM)
  const near = known.filter(({ distance = 0 }) => distance <= limit)
  const far = known.filter(({ distance = 0 }) => distance > limit).toSorted(byDistance)
  return [
    byShare(name, near),
    ...(far.length > 0 ? [{ name, mirrors: far }] : []),
    ...(unknown.length > 0 ? [byShare(name, unknown)] : []),
  ]
}
