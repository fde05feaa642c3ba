import type { Place } from '../../../model.js'
import {
  byDistance,
  byShare,
  byTier,
  type PreparedChoice,
  type PreparedStrategy,
  type PreparedTier,
  type Proximity,
  type TierName,
} from './strategy.js'

/**
 * Distances up to this count as equal, because geo databases err by tens of kilometres. Otherwise
 * one mirror at a database's position of a city would get all clients of the city.
 */
const SAME_PLACE_KM = 50

/**
 * The default strategy: subnet (longest prefix first), ASN, country, continent, rest of the world.
 * Within each, the nearest mirror and mirrors at a similar distance share traffic by weight. The
 * other mirrors follow by distance.
 *
 * @param nearFactor mirrors up to this multiple of the nearest mirror's distance are near
 */
export function nearest(nearFactor: number): PreparedStrategy {
  return (mirrors, place): PreparedChoice => ({
    tiers: byTier(mirrors).flatMap(([name, members]) =>
      name === 'subnet' ? byPrefix(members) : byNearness(name, members, place, nearFactor),
    ),
  })
}

function byPrefix(mirrors: readonly Proximity[]): readonly PreparedTier[] {
  const longestFirst = [...new Set(mirrors.map(({ prefix = 0 }) => prefix))].sort((a, b) => b - a)
  return longestFirst.map((bits) =>
    byShare(
      'subnet',
      mirrors.filter(({ prefix }) => prefix === bits),
    ),
  )
}

function byNearness(
  name: TierName,
  mirrors: readonly Proximity[],
  place: Place,
  nearFactor: number,
): readonly PreparedTier[] {
  const located = mirrors.filter(({ distance }) => distance !== undefined)
  const unlocated = mirrors.filter(({ distance }) => distance === undefined)
  // With only the country known, the client's distance to mirrors of the country is unknown.
  if (located.length === 0 || (place.approximate === true && name !== 'continent' && name !== 'world'))
    return [byShare(name, mirrors)]
  const closest = Math.min(...located.map(({ distance = 0 }) => distance))
  const limit = Math.max(closest * nearFactor, SAME_PLACE_KM)
  const near = located.filter(({ distance = 0 }) => distance <= limit)
  const far = located.filter(({ distance = 0 }) => distance > limit).toSorted(byDistance)
  return [
    // The nearest mirror that can be given decides which others share with it.
    { ...byShare(name, near), basis: { mirrors: near.toSorted(byDistance), isFirstOnly: true } },
    ...(far.length > 0 ? [{ name, mirrors: far }] : []),
    ...(unlocated.length > 0 ? [byShare(name, unlocated)] : []),
  ]
}
