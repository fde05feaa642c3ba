import { isIP } from 'node:net'
import { countries } from 'countries-list'
import ipaddr from 'ipaddr.js'
import { networkOf } from '../schema.js'

/** Spellings of flags: YAML 1.1 has yes and on, Python True, PostgreSQL t. */
const TRUE = new Set(['true', 'yes', 'on', 'y', 't', '1'])
const FALSE = new Set(['false', 'no', 'off', 'n', 'f', '0'])

/** What GeoIP tools write for an unknown country. */
const NO_COUNTRY = new Set(['**', '--', '/', '?'])

/** Codes that are in use but not in ISO 3166-1. */
const OTHER_CODES: ReadonlyMap<string, string> = new Map([
  ['uk', 'gb'],
  ['el', 'gr'],
])

const CODES_BY_NAME: ReadonlyMap<string, string> = new Map(
  Object.entries(countries).flatMap(([code, { name, native, alias = [] }]) =>
    [name, native, ...alias].map((word): [string, string] => [word.toLowerCase(), code.toLowerCase()]),
  ),
)

const CONTINENTS: ReadonlyMap<string, string> = new Map(
  Object.entries(countries).map(([code, { continent }]) => [code.toLowerCase(), continent.toLowerCase()]),
)

/** Whether a value is missing. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}

/** Returns a flag: `false` if missing, `undefined` if unclear. */
export function flagOf(value: unknown): boolean | undefined {
  if (isBlank(value)) return false
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const word = String(value).trim().toLowerCase()
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined
}

/** Returns a number, or the value unchanged, so that the schema refuses it by name. */
export function numberOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const number = Number(value.trim())
  return Number.isNaN(number) ? value : number
}

/** Splits texts at commas and spaces, flattens lists, and leaves out blank values. */
export function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(listOf)
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '')
  return isBlank(value) ? [] : [value]
}

/** Returns the texts and numbers of `listOf` as texts. */
export function wordsOf(value: unknown): string[] {
  return listOf(value).flatMap((element) =>
    typeof element === 'string' || typeof element === 'number' ? [String(element)] : [],
  )
}

/** Returns the ASNs of `64500`, `AS64500` or `[64500, 64501]`. 0 means unknown and is left out. */
export function asnOf(value: unknown): unknown[] {
  const numbers = listOf(value).map((element) =>
    numberOf(typeof element === 'string' ? element.replace(/^AS(?=\d)/i, '') : element),
  )
  return [...new Set(numbers)].filter((number) => number !== 0)
}

/**
 * Returns degrees; undefined if one is missing, and for 0, 0, which lists write for unknown places.
 */
export function coordinatesOf(value: unknown): unknown {
  if (isBlank(value)) return undefined
  if (!Array.isArray(value)) return value
  if (value.some(isBlank)) return undefined
  const degrees = value.map(numberOf)
  return degrees.every((degree) => degree === 0) ? undefined : degrees
}

/**
 * Returns a country's code in lower case for the codes and names that lists use. Returns other
 * texts unchanged, so that the schema refuses them by name, and undefined for no country.
 */
export function countryOf(value: unknown): unknown {
  if (isBlank(value)) return undefined
  if (typeof value !== 'string') return value
  const word = value.trim().toLowerCase()
  if (NO_COUNTRY.has(word)) return undefined
  if (Object.hasOwn(countries, word.toUpperCase())) return word
  return OTHER_CODES.get(word) ?? CODES_BY_NAME.get(word) ?? value.trim()
}

/** Returns the continent of a country, such as `eu`. */
export function continentCodeOf(country: unknown): string | undefined {
  const code = countryOf(country)
  return typeof code === 'string' ? CONTINENTS.get(code) : undefined
}

/** Clears the bits of a subnet that lists leave set beyond its prefix. */
export function subnetOf(value: unknown): unknown {
  if (typeof value !== 'string' || !ipaddr.isValidCIDR(value)) return value
  const [address, bits] = ipaddr.parseCIDR(value)
  const isFullAddress = isIP(value.slice(0, value.lastIndexOf('/'))) !== 0
  return isFullAddress ? `${networkOf(address, bits)}/${bits}` : value
}

/**
 * Returns a remark if a list puts a mirror on another continent than its country. A mirrors file
 * has only the country.
 */
export function continentRemarks(continent: unknown, country: unknown): string[] {
  const [code = ''] = wordsOf(continent)
  const ownCode = continentCodeOf(country)
  if (code === '' || ownCode === undefined || code.toLowerCase() === ownCode) return []
  return [`it serves the continent ${JSON.stringify(code)}; here that is ${ownCode}, the one of its country`]
}
