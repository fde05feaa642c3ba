import type { Coordinates, Place } from '../model.js'
import { continentCode, countryCode } from './countries.js'
import { MAX_ASN } from './schema.js'

/** A place of which nothing is known. */
export const UNKNOWN_PLACE: Place = {}

/** From this `accuracy_radius` on, coordinates are as imprecise as the country's centroid. */
const COUNTRY_RADIUS_KM = 1000

type Fields = Readonly<Record<string, unknown>>

/**
 * Returns the place in a record of a database: by the nested schema of MaxMind and DB-IP, the flat
 * ones of ip-location-db and IPinfo, or any mixture. Invalid values are ignored.
 */
export function placeOf(record: unknown): Place {
  if (!isFields(record)) return UNKNOWN_PLACE
  const country =
    countryCode(record.country_code) ??
    countryCode(record.country) ??
    // Not `registered_country`, which is the country of the network's owner.
    countryCode(within(record.country, 'iso_code'))
  const continent =
    continentCode(record.continent_code) ??
    continentCode(record.continent) ??
    continentCode(within(record.continent, 'code'))
  const coordinates = coordinatesOf(record)
  const asn =
    asnOf(record.autonomous_system_number) ??
    asnOf(record.asn) ??
    asnOf(within(record.traits, 'autonomous_system_number'))
  const radius = within(record.location, 'accuracy_radius')
  const approximate = typeof radius === 'number' && radius >= COUNTRY_RADIUS_KM
  return {
    ...(country === undefined ? {} : { country }),
    ...(continent === undefined ? {} : { continent }),
    ...(coordinates === undefined ? {} : approximate ? { coordinates, approximate } : { coordinates }),
    ...(asn === undefined ? {} : { asn }),
  }
}

function coordinatesOf(record: Fields): Coordinates | undefined {
  const { location, loc } = record
  const [latitude, longitude] = typeof loc === 'string' ? loc.split(',', 2) : []
  return (
    pair(within(location, 'latitude'), within(location, 'longitude')) ??
    pair(record.latitude, record.longitude) ??
    pair(record.lat, record.lng ?? record.lon) ??
    pair(latitude, longitude)
  )
}

function pair(north: unknown, east: unknown): Coordinates | undefined {
  const latitude = degrees(north, 90)
  const longitude = degrees(east, 180)
  if (latitude === undefined || longitude === undefined) return undefined
  // Some databases write 0, 0 (in the sea off Africa) for missing coordinates.
  if (latitude === 0 && longitude === 0) return undefined
  return [latitude, longitude]
}

function degrees(value: unknown, limit: number): number | undefined {
  const number = typeof value === 'string' && /^\s*[+-]?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !(Math.abs(number) <= limit)) return undefined
  // Turns -0 into 0.
  return number + 0
}

function asnOf(value: unknown): number | undefined {
  const [, digits] = typeof value === 'string' ? (/^(?:AS)?(\d{1,10})$/i.exec(value) ?? []) : []
  // The MMDB reader returns 64-bit integers as bigints.
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number(digits)
  return Number.isInteger(number) && number >= 1 && number <= MAX_ASN ? number : undefined
}

function within(value: unknown, key: string): unknown {
  return isFields(value) ? value[key] : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
