import { escapeUnprintable, withoutCredentials } from '../../../message-text.js'
import type { ListedMirror, Remark } from './listed-mirror.js'

/** First words of lines in mirmon's style `apache`. */
const TYPES = new Set(['http', 'ftp', 'rsync', 'backup'])

/** Schemes of clients' URLs, best first. */
const SCHEMES = ['https:', 'http:', 'ftp:']

/** One line: a country and one URL of a mirror. */
export interface UrlLine {
  readonly line: number
  readonly country: string
  readonly url: string
  /** `https:`, `http:`, `ftp:` or `rsync:`. */
  readonly scheme: string
  readonly backup: boolean
}

/** Splits a text into lines that end in LF or CR LF. */
export function linesOf(text: string): string[] {
  return text.split(/\r?\n/)
}

/**
 * Reads a mirror list of mirmon in both styles: `COUNTRY URL [ADDRESS …]`, or with a leading
 * `http`, `ftp`, `rsync` or `backup`. E-mail addresses are personal data and are not read.
 */
export function readUrlLines(text: string): { lines: readonly UrlLine[]; remarks: readonly Remark[] } {
  const lines: UrlLine[] = []
  const remarks: Remark[] = []
  for (const [index, content] of linesOf(text).entries()) {
    const line = index + 1
    if (content.startsWith('#') || content.trim() === '') continue
    const words = content.trim().split(/\s+/, 4)
    const [type = ''] = words
    const hasType = TYPES.has(type.toLowerCase()) && words[2]?.includes('://') === true
    const [country = '', url = ''] = hasType ? words.slice(1) : words
    if (!url.includes('://')) {
      const quoted = JSON.stringify(withoutCredentials(escapeUnprintable(content.trim(), 80)))
      remarks.push({ line, reason: `${quoted} is not a country and a URL`, leftOut: true })
      continue
    }
    lines.push({
      line,
      country,
      url,
      scheme: schemeOf(url),
      backup: hasType && type.toLowerCase() === 'backup',
    })
  }
  return { lines, remarks }
}

/**
 * Returns the mirrors of a list with independent lines. URLs of one host with different schemes
 * form one mirror; a second URL with the same scheme starts another mirror of the host.
 */
export function byHost(lines: readonly UrlLine[]): ListedMirror[] {
  const groups: UrlLine[][] = []
  const lastOfHost = new Map<string, UrlLine[]>()
  for (const line of lines) {
    const host = URL.canParse(line.url) ? new URL(line.url).hostname.toLowerCase() : line.url
    const last = lastOfHost.get(host)
    if (last?.every(({ scheme }) => scheme !== line.scheme)) {
      last.push(line)
      continue
    }
    const group = [line]
    groups.push(group)
    lastOfHost.set(host, group)
  }
  return groups.map(mirrorIn)
}

/**
 * Returns the mirrors of a list that was written mirror by mirror, with schemes in a fixed order. A
 * line that does not follow the line before in the order starts the next mirror.
 */
export function bySequence(lines: readonly UrlLine[], order: readonly (readonly string[])[]): ListedMirror[] {
  const groups: UrlLine[][] = []
  const rank = ({ scheme }: UrlLine) => order.findIndex((schemes) => schemes.includes(scheme))
  let previous: UrlLine | undefined
  for (const line of lines) {
    const isSameMirror = previous !== undefined && (rank(line) > rank(previous) || isTwin(previous, line))
    if (isSameMirror) groups.at(-1)?.push(line)
    else groups.push([line])
    previous = line
  }
  return groups.map(mirrorIn)
}

/** Whether two URLs differ in the scheme only: http and https. */
function isTwin(http: UrlLine, https: UrlLine): boolean {
  return http.scheme === 'http:' && https.scheme === 'https:' && http.url.slice(5) === https.url.slice(6)
}

function mirrorIn(group: readonly UrlLine[]): ListedMirror {
  const [first] = group
  const urls = group
    .filter(({ scheme }) => scheme !== 'rsync:')
    .sort((a, b) => SCHEMES.indexOf(a.scheme) - SCHEMES.indexOf(b.scheme))
  return {
    line: first?.line,
    urls: urls.map(({ url }) => url),
    rsync: group.find(({ scheme }) => scheme === 'rsync:')?.url,
    country: first?.country,
    remarks: group.some(({ backup }) => backup)
      ? ['it is a backup in the list; it becomes an ordinary mirror, for a mirrors file has no backups']
      : [],
  }
}

function schemeOf(url: string): string {
  return /^[a-z]+:(?=\/\/)/i.exec(url)?.[0].toLowerCase() ?? ''
}
