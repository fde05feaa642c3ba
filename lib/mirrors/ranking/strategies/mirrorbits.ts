import { byWeight, type Choice, type Proximity, type Strategy } from './strategy.js'

/** Mirrors in one of its answers. */
const MAX_MIRRORS = 5
/** A weight of ours that is a score of 0 of theirs, which is in per cent: 150 is a score of 50. */
const PLAIN_WEIGHT = 100

/**
 * As Mirrorbits 0.6 chooses: a score by distance, country and asn; those that score above the distance of the farthest
 * share by what they score above it, and at most five of them are named. Where none scores so high, the five best are.
 *
 * Its closest and farthest are those among all mirrors that may serve the client: the choice is made once a place, not once
 * a file. So the others stand by, best first, for files that the chosen do not have, and for clients that avoid them. A
 * mirror whose distance is not known counts as the farthest.
 *
 * @param nearFactor how many times as far as the closest is still in its nearFactor
 */
export function mirrorbits(nearFactor: number): Strategy {
  return (mirrors, place): Choice => {
    if (place.coordinates === undefined) return { tiers: shuffled(mirrors), most: MAX_MIRRORS }
    const known = mirrors.flatMap(({ distance }) => distance ?? [])
    const closest = Math.min(...known)
    const farthest = Math.max(0, ...known)
    const base = Math.trunc(farthest)
    const scored = mirrors
      .map((near) => ({ near, share: score(near, closest, farthest, nearFactor) - base }))
      .sort((a, b) => b.share - a.share || byWeight(a.near, b.near))
    const drawn = scored.filter(({ share }) => share > 0)
    const others = scored.slice(drawn.length)
    const tiers = [
      {
        name: 'score',
        mirrors: drawn.map(({ near }) => near),
        shares: drawn.length === 1 ? [100] : drawn.map(({ share }) => share),
      },
      { name: 'others', mirrors: others.map(({ near }) => near) },
    ]
    return { tiers, most: drawn.length === 0 ? MAX_MIRRORS : Math.min(MAX_MIRRORS, drawn.length) }
  }
}

function score(near: Proximity, closest: number, farthest: number, nearFactor: number): number {
  const base = Math.trunc(farthest)
  const { distance = farthest, country, sameAsn, mirror } = near
  let score = base - Math.trunc(distance) + 1
  if (distance <= closest * nearFactor) score += Math.trunc((base - distance) / (country === 'own' ? 1 : 2))
  else if (country === 'own') score += Math.trunc(base - distance * 5)
  else if (country === 'other') score += Math.trunc(base - closest)
  if (sameAsn) score += Math.trunc(base / 2)
  return Math.trunc(Math.max(1, score + (score * (mirror.weight - PLAIN_WEIGHT)) / 100 + 0.5))
}

function shuffled(mirrors: readonly Proximity[]): Choice['tiers'] {
  return [{ name: 'world', mirrors, shares: mirrors.map(() => 1) }]
}
