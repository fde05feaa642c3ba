import {
  bucket,
  byDistance,
  byShare,
  type PreparedChoice,
  type PreparedStrategy,
  type PreparedTier,
  type Proximity,
} from './strategy.js'

/** Limit of mirrors in one response. */
const MAX_MIRRORS = 10
/** Limit if there are mirrors in the client's network: other mirrors fill the list up to this. */
const MAX_MIRRORS_WITH_NETWORK = 5

/**
 * Chooses as AlmaLinux's mirror service, as its operators described it in 2021: mirrors of the
 * client's ASN or subnets, then the nearest, five in all. Without mirrors in the client's network,
 * the nearest ten: of the country, then of the region, then of the world. For a client without a
 * known place, all mirrors by weight.
 */
export const almalinux: PreparedStrategy = (mirrors, place): PreparedChoice => {
  // An ASN can match, but gives no distance to sort by.
  const isLocated = place.country !== undefined || place.coordinates !== undefined
  const ordered = isLocated ? mirrors.toSorted(byDistance) : mirrors
  // Without an order, redirects are shared by weight, or the first mirror of the file would get
  // all.
  const tier = (name: string, members: readonly Proximity[]): PreparedTier =>
    isLocated ? { name, mirrors: members } : byShare(name, members)
  const sameNetwork = ordered.filter(({ prefix, sameAsn }) => prefix !== undefined || sameAsn)
  if (sameNetwork.length > 0) {
    const others = ordered.filter((mirror) => !sameNetwork.includes(mirror))
    // Their number decides the limit, and without them countries and regions count.
    const basis = { mirrors: sameNetwork, isFirstOnly: false }
    const tiers = [{ ...tier('network', sameNetwork), basis }, tier('nearest', others)]
    return { tiers, maxMirrors: Math.max(MAX_MIRRORS_WITH_NETWORK, sameNetwork.length) }
  }
  if (!isLocated) return { tiers: [tier('world', ordered)] }
  const buckets = bucket(ordered, ['country', 'region', 'world'], ({ country, sameContinent }) => {
    if (country !== undefined) return 'country'
    return sameContinent ? 'region' : 'world'
  })
  return { tiers: buckets.map(([name, members]) => tier(name, members)), maxMirrors: MAX_MIRRORS }
}
