import { countries } from 'countries-list'
import type { Coordinates, Place } from '../model.js'
import { CENTROIDS } from './centroids.js'

/**
 * Continents by country, both in lower case. Countries that are partly in Europe (Russia, Turkey,
 * Georgia, Azerbaijan, Kazakhstan) count as Europe, because their cables lead there.
 */
const CONTINENTS: ReadonlyMap<string, string> = new Map(
  Object.entries(countries).map(([code, { continent, continents }]) => [
    code.toLowerCase(),
    (continents?.includes('EU') ? 'EU' : continent).toLowerCase(),
  ]),
)
const CONTINENT_CODES: ReadonlySet<string> = new Set(CONTINENTS.values())

const CENTROIDS_BY_COUNTRY: ReadonlyMap<string, Coordinates> = new Map(Object.entries(CENTROIDS))

/**
 * Returns a country code of a database in lower case: two letters of ISO 3166-1 in any case, or
 * `UK`, which becomes `gb`. Returns undefined for everything else, such as `ZZ`, `XX`, `EU` and
 * `AP`, which registries use for an unknown country.
 */
export function countryCode(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 2) return undefined
  const code = value.toLowerCase()
  if (code === 'uk') return 'gb'
  return CONTINENTS.has(code) ? code : undefined
}

/** Returns a continent code of a database in lower case: one of the two-letter codes of `Place`. */
export function continentCode(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 2) return undefined
  const code = value.toLowerCase()
  return CONTINENT_CODES.has(code) ? code : undefined
}

/** Returns the continent of a country, by the country's code in lower case. */
export function continentOf(country: string): string | undefined {
  return CONTINENTS.get(country)
}

/** Returns the middle of a country, by the country's code in lower case. */
export function centroidOf(country: string): Coordinates | undefined {
  return CENTROIDS_BY_COUNTRY.get(country)
}

/**
 * Returns a place with the continent and the approximate coordinates of its country. The continent
 * always follows from the country, so that a client and a mirror of one country are never on two
 * continents.
 */
export function completePlace(place: Place): Place {
  const { country, coordinates } = place
  if (country === undefined) return place
  const continent = continentOf(country)
  const centroid = coordinates === undefined ? centroidOf(country) : undefined
  return {
    ...place,
    ...(continent === undefined ? {} : { continent }),
    ...(centroid === undefined ? {} : { coordinates: centroid, approximate: true }),
  }
}
