import * as v from 'valibot'
import { mapping } from '../validation.js'
import { countryCode } from './countries.js'

/** Highest number of an autonomous system (RFC 6793). */
export const MAX_ASN = 4_294_967_295

/** Schema of a two-letter country code of ISO 3166-1. Its output is in lower case. */
export const countrySchema = v.pipe(
  v.string('must be a two-letter country code'),
  v.check(
    // Databases may write "uk"; operators must write "gb".
    (text) => countryCode(text) === text.toLowerCase(),
    ({ input }) =>
      `${JSON.stringify(input)} is no country of ISO 3166-1${input.toLowerCase() === 'uk' ? '; the United Kingdom is "gb"' : ''}`,
  ),
  v.toLowerCase(),
)

function degrees(limit: number) {
  const message = `must be degrees from -${limit} to ${limit}`
  return v.pipe(v.number(message), v.minValue(-limit, message), v.maxValue(limit, message))
}

/** Schema of a pair of degrees north and east. */
export const coordinatesSchema = v.tuple([degrees(90), degrees(180)], 'must be [latitude, longitude]')

const asnMessage = `must be a whole number from 1 to ${MAX_ASN}`

/** Schema of the number of an autonomous system. */
export const asnSchema = v.pipe(
  v.number(asnMessage),
  v.integer(asnMessage),
  v.minValue(1, asnMessage),
  v.maxValue(MAX_ASN, asnMessage),
)

/** Schema of `LocalPlace`. */
export const localPlaceSchema = mapping(
  {
    country: countrySchema,
    coordinates: v.exactOptional(coordinatesSchema),
    asn: v.exactOptional(asnSchema),
  },
  'must be a country code, or a mapping with a country',
)
