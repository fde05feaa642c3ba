import { monthOf, utc, zoneMinutes } from '../../dates.js'

export const MAX_TRACE_BYTES = 4096

/** How far a trace may lie in the future, because the writer's clock is ahead. */
const MAX_AHEAD_MS = 86_400_000
/** Earlier times are mistakes, for example a number that is no time. */
const MIN_TIME_MS = Date.UTC(1990)

const CLOCK = String.raw`(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d{1,9}))?)?`
/** Twelve hours, as `date` writes them in some locales. */
const CLOCK_12 = String.raw`(?<hour12>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d))? (?<meridiem>[AaPp]\.?[Mm]\.?)`
const DATE = String.raw`(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)`
const DAY_NAME = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const MONTH_NAME = '(?<monthName>[A-Z][a-z]{2})'
/** Formats of the first line. Text after the time and a space is ignored. */
const FORMATS: readonly RegExp[] = [
  // ISO 8601: with a zone; without one, which means UTC, unless the name of a zone follows; basic
  // format
  String.raw`${DATE}[T ]${CLOCK} ?(?<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)`,
  String.raw`${DATE}(?:[T ]${CLOCK})?(?! (?:[A-Z]{2,5}\b|[+-]?\d))`,
  String.raw`(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)T(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)(?<zone>Z|[+-]\d{4})?`,
  // Output of `date -u`
  String.raw`${DAY_NAME} ${MONTH_NAME} {1,2}(?<day>\d{1,2}) ${CLOCK} (?:UTC|GMT) (?<year>\d{4})`,
  String.raw`${DAY_NAME} ${MONTH_NAME} {1,2}(?<day>\d{1,2}) ${CLOCK_12} (?:UTC|GMT) (?<year>\d{4})`,
  String.raw`${DAY_NAME},? {1,2}(?<day>\d{1,2}) ${MONTH_NAME} (?<year>\d{4}),? ${CLOCK_12} (?:UTC|GMT)`,
  String.raw`${DAY_NAME},? {1,2}(?<day>\d{1,2}) ${MONTH_NAME} (?<year>\d{4}),? ${CLOCK} (?:UTC|GMT)`,
  // RFC 2822 §3.3, and HTTP-date (RFC 9110 §5.6.7)
  String.raw`(?:${DAY_NAME}, ?)?(?<day>\d{1,2}) ${MONTH_NAME} (?<year>\d{4}) ${CLOCK} (?<zone>UTC?|GMT|Z|[+-]\d{4})`,
].map((format) => new RegExp(`^${format}(?=\\s|$)`))
/** Seconds since 1970, with a fraction on AlmaLinux mirrors. Thirteen digits are milliseconds. */
const EPOCH = /^(\d{9,13})(\.\d{1,9})?(?=\s|$)/

/**
 * Parses the first line of a trace file: the time at which a copy was made. Returns milliseconds
 * since 1970, rounded down; undefined without a time, for a time before 1990, or more than a day in
 * the future.
 *
 * @param now milliseconds since 1970
 */
export function parseTrace(text: string, now: number): number | undefined {
  const [line = ''] = text
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split(/[\r\n]/, 1)
  const time = epochOf(line) ?? dateOf(line)
  return time !== undefined && time >= MIN_TIME_MS && time <= now + MAX_AHEAD_MS ? time : undefined
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
  const hour = parts.hour12 === undefined ? number('hour') : hourOf(parts.hour12, parts.meridiem ?? '')
  if (hour === undefined) return undefined
  const time = utc(number('year'), month, number('day'), hour, number('minute'), number('second'))
  // The other zones are names of UTC.
  const offset = /^[+-]/.test(zone ?? '') ? zoneMinutes(zone ?? '') : 0
  return time === undefined || offset === undefined
    ? undefined
    : time - offset * 60_000 + thousandths(fraction)
}

/** Converts `12` and `AM` to 0; undefined if there is no such hour. */
function hourOf(digits: string, meridiem: string): number | undefined {
  const hour = Number(digits)
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (/^p/i.test(meridiem) ? 12 : 0)
}

/** Converts the digits after a decimal point to thousandths. */
function thousandths(digits: string): number {
  return Number(digits.slice(0, 3).padEnd(3, '0'))
}
