import { monthOf, utc } from '../../../dates.js'
import { UNLISTED } from './columns.js'
import type { FolderEntry } from './folder-page.js'

/** A valid line; `nothing` for lines without an entry, such as the folder itself or a total. */
export type FtpLine = FolderEntry | 'nothing'

/**
 * Reads a line of MLSD (RFC 3659 §7): `type=file;size=5;modify=20240203040506; name`.
 *
 * @returns undefined if the line is not a line of MLSD
 */
export function parseMlsdLine(line: string): FtpLine | undefined {
  const space = line.indexOf(' ')
  if (space === -1) return undefined
  const facts = new Map<string, string>()
  for (const fact of line.slice(0, space).split(';')) {
    const equals = fact.indexOf('=')
    if (equals > 0) facts.set(fact.slice(0, equals).toLowerCase(), fact.slice(equals + 1))
  }
  const type = facts.get('type')?.toLowerCase()
  if (type === undefined) return undefined
  if (type === 'cdir' || type === 'pdir') return 'nothing'
  const name = line.slice(space + 1)
  const size = /^\d{1,16}$/.test(facts.get('size') ?? '') ? Number(facts.get('size')) : undefined
  const listed = { ...UNLISTED, size: safeInteger(size), mtime: parseModify(facts.get('modify') ?? '') }
  if (type === 'file')
    return { kind: 'file', name, target: undefined, listed, ...closedIf(isClosed(facts, 'r')) }
  if (type === 'dir')
    return { kind: 'folder', name, target: undefined, listed, ...closedIf(isClosed(facts, 'e')) }
  // RFC 3659 leaves links to the operating systems: most write `OS.unix=slink:target`.
  const link = /^os\.unix=s(?:ym)?link(?::(.+))?$/is.exec(facts.get('type') ?? '')
  return { kind: link === null ? 'other' : 'link', name, target: link?.[1], listed: UNLISTED }
}

/**
 * Whether facts deny an entry: `perm`, which is about this user (RFC 3659 §7.5.5), or `UNIX.mode`.
 *
 * @param permission letter for the right to read a file (`r`) or to enter a folder (`e`)
 */
function isClosed(facts: ReadonlyMap<string, string>, permission: 'r' | 'e'): boolean {
  const mode = facts.get('unix.mode')
  if (mode !== undefined && /^[0-7]{3,6}$/.test(mode))
    return (Number.parseInt(mode, 8) & (permission === 'r' ? 0o4 : 0o1)) === 0
  const perm = facts.get('perm')
  return perm !== undefined && perm !== '' && !perm.toLowerCase().includes(permission)
}

/** Returns milliseconds since 1970 of a UTC time such as `20240203040506`, cut to the second. */
function parseModify(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.\d+)?$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second] = match.map(Number)
  return utc(year ?? 0, month, day ?? 0, hour, minute, second)
}

const UNIX_MODE = /^([-dlbcps])[-rwxsStTlL]{6}([-r])[-wlL]([-xtTsS])[.+@]? +/
/**
 * A size, then `Feb  3 04:05`, `Feb  3  2024` or `2024-02-03 04:05`, then a name after one space.
 */
const UNIX_REST =
  / (\d{1,16}) +(?:([A-Za-z]{3}) +(\d{1,2}) +(?:(\d{1,2}):(\d{2})|(\d{4}))|(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2})) (.+)$/s
const UNIX_KINDS: Readonly<Record<string, FolderEntry['kind']>> = { '-': 'file', d: 'folder', l: 'link' }
const DOS = /^(\d{2})-(\d{2})-(\d{2}|\d{4}) +(\d{2}):(\d{2})([AP]M)? +(<DIR>|\d{1,16}) +(.+)$/is
const ARROW = ' -> '
/** Characters before the size. In a line of `ls` they are few. */
const MAX_HEAD_LENGTH = 200

/**
 * Reads a line of LIST in the format of Unix or DOS. Times are exact to the minute, or to the day
 * for old files, in the server's time zone.
 *
 * @param now milliseconds since 1970. A time without a year is the latest such time before `now`,
 * plus one day for time zones
 * @returns undefined if the line has neither format
 */
export function parseListLine(line: string, now: number): FtpLine | undefined {
  if (/^total \d+$/i.test(line)) return 'nothing'
  return parseUnixLine(line, now) ?? parseDosLine(line)
}

function parseUnixLine(line: string, now: number): FolderEntry | undefined {
  const mode = UNIX_MODE.exec(line)
  if (mode === null) return undefined
  // Owners and groups may be missing, or hold spaces. They end at the first size with a date
  // behind.
  const match = UNIX_REST.exec(line)
  if (match === null || match.index > MAX_HEAD_LENGTH) return undefined
  const [
    ,
    size,
    monthName,
    day,
    hour,
    minute,
    year,
    isoYear,
    isoMonth,
    isoDay,
    isoHour,
    isoMinute,
    written = '',
  ] = match
  const kind = UNIX_KINDS[mode[1] ?? ''] ?? 'other'
  const [name, target] = kind === 'link' ? splitLink(written) : [written, undefined]
  const rest = { size: safeInteger(Number(size)), sizePrecision: 0 }
  const isClosed = kind === 'folder' ? !/[xts]/.test(mode[3] ?? '') : mode[2] !== 'r'
  if (kind === 'link') return { kind, name: name, target, listed: UNLISTED }
  if (isoYear !== undefined) {
    const mtime = utc(Number(isoYear), Number(isoMonth), Number(isoDay), Number(isoHour), Number(isoMinute))
    return { kind, name, target, ...closedIf(isClosed), listed: { ...rest, mtime, mtimePrecision: 'minute' } }
  }
  const month = monthOf(monthName ?? '')
  if (year !== undefined) {
    const mtime = utc(Number(year), month, Number(day))
    return { kind, name, target, ...closedIf(isClosed), listed: { ...rest, mtime, mtimePrecision: 'day' } }
  }
  const mtime = latestBefore(now, month, Number(day), Number(hour), Number(minute))
  return { kind, name, target, ...closedIf(isClosed), listed: { ...rest, mtime, mtimePrecision: 'minute' } }
}

function latestBefore(
  now: number,
  month: number | undefined,
  day: number,
  hour: number,
  minute: number,
): number | undefined {
  const latest = now + 86_400_000
  const year = new Date(latest).getUTCFullYear()
  // A 29 February may be years back, although servers write the year then.
  for (let yearsBack = 0; yearsBack < 8; yearsBack += 1) {
    const time = utc(year - yearsBack, month, day, hour, minute)
    if (time !== undefined && time <= latest) return time
  }
  return undefined
}

function splitLink(text: string): readonly [name: string, target: string | undefined] {
  const arrow = text.indexOf(ARROW)
  return arrow <= 0 ? [text, undefined] : [text.slice(0, arrow), text.slice(arrow + ARROW.length)]
}

function parseDosLine(line: string): FolderEntry | undefined {
  const match = DOS.exec(line)
  if (match === null) return undefined
  const [, month, day, yearDigits = '', hours, minute, meridiem, size = '', name = ''] = match
  const yearNumber = Number(yearDigits)
  const year = yearDigits.length === 4 ? yearNumber : yearNumber + (yearNumber < 70 ? 2000 : 1900)
  const hour =
    meridiem === undefined ? Number(hours) : (Number(hours) % 12) + (meridiem.toUpperCase() === 'PM' ? 12 : 0)
  const mtime = utc(year, Number(month), Number(day), hour, Number(minute))
  const folder = size.toUpperCase() === '<DIR>'
  const listed = {
    ...UNLISTED,
    size: folder ? undefined : safeInteger(Number(size)),
    mtime,
    mtimePrecision: 'minute',
  } as const
  return { kind: folder ? 'folder' : 'file', name, target: undefined, listed }
}

function safeInteger(size: number | undefined): number | undefined {
  return Number.isSafeInteger(size) ? size : undefined
}

function closedIf(isClosed: boolean): Pick<FolderEntry, 'isClosed'> {
  return isClosed ? { isClosed } : {}
}
