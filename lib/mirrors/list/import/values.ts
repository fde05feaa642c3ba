import { isIP } from 'node:net'
import { countries } from 'countries-list'
import ipaddr from 'ipaddr.js'
import { networkOf } from '../schema.js'

/** Lists write a flag in many ways: YAML 1.1 has yes and on, Python True, PostgreSQL t. */
const TRUE = new Set(['true', 'yes', 'on', 'y', 't', '1'])
const FALSE = new Set(['false', 'no', 'off', 'n', 'f', '0'])

/** What GeoIP tools write where they know of no country. */
const NO_COUNTRY = new Set(['**', '--', '/', '?'])

/** Codes that are in use and not in ISO 3166-1. */
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

/** Whether a list leaves a value open. */
export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}

/** A flag; `false` where the list leaves it open, `undefined` where it is not clear. */
export function flagOf(value: unknown): boolean | undefined {
  if (isBlank(value)) return false
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const word = String(value).trim().toLowerCase()
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined
}

/** A number where it is one; any other value as it is, so that the schema refuses it by name. */
export function numberOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const number = Number(value.trim())
  return Number.isNaN(number) ? value : number
}

/** One value, several, or a text with commas or spaces between them, as a list of those that are not blank. */
export function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(listOf)
  if (typeof value === 'string') return value.split(/[\s,]+/).filter((word) => word !== '')
  return isBlank(value) ? [] : [value]
}

/** The same, of words and numbers only, as texts. */
export function wordsOf(value: unknown): string[] {
  return listOf(value).flatMap((each) =>
    typeof each === 'string' || typeof each === 'number' ? [String(each)] : [],
  )
}

/** Numbers of autonomous systems: `64500`, `AS64500`, `[64500, 64501]`. 0 stands for none. */
export function asnOf(value: unknown): unknown[] {
  const numbers = listOf(value).map((each) =>
    numberOf(typeof each === 'string' ? each.replace(/^AS(?=\d)/i, '') : each),
  )
  return [...new Set(numbers)].filter((number) => number !== 0)
}

/** Degrees; `undefined` where one of the two is open, and for 0, 0, which lists write where they do not know. */
export function coordinatesOf(value: unknown): unknown {
  if (isBlank(value)) return undefined
  if (!Array.isArray(value)) return value
  if (value.some(isBlank)) return undefined
  const degrees = value.map(numberOf)
  return degrees.every((each) => each === 0) ? undefined : degrees
}

/**
 * A country's code, in lower case, for the codes and names that lists use. What is none of them is returned as it is,
 * so that the schema refuses it by name; `undefined` stands for no country.
 */
export function countryOf(value: unknown): unknown {
  if (isBlank(value)) return undefined
  if (typeof value !== 'string') return value
  const word = value.trim().toLowerCase()
  if (NO_COUNTRY.has(word)) return undefined
  if (Object.hasOwn(countries, word.toUpperCase())) return word
  return OTHER_CODES.get(word) ?? CODES_BY_NAME.get(word) ?? value.trim()
}

/** The continent of a country: `eu`. */
export function continentCodeOf(country: unknown): string | undefined {
  const code = countryOf(country)
  return typeof code === 'string' ? CONTINENTS.get(code) : undefined
}

/** A subnet without the bits that lists leave beyond its prefix. */
export function subnetOf(value: unknown): unknown {
  if (typeof value !== 'string' || !ipaddr.isValidCIDR(value)) return value
  const [address, bits] = ipaddr.parseCIDR(value)
  const isWrittenOut = isIP(value.slice(0, value.lastIndexOf('/'))) !== 0
  return isWrittenOut ? `${networkOf(address, bits)}/${bits}` : value
}
