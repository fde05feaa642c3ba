import * as v from 'valibot'
import { centroidOf } from '../lib/geo/countries.js'
import { mirrorListSchema, mirrorsFileSchema } from '../lib/mirrors/list/schema.js'
import type { Mirror } from '../lib/model.js'
import { validateYamlFile } from '../lib/validation.js'
import { randomAddresses, seeded } from '../test/support/random.js'

/** Number of mirrors by country of a large real network, by its list of 2026. */
const BY_COUNTRY = `us 107, ca 21, nl 21, de 20, id 15, ir 13, gb 12, tr 11, au 11, ro 10, jp 9, vn 9, cn 9, za 7, in 7, sg 7,
  kr 7, dk 7, fr 6, es 6, ua 6, bd 6, it 5, br 5, bg 5, my 5, tw 5, ru 5, il 4, be 4, cz 4, cl 4, se 4, md 4, pt 4, th 4, pl 3,
  kz 3, hu 3, mx 3, ch 3, ae 2, am 2, lv 2, ke 2, nz 2, fi 2, gr 2, ec 2, az 2, sa 2, mu 1, tn 1, iq 1, no 1, co 1, ge 1, is 1,
  mk 1, uz 1, si 1, tz 1, by 1, dz 1, ma 1, ug 1, kh 1, ar 1, gh 1, rs 1, cr 1, ph 1, do 1`
/** Number of mirrors without a location in that network. */
const WITHOUT_LOCATION = 81
/** Shares of mirrors that have each property. */
const WITH_COORDINATES = 0.98
const WITH_ASN = 0.13
const WITH_SUBNETS = 0.025
/** Maximum offset of mirrors from the middle of their country, in degrees. */
const MAX_OFFSET = 3

/**
 * Returns the mirrors of a mirrors file, or 527 mirrors with the places and shares of a real
 * network. All hosts are in `.invalid`, so that no host is contacted.
 */
export function network(file: string | undefined): readonly Mirror[] {
  const mirrors =
    file === undefined ? madeUp() : validateYamlFile(mirrorsFileSchema, file, 'ERR_MIRRORS_FILE').mirrors
  return mirrors.map((mirror, index) => ({
    ...mirror,
    urls: mirror.urls.map((url) => url.replace(/^(\w+:\/\/)[^/]+/, `$1m${index}.mirror.invalid`)),
  }))
}

/** Returns `count` mirrors, evenly taken from a list. */
export function sample(mirrors: readonly Mirror[], count: number): readonly Mirror[] {
  const step = mirrors.length / count
  return Array.from(
    { length: Math.min(count, mirrors.length) },
    (_, index) => mirrors[Math.floor(index * step)],
  ).filter((mirror) => mirror !== undefined)
}

function madeUp(): Mirror[] {
  const random = seeded(527)
  const places = BY_COUNTRY.split(/,\s+/).flatMap((text) => {
    const [country = '', count] = text.split(' ')
    return Array.from({ length: Number(count) }, () => country)
  })
  const countries = [...places, ...Array.from({ length: WITHOUT_LOCATION }, () => undefined)]
  const made = countries.map((country, index) => {
    const subnets = randomAddresses(1, random).map(
      (address) => `${address.replace(/\.\d+\.\d+$/, '')}.0.0/16`,
    )
    const asn = 1 + Math.floor(random() * 64_000)
    return {
      id: `m${index}`,
      urls: ['https://m.invalid/repository/', 'http://m.invalid/repository/'],
      ...placeIn(country, random),
      asn: random() < WITH_ASN ? [asn] : [],
      subnets: random() < WITH_SUBNETS ? subnets : [],
    }
  })
  return v.parse(mirrorListSchema, made)
}

function placeIn(
  country: string | undefined,
  random: () => number,
): Pick<Mirror, 'location' | 'coordinates'> {
  if (country === undefined) return {}
  const middle = centroidOf(country)
  if (middle === undefined || random() > WITH_COORDINATES) return { location: country }
  const [latitude, longitude] = middle
  const offset = () => (random() * 2 - 1) * MAX_OFFSET
  return {
    location: country,
    coordinates: [
      Math.max(-90, Math.min(90, latitude + offset())),
      Math.max(-180, Math.min(180, longitude + offset())),
    ],
  }
}
