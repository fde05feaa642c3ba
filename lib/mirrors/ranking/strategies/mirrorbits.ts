import { byWeight, type Choice, type Proximity, type Strategy } from './strategy.js'

/** Limit of mirrors in one response. */
const MAX_MIRRORS = 5
/** Our weight for their score of 0. Scores are percentages: weight 150 is a score of 50. */
const NEUTRAL_WEIGHT = 100

/**
 * Chooses as Mirrorbits 0.6: a score by distance, country and ASN. Mirrors that score above the
 * distance of the farthest mirror share traffic by the excess; a response names at most five of
 * them. If no mirror scores that high, the five best are named.
 *
 * Closest and farthest refer to all mirrors that may serve the client, because the choice is made
 * once per place, not once per file. The other mirrors follow, best first, for files that the
 * chosen mirrors lack and for clients that avoid them. A mirror at an unknown distance counts as
 * the farthest.
 *
 * @param nearFactor mirrors up to this multiple of the closest mirror's distance count as near
 */
export function mirrorbits(nearFactor: number): Strategy {
  return (mirrors, place): Choice => {
    if (place.coordinates === undefined) return { tiers: shuffled(mirrors), maxMirrors: MAX_MIRRORS }
    const distances = mirrors.flatMap(({ distance }) => distance ?? [])
    const closest = Math.min(...distances)
    const farthest = Math.max(0, ...distances)
    const base = Math.trunc(farthest)
    const scored = mirrors
      .map((proximity) => ({ proximity, share: score(proximity, closest, farthest, nearFactor) - base }))
      .sort((a, b) => b.share - a.share || byWeight(a.proximity, b.proximity))
    const drawn = scored.filter(({ share }) => share > 0)
    const others = scored.slice(drawn.length)
    const tiers = [
      {
        name: 'score',
        mirrors: drawn.map(({ proximity }) => proximity),
        shares: drawn.length === 1 ? [100] : drawn.map(({ share }) => share),
      },
      { name: 'others', mirrors: others.map(({ proximity }) => proximity) },
    ]
    return { tiers, maxMirrors: drawn.length === 0 ? MAX_MIRRORS : Math.min(MAX_MIRRORS, drawn.length) }
  }
}

function score(proximity: Proximity, closest: number, farthest: number, nearFactor: number): number {
  const base = Math.trunc(farthest)
  const { distance = farthest, country, sameAsn, mirror } = proximity
  let score = base - Math.trunc(distance) + 1
  if (distance <= closest * nearFactor) score += Math.trunc((base - distance) / (country === 'own' ? 1 : 2))
  else if (country === 'own') score += Math.trunc(base - distance * 5)
  else if (country === 'other') score += Math.trunc(base - closest)
  if (sameAsn) score += Math.trunc(base / 2)
  return Math.trunc(Math.max(1, score + (score * (mirror.weight - NEUTRAL_WEIGHT)) / 100 + 0.5))
}

function shuffled(mirrors: readonly Proximity[]): Choice['tiers'] {
  return [{ name: 'world', mirrors, shares: mirrors.map(() => 1) }]
}
