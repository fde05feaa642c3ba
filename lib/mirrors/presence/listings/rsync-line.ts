import { utc } from '../../../dates.js'

/** An entry of `rsync --list-only`. */
export interface RsyncEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  /** Path below the base; `.` is the base itself. Undefined if the name is not UTF-8. */
  readonly path: string | undefined
  /** Target of a link; undefined if the link has none that fits its size. */
  readonly target: string | undefined
  /** Bytes. */
  readonly size: number
  readonly mtime: number | undefined
  /**
   * Whether its mode denies it to other users of the mirror's machine: a file for reading, a folder
   * for entering.
   */
  readonly isClosed?: true
}

// Mode, size, date, time, and a name after one space. The name itself may begin with spaces.
const ENTRY =
  /^([-a-zA-Z])[-a-zA-Z]{6}([-a-zA-Z])[-a-zA-Z]([-a-zA-Z])[.+@]? +([\d,]+) (\d{4,6})\/(\d{2})\/(\d{2}) (\d{2}):(\d{2}):(\d{2}) (.+)$/s
const KINDS: Readonly<Record<string, RsyncEntry['kind']>> = { '-': 'file', d: 'folder', l: 'link' }
const ARROW = ' -> '
/** One byte, escaped. */
const ESCAPE = /\\#([0-3][0-7]{2})/g
const ESCAPE_LENGTH = 5

/**
 * Parses a line as rsync writes it with `LC_ALL=C` and `TZ=UTC`: bytes outside of printable ASCII
 * are `\#` and three octal digits.
 *
 * @returns undefined if the line is no entry, but a greeting for example
 */
export function parseRsyncLine(line: string): RsyncEntry | undefined {
  const match = ENTRY.exec(line)
  if (match === null) return undefined
  const [, type = '', read, execute = '', digits = '', year, month, day, hour, minute, second, name = ''] =
    match
  const size = Number(digits.replaceAll(',', ''))
  if (!Number.isSafeInteger(size)) return undefined
  const kind = KINDS[type] ?? 'other'
  const isClosed = kind === 'folder' ? !/[xts]/.test(execute) : read !== 'r'
  const [path, target] = kind === 'link' ? splitLink(name, size) : [decode(name), undefined]
  const mtime = utc(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  const entry = { kind, path, target, size, mtime }
  return isClosed ? { ...entry, isClosed } : entry
}

/**
 * Splits name and target by the size of the link, which is its target's length. Both may hold
 * arrows. Takes linear time: a mirror decides how many arrows a line has.
 */
function splitLink(
  text: string,
  size: number,
): readonly [path: string | undefined, target: string | undefined] {
  const escapes = Array.from(text.matchAll(ESCAPE), ({ index }) => index)
  let escapesBehind = 0
  for (let at = text.lastIndexOf(ARROW); at > 0; at = text.lastIndexOf(ARROW, at - 1)) {
    const start = at + ARROW.length
    while ((escapes.at(-1 - escapesBehind) ?? -1) >= start) escapesBehind += 1
    const bytes = text.length - start - escapesBehind * (ESCAPE_LENGTH - 1)
    if (bytes > size) break
    if (bytes === size) return [decode(text.slice(0, at)), decode(text.slice(start))]
  }
  return [decode(text), undefined]
}

function decode(text: string): string | undefined {
  return toText(bytesOf(text))
}

/** Unescapes a text, one character for each byte. */
function bytesOf(text: string): string {
  if (!text.includes('\\#')) return text
  return text.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function toText(bytes: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(bytes)) return bytes
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'))
  } catch {
    return undefined
  }
}
