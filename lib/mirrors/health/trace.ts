import { monthOf, utc, zoneMinutes } from '../../dates.js'

/** Bytes of a trace file, at most. */
export const MAX_TRACE_BYTES = 4096

/** Milliseconds by which the clock of whoever wrote it may be ahead. */
const MAX_AHEAD_MS = 86_400_000
/** Mirrors were not made of files then. */
const EARLIEST = Date.UTC(1990)

const CLOCK = String.raw`(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d{1,9}))?)?`
const DATE = String.raw`(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)`
const DAY_NAME = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const MONTH_NAME = '(?<monthName>[A-Z][a-z]{2})'
/** Each at the beginning of a line; what follows after a space is somebody's remark. */
const FORMATS: readonly RegExp[] = [
  // ISO 8601 with a zone; without one, which is UTC, unless one follows by a name of its own; in its short form
  String.raw`${DATE}[T ]${CLOCK} ?(?<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)`,
  String.raw`${DATE}(?:[T ]${CLOCK})?(?! (?:[A-Z]{2,5}\b|[+-]?\d))`,
  String.raw`(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)T(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)(?<zone>Z|[+-]\d{4})?`,
  // `date -u`
  String.raw`${DAY_NAME} ${MONTH_NAME} {1,2}(?<day>\d{1,2}) ${CLOCK} (?:UTC|GMT) (?<year>\d{4})`,
  // RFC 2822 §3.3, and the date of HTTP
  String.raw`(?:${DAY_NAME}, ?)?(?<day>\d{1,2}) ${MONTH_NAME} (?<year>\d{4}) ${CLOCK} (?<zone>UTC?|GMT|Z|[+-]\d{4})`,
].map((format) => new RegExp(`^${format}(?=\\s|$)`))
/** Seconds since 1970, also with a fraction, as AlmaLinux writes them; thirteen digits are milliseconds. */
const EPOCH = /^(\d{9,13})(\.\d{1,9})?(?=\s|$)/

/**
 * When a copy was made, by the first line of its trace file: milliseconds since 1970, rounded down. Undefined where it says no
 * time, one that is more than a day ahead, or one before 1990.
 *
 * @param now milliseconds since 1970
 */
export function parseTrace(text: string, now: number): number | undefined {
  const [line = ''] = text
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split(/[\r\n]/, 1)
  const time = epochOf(line) ?? dateOf(line)
  return time !== undefined && time >= EARLIEST && time <= now + MAX_AHEAD_MS ? time : undefined
}

function epochOf(line: string): number | undefined {
  const [, whole, fraction = ''] = EPOCH.exec(line) ?? []
  if (whole === undefined) return undefined
  return whole.length === 13 ? Number(whole) : Number(whole) * 1000 + thousandths(fraction.slice(1))
}

function dateOf(line: string): number | undefined {
  for (const format of FORMATS) {
    const parts = format.exec(line)?.groups
    if (parts !== undefined) return timeOf(parts)
  }
  return undefined
}

/** Returns the time that the groups of a format name; undefined if there is no such time. */
function timeOf(parts: Readonly<Record<string, string | undefined>>): number | undefined {
  const number = (name: string) => Number(parts[name] ?? 0)
  const { monthName, zone, fraction = '' } = parts
  const month = monthName === undefined ? number('month') : monthOf(monthName)
  const time = utc(number('year'), month, number('day'), number('hour'), number('minute'), number('second'))
  // The other zones are names of UTC.
  const offset = /^[+-]/.test(zone ?? '') ? zoneMinutes(zone ?? '') : 0
  return time === undefined || offset === undefined
    ? undefined
    : time - offset * 60_000 + thousandths(fraction)
}

/** Of the digits after a point. */
function thousandths(digits: string): number {
  return Number(digits.slice(0, 3).padEnd(3, '0'))
}
