import { utc } from '../../../dates.js'

/** A line of `rsync --list-only`. */
export interface RsyncEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  /** Below the base; `.` is the base itself. Undefined where the name is not UTF-8. */
  readonly path: string | undefined
  /** Where a link leads; undefined where that is not told. */
  readonly target: string | undefined
  /** Bytes. */
  readonly size: number
  readonly mtime: number | undefined
}

// Mode, size, date, time, and a name that begins after one space, whatever it begins with.
const ENTRY =
  /^([-a-zA-Z])[-a-zA-Z]{9}[.+@]? +([\d,]+) (\d{4,6})\/(\d{2})\/(\d{2}) (\d{2}):(\d{2}):(\d{2}) (.+)$/s
const KINDS: Readonly<Record<string, RsyncEntry['kind']>> = { '-': 'file', d: 'folder', l: 'link' }
const ARROW = ' -> '

/**
 * Reads a line as rsync writes it with `LC_ALL=C` and `TZ=UTC`: bytes beyond printable ASCII as `\#` and three octal
 * digits.
 *
 * @returns undefined where the line is none of an entry, but a greeting for instance
 */
export function parseRsyncLine(line: string): RsyncEntry | undefined {
  const match = ENTRY.exec(line)
  if (match === null) return undefined
  const [, mode = '', digits = '', year, month, day, hour, minute, second, name = ''] = match
  const size = Number(digits.replaceAll(',', ''))
  if (!Number.isSafeInteger(size)) return undefined
  const kind = KINDS[mode] ?? 'other'
  const [path, target] = kind === 'link' ? splitLink(name, size) : [decode(name), undefined]
  const mtime = utc(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  return { kind, path, target, size, mtime }
}

/** Name and target may hold arrows themselves: the size of a link is that of its target. */
function splitLink(
  text: string,
  size: number,
): readonly [path: string | undefined, target: string | undefined] {
  for (let at = text.lastIndexOf(ARROW); at > 0; at = text.lastIndexOf(ARROW, at - 1)) {
    const target = bytesOf(text.slice(at + ARROW.length))
    if (target.length > size) break
    if (target.length === size) return [decode(text.slice(0, at)), toText(target)]
  }
  return [decode(text), undefined]
}

function decode(text: string): string | undefined {
  return toText(bytesOf(text))
}

/** One character a byte. */
function bytesOf(text: string): string {
  if (!text.includes('\\#')) return text
  return text.replace(/\\#([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
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
