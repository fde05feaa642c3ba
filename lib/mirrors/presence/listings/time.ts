/** The months as servers abbreviate them, whatever their language. */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** 1 to 12; undefined where the name is no month's. */
export function monthOf(name: string): number | undefined {
  const index = MONTHS.indexOf(name.toLowerCase())
  return index === -1 ? undefined : index + 1
}

/**
 * Milliseconds since 1970 of a time read as UTC.
 *
 * @param month 1 to 12
 * @returns undefined where there is no such time
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
  // 60: a leap second. Years below 100 are taken for those of another century.
  if (hour > 23 || minute > 59 || second > 60 || year < 100) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

const HTTP_DATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/** Milliseconds since 1970 of an IMF-fixdate (RFC 9110 §5.6.7), the only form that servers still send. */
export function parseHttpDate(text: string): number | undefined {
  const match = HTTP_DATE.exec(text)
  if (match === null) return undefined
  const [, day, month, year, hour, minute, second] = match
  return utc(Number(year), monthOf(month ?? ''), Number(day), Number(hour), Number(minute), Number(second))
}

const ISO_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

/** Milliseconds since 1970 of a time by RFC 3339, without parts of seconds. */
export function parseIsoTime(text: string): number | undefined {
  const match = ISO_TIME.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, zone = 'Z'] = match
  const time = utc(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  if (time === undefined || zone === 'Z') return time
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))
  return time - (zone.startsWith('-') ? -minutes : minutes) * 60_000
}
