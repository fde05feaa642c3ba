import { distance, type Point } from '../../geo/distance.js'
import type { Client, Family, Mirror, Place } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Proximity } from './strategies/strategy.js'

/**
 * Returns how near a mirror is to a place.
 *
 * @param prefix bits of the mirror's longest subnet that contains the client
 */
export function proximityOf(
  { mirror, continent, point }: Candidate,
  place: Place,
  from: Point | undefined,
  prefix: number | undefined,
): Proximity {
  return {
    mirror,
    distance: from && point && distance(from, point),
    prefix,
    sameAsn: place.asn !== undefined && mirror.asn.includes(place.asn),
    country: countryOf(mirror, place.country),
    sameContinent: continent !== undefined && continent === place.continent,
  }
}

function countryOf(mirror: Mirror, country: string | undefined): Proximity['country'] {
  if (country === undefined) return undefined
  if (mirror.location === country) return 'own'
  return mirror.countries.includes(country) ? 'other' : undefined
}

/** Returns why a mirror does not serve a client; undefined if it does. */
export function exclusionReason(proximity: Proximity, { country, assumed }: Client): string | undefined {
  const { mirror, prefix, sameAsn, sameContinent } = proximity
  if (!mirror.enabled) return 'disabled'
  if (mirror.weight === 0) return 'weight 0'
  if (country !== undefined && mirror.excludes.includes(country)) return `excludes clients of ${country}`
  const inSubnet = prefix !== undefined
  if (mirror.private && assumed) return 'private: not shown to clients that only claim their place'
  if (mirror.private && !inSubnet && !sameAsn) return 'private: only for its own asn and subnets'
  const inCountry = inSubnet || sameAsn || proximity.country !== undefined
  switch (mirror.serves) {
    case 'world':
      return undefined
    case 'continent':
      return inCountry || sameContinent ? undefined : 'serves its continent only'
    case 'country':
      return inCountry ? undefined : 'serves its country only'
    case 'asn':
      return inSubnet || sameAsn ? undefined : 'serves its asn only'
    case 'subnet':
      return inSubnet ? undefined : 'serves its subnets only'
  }
}

/** Returns the address family of a client; undefined if unknown. */
export function familyOf({ address, family }: Client): Family | undefined {
  if (address === '') return family
  return address.includes(':') ? 'ipv6' : 'ipv4'
}
