import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { countries } from 'countries-list'
import * as v from 'valibot'
import { errorMessage, MirroredByError } from '../errors.js'
import type { Coordinates, Place } from '../model.js'

/**
 * Continents by country, both in lower case. Countries that lie in Europe as well (Russia, Turkey, Georgia, Azerbaijan,
 * Kazakhstan) count as Europe, whatever else they are part of: their cables lead there.
 */
const CONTINENTS: ReadonlyMap<string, string> = new Map(
  Object.entries(countries).map(([code, { continent, continents }]) => [
    code.toLowerCase(),
    (continents?.includes('EU') ? 'EU' : continent).toLowerCase(),
  ]),
)
const CONTINENT_CODES: ReadonlySet<string> = new Set(CONTINENTS.values())

/** The file is full of names and borders; these are all that is kept of it. */
let centroids: ReadonlyMap<string, Coordinates> | undefined

/**
 * A country as data have it: two letters of ISO 3166-1 in any case, or `UK`, which is taken for `gb`. Undefined for
 * everything else, such as `ZZ`, `XX`, `EU` and `AP`, by which registries mean that they do not know.
 */
export function countryCode(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 2) return undefined
  const code = value.toLowerCase()
  if (code === 'uk') return 'gb'
  return CONTINENTS.has(code) ? code : undefined
}

/** A continent as data have it, in any case: one of the two-letter codes of `Place`. */
export function continentCode(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 2) return undefined
  const code = value.toLowerCase()
  return CONTINENT_CODES.has(code) ? code : undefined
}

/** The continent that a country counts to, by its code in lower case. */
export function continentOf(country: string): string | undefined {
  return CONTINENTS.get(country)
}

/**
 * The middle of a country, by its code in lower case; undefined where there is none. The first call reads a file, which
 * takes about 10 ms.
 *
 * @throws MirroredByError ERR_GEO where that file is not there: the installation is not whole
 */
export function centroidOf(country: string): Coordinates | undefined {
  centroids ??= readCentroids()
  return centroids.get(country)
}

/**
 * A place with what follows from its country. The continent always does, whatever a database says, so that a client and
 * a mirror of one country are never on two continents.
 */
export function complete(place: Place): Place {
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

const worldSchema = v.array(v.object({ cca2: v.string(), latlng: v.tuple([v.number(), v.number()]) }))

function readCentroids(): ReadonlyMap<string, Coordinates> {
  try {
    // The smallest of the package's files that has them.
    const file = createRequire(import.meta.url).resolve('world-countries/dist/countries-unescaped.json')
    const world = v.parse(worldSchema, JSON.parse(readFileSync(file, 'utf8')))
    return new Map(world.map(({ cca2, latlng }) => [cca2.toLowerCase(), latlng]))
  } catch (error) {
    const message = `cannot read where countries are: ${errorMessage(error)}; install the dependencies again`
    throw new MirroredByError('ERR_GEO', message, error)
  }
}
