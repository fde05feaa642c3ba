import * as v from 'valibot'
import { mapping } from '../validation.js'
import { countryCode } from './countries.js'

/** The highest number of an autonomous system (RFC 6793). */
export const MAX_ASN = 4_294_967_295

/** A country of ISO 3166-1 by its two letters, in lower case. */
export const countrySchema = v.pipe(
  v.string('must be a two-letter country code'),
  v.toLowerCase(),
  v.check(
    // "uk" is understood in databases; an operator is told.
    (code) => countryCode(code) === code,
    (issue) =>
      `${JSON.stringify(issue.input)} is no country of ISO 3166-1${issue.input === 'uk' ? '; the United Kingdom is "gb"' : ''}`,
  ),
)

function degrees(limit: number) {
  const message = `must be degrees from -${limit} to ${limit}`
  return v.pipe(v.number(message), v.minValue(-limit, message), v.maxValue(limit, message))
}

/** Degrees north and east. */
export const coordinatesSchema = v.tuple([degrees(90), degrees(180)], 'must be [latitude, longitude]')

const asnMessage = `must be a whole number from 1 to ${MAX_ASN}`

/** The number of an autonomous system. */
export const asnSchema = v.pipe(
  v.number(asnMessage),
  v.integer(asnMessage),
  v.minValue(1, asnMessage),
  v.maxValue(MAX_ASN, asnMessage),
)

/** Where clients with local addresses are: more than the country. */
export const localPlaceSchema = mapping(
  {
    country: countrySchema,
    coordinates: v.exactOptional(coordinatesSchema),
    asn: v.exactOptional(asnSchema),
  },
  'must be a country code, or a mapping with a country',
)
