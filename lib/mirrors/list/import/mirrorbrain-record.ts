import type { ListedMirror } from './listed-mirror.js'
import { continentRemarks, flagOf, isBlank, numberOf, wordsOf } from './values.js'

/** A row of MirrorBrain's table of servers, by `keyOf` of its columns. */
export type ServerRecord = ReadonlyMap<string, string>

/** Returns one key for `baseurl_rsync` of the database and `baseurlRsync` of `mb show`. */
export function keyOf(name: string): string {
  return name.trim().replaceAll('_', '').toLowerCase()
}

/**
 * Converts a record of MirrorBrain. Its score becomes our weight: 100 for most, 0 is never chosen.
 * The result of its last probe (`status_baseurl`) is left out, because it is temporary.
 */
export function mirrorOf(record: ServerRecord, line: number): ListedMirror {
  const value = (name: string) => {
    const text = record.get(keyOf(name))?.trim()
    return text === 'None' || text === 'NULL' ? undefined : text
  }
  // MirrorBrain writes 0 for unknown values, such as the prefix of a mirror that was never looked
  // up.
  const valueUnlessZero = (name: string) => (value(name) === '0' ? undefined : value(name))
  return {
    line,
    name: value('identifier'),
    urls: [value('baseurl'), value('baseurl_ftp')],
    rsync: value('baseurl_rsync'),
    country: value('country'),
    countries: wordsOf(value('other_countries')),
    coordinates: [value('lat'), value('lng')],
    asn: value('asn'),
    subnets: valueUnlessZero('prefix'),
    ipv6Only: value('ipv6_only'),
    weight: weightOf(value('score')),
    only: {
      continent: value('region_only'),
      country: value('country_only'),
      asn: value('as_only'),
      subnet: value('prefix_only'),
    },
    sponsor: { name: value('operator_name'), url: value('operator_url') },
    enabled: value('enabled'),
    remarks: remarksOn(value),
  }
}

function remarksOn(value: (name: string) => string | undefined): string[] {
  const remarks: string[] = []
  const maxBytes = numberOf(value('file_maxsize') ?? '0')
  if (maxBytes !== 0)
    remarks.push(`it was for files of up to ${maxBytes} bytes only; a mirrors file has no such limit`)
  if (flagOf(value('region_only')) === true) {
    remarks.push(...continentRemarks(value('region'), value('country')))
  }
  return remarks
}

function weightOf(score: string | undefined): unknown {
  if (isBlank(score)) return undefined
  const number = numberOf(score)
  return typeof number === 'number' ? Math.max(0, number) : number
}
