import type { ListedMirror } from './listed-mirror.js'
import { aboutContinent } from './unsaid.js'
import { flagOf, isBlank, numberOf, wordsOf } from './values.js'

/** A row of MirrorBrain's table of servers; see `keyOf` for its keys. */
export type ServerRecord = ReadonlyMap<string, string>

/** `baseurl_rsync` of the database and `baseurlRsync` of `mb show` are one. */
export function keyOf(name: string): string {
  return name.trim().replaceAll('_', '').toLowerCase()
}

/**
 * A mirror of MirrorBrain. Its score is our weight: 100 for most, and 0 is never chosen. Whether a probe found it alive
 * (`status_baseurl`) is of the moment and not carried over.
 */
export function mirrorOf(record: ServerRecord, line: number): ListedMirror {
  const value = (name: string) => {
    const text = record.get(keyOf(name))?.trim()
    return text === 'None' || text === 'NULL' ? undefined : text
  }
  // What is not known is written as 0, as in the prefix of a mirror that was never looked up.
  const known = (name: string) => (value(name) === '0' ? undefined : value(name))
  return {
    line,
    name: value('identifier'),
    urls: [value('baseurl'), value('baseurl_ftp')],
    rsync: value('baseurl_rsync'),
    country: value('country'),
    countries: wordsOf(value('other_countries')),
    coordinates: [value('lat'), value('lng')],
    asn: value('asn'),
    subnets: known('prefix'),
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
    remarks: unsaid(value),
  }
}

function unsaid(value: (name: string) => string | undefined): string[] {
  const remarks: string[] = []
  const largest = numberOf(value('file_maxsize') ?? '0')
  if (largest !== 0) remarks.push(`it was for files of up to ${largest} bytes only; that cannot be said`)
  if (flagOf(value('region_only')) === true) {
    remarks.push(...aboutContinent(value('region'), value('country')))
  }
  return remarks
}

function weightOf(score: string | undefined): unknown {
  if (isBlank(score)) return undefined
  const number = numberOf(score)
  return typeof number === 'number' ? Math.max(0, number) : number
}
