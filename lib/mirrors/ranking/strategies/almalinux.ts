import {
  bucket,
  byDistance,
  byShare,
  type Choice,
  type ChosenTier,
  type Proximity,
  type Strategy,
} from './strategy.js'

/** Mirrors in one of its answers. */
const MAX_MIRRORS = 10
/** With mirrors of the client's own network, it is padded to so many. */
const MAX_MIRRORS_WITH_OWN = 5

/**
 * As AlmaLinux's mirror service was described by its operators in 2021: mirrors of the client's own asn or subnets, then the
 * nearest, five in all; without any, the nearest ten: of the country, then of the region, then of elsewhere. For a client whose
 * place is not known, all, by weight.
 */
export const almalinux: Strategy = (mirrors, place): Choice => {
  // An asn alone is no location: it can match, but nothing can be put in order by it.
  const isLocated = place.country !== undefined || place.coordinates !== undefined
  const ordered = isLocated ? mirrors.toSorted(byDistance) : mirrors
  // Without an order, redirects are shared: the first of the file would get them all.
  const tier = (name: string, near: readonly Proximity[]): ChosenTier =>
    isLocated ? { name, mirrors: near } : byShare(name, near)
  const own = ordered.filter(({ prefix, sameAsn }) => prefix !== undefined || sameAsn)
  if (own.length > 0) {
    const others = ordered.filter((near) => !own.includes(near))
    const tiers = [tier('network', own), tier('nearest', others)]
    return { tiers, most: Math.max(MAX_MIRRORS_WITH_OWN, own.length) }
  }
  if (!isLocated) return { tiers: [tier('world', ordered)] }
  const buckets = bucket(ordered, ['country', 'region', 'world'], ({ country, sameContinent }) => {
    if (country !== undefined) return 'country'
    return sameContinent ? 'region' : 'world'
  })
  return { tiers: buckets.map(([name, near]) => tier(name, near)), most: MAX_MIRRORS }
}
