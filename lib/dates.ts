/** English names of months as HTTP, mail and web servers abbreviate them. */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Returns the number of a month, 1 to 12, by its name in any case; undefined for other words. */
export function monthOf(name: string): number | undefined {
  const index = MONTHS.indexOf(name.toLowerCase())
  return index === -1 ? undefined : index + 1
}

/**
 * Returns milliseconds since 1970 of a time in UTC.
 *
 * @param month 1 to 12
 * @returns undefined if there is no such time
 */
export function utc(
  year: number,
  month: number | undefined,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): number | undefined {
  if (month === undefined || !(month >= 1 && month <= 12) || day < 1 || day > daysIn(year, month))
    return undefined
  // Second 60 is a leap second. `Date.UTC` takes years below 100 for years of the 20th century.
  if (hour > 23 || minute > 59 || second > 60 || year < 100) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

const MAX_ZONE_HOURS = 14
const ZONE = /^([+-])(\d\d):?(\d\d)?$/

/**
 * Returns how many minutes a numeric zone (`+05:30`, `-0500`, `+02`) is ahead of UTC.
 *
 * @returns undefined if there is no such zone
 */
export function zoneMinutes(zone: string): number | undefined {
  const [, sign, hours, minutes = '0'] = ZONE.exec(zone) ?? []
  if (sign === undefined || Number(hours) > MAX_ZONE_HOURS || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

const IMF_FIXDATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/**
 * Returns milliseconds since 1970 of an IMF-fixdate (RFC 9110 §5.6.7), the only form of an HTTP
 * date that servers still send.
 */
export function parseImfFixdate(text: string): number | undefined {
  const match = IMF_FIXDATE.exec(text)
  if (match === null) return undefined
  const [, day, month, year, hour, minute, second] = match
  return utc(Number(year), monthOf(month ?? ''), Number(day), Number(hour), Number(minute), Number(second))
}

/** The form of C's `asctime`, which names no zone and means UTC. The other two forms name GMT. */
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/

/**
 * Returns milliseconds since 1970 of an HTTP date in any of the three forms that a recipient must
 * accept (RFC 9110 §5.6.7). As lenient as `Date.parse` within these forms.
 */
export function parseHttpDate(text: string): number | undefined {
  const zoned = ASCTIME.test(text) ? `${text} GMT` : text
  const milliseconds = zoned.endsWith(' GMT') ? Date.parse(zoned) : Number.NaN
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

const ISO_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

/** Returns milliseconds since 1970 of a time by RFC 3339, cut to the second. */
export function parseIsoTime(text: string): number | undefined {
  const match = ISO_TIME.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, zone = 'Z'] = match
  const time = utc(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  const offset = zone === 'Z' ? 0 : zoneMinutes(zone)
  return time === undefined || offset === undefined ? undefined : time - offset * 60_000
}
