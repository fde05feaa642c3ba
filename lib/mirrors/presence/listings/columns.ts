import { monthOf, utc } from '../../../dates.js'
import type { Listed, TimeUnit } from './listing.js'

/** Listed values of which none is known. */
export const UNLISTED: Listed = {
  size: undefined,
  sizePrecision: 0,
  mtime: undefined,
  mtimePrecision: 'second',
}

/** `2024-02-03 04:05` (Apache), with seconds (others); `2024-Feb-03 04:05:06` (lighttpd). */
const YEAR_FIRST = /(?<!\d)(\d{4})-(\d{2}|[A-Za-z]{3})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?(?!\d)/
/** `03-Feb-2024 04:05` (nginx, and Apache formerly). */
const DAY_FIRST = /(?<!\d)(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2})(?::(\d{2}))?(?!\d)/

/** `1.2K`, `34 MiB`, `567`. */
const SIZE = /^\s*(\d{1,16}(?:\.\d{1,3})?) ?(?:([KMGTPE])(i?B)?|B)?(?=\s|$)/i
const UNIT_LETTERS = 'KMGTPE'

/**
 * Reads the columns behind a name: a time, and a size behind the time. Without a time, or before
 * it, a size counts only if it is the whole text, because any text may begin with a number.
 */
export function parseColumns(text: string): Listed {
  const time = findTime(text)
  if (time === undefined) return { ...UNLISTED, ...parseOnlySize(text) }
  const size = parseSize(text.slice(time.end)) ?? parseOnlySize(text.slice(0, time.start))
  return { ...UNLISTED, mtime: time.mtime, mtimePrecision: time.unit, ...size }
}

interface FoundTime {
  readonly start: number
  readonly end: number
  readonly mtime: number
  readonly unit: TimeUnit
}

function findTime(text: string): FoundTime | undefined {
  const yearFirst = YEAR_FIRST.exec(text)
  const match = yearFirst ?? DAY_FIRST.exec(text)
  if (match === null) return undefined
  const [whole, first, month = '', last, hour, minute, second] = match
  const [year, day] = yearFirst === null ? [last, first] : [first, last]
  const mtime = utc(
    Number(year),
    /^\d/.test(month) ? Number(month) : monthOf(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second ?? 0),
  )
  if (mtime === undefined) return undefined
  const unit = second === undefined ? 'minute' : 'second'
  return { start: match.index, end: match.index + whole.length, mtime, unit }
}

function parseOnlySize(text: string): ListedSize | undefined {
  const trimmed = text.trim()
  return SIZE.exec(trimmed)?.[0] === trimmed ? parseSize(trimmed) : undefined
}

export type ListedSize = Pick<Listed, 'size' | 'sizePrecision'>

/**
 * Reads a size at the beginning of a text. A size with a unit is rounded, and each server rounds in
 * its own way: nginx and Apache to the nearest, others down or up. The true size is at most one
 * step of the last digit away.
 */
export function parseSize(text: string): ListedSize | undefined {
  const match = SIZE.exec(text)
  if (match === null) return undefined
  const [, digits = '', unit, bytes = ''] = match
  const value = Number(digits)
  if (unit === undefined) return Number.isSafeInteger(value) ? { size: value, sizePrecision: 0 } : undefined
  const power = UNIT_LETTERS.indexOf(unit.toUpperCase()) + 1
  const step = 10 ** -(digits.split('.')[1]?.length ?? 0)
  // `kB` and `MB` may count in steps of 1000 or of 1024. A letter alone means 1024 on all servers
  // seen.
  const minSize = (value - step) * (bytes.toUpperCase() === 'B' ? 1000 : 1024) ** power
  const maxSize = (value + step) * 1024 ** power
  const size = Math.round((minSize + maxSize) / 2)
  if (!Number.isSafeInteger(size)) return undefined
  return { size, sizePrecision: Math.ceil((maxSize - minSize) / 2) }
}
