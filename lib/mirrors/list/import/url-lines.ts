import { escapeUnprintable, withoutCredentials } from '../../../message-text.js'
import type { ListedMirror, Remark } from './listed-mirror.js'

/** What a line of mirmon's style `apache` begins with. */
const TYPES = new Set(['http', 'ftp', 'rsync', 'backup'])

/** Best first: how the URLs of a mirror are ordered for its clients. */
const SCHEMES = ['https:', 'http:', 'ftp:']

/** One line: a country and one URL of one of its mirrors. */
export interface UrlLine {
  readonly line: number
  readonly country: string
  readonly url: string
  /** `https:`, `http:`, `ftp:` or `rsync:`. */
  readonly scheme: string
  readonly backup: boolean
}

/** Lines of a text, whichever way they end. */
export function linesOf(text: string): string[] {
  return text.split(/\r?\n/)
}

/**
 * Reads what mirmon calls a mirror list, in both its styles: `COUNTRY URL [ADDRESS …]`, and the same with `http`, `ftp`,
 * `rsync` or `backup` before it. Addresses are personal and are not read.
 */
export function readUrlLines(text: string): { lines: readonly UrlLine[]; remarks: readonly Remark[] } {
  const lines: UrlLine[] = []
  const remarks: Remark[] = []
  for (const [index, content] of linesOf(text).entries()) {
    const line = index + 1
    if (content.startsWith('#') || content.trim() === '') continue
    const words = content.trim().split(/\s+/, 4)
    const [type = ''] = words
    const typed = TYPES.has(type.toLowerCase()) && words[2]?.includes('://') === true
    const [country = '', url = ''] = typed ? words.slice(1) : words
    if (!url.includes('://')) {
      const shown = JSON.stringify(withoutCredentials(escapeUnprintable(content.trim(), 80)))
      remarks.push({ line, reason: `${shown} is not a country and a URL`, leftOut: true })
      continue
    }
    lines.push({
      line,
      country,
      url,
      scheme: schemeOf(url),
      backup: typed && type.toLowerCase() === 'backup',
    })
  }
  return { lines, remarks }
}

/**
 * The mirrors of a list in which each line stands for itself: URLs of one host and of different schemes belong
 * together, and a second URL of a scheme begins another mirror of that host.
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
    const begun = [line]
    groups.push(begun)
    lastOfHost.set(host, begun)
  }
  return groups.map(foundIn)
}

/**
 * The mirrors of a list that a program wrote mirror by mirror, the schemes always in the same order: where a line does
 * not come later in that order than the one before, the next mirror begins.
 */
export function bySequence(lines: readonly UrlLine[], order: readonly (readonly string[])[]): ListedMirror[] {
  const groups: UrlLine[][] = []
  const rank = ({ scheme }: UrlLine) => order.findIndex((schemes) => schemes.includes(scheme))
  let before: UrlLine | undefined
  for (const line of lines) {
    const goesOn = before !== undefined && (rank(line) > rank(before) || isTwin(before, line))
    if (goesOn) groups.at(-1)?.push(line)
    else groups.push([line])
    before = line
  }
  return groups.map(foundIn)
}

/** The same place by http and https. */
function isTwin(one: UrlLine, other: UrlLine): boolean {
  return one.scheme === 'http:' && other.scheme === 'https:' && one.url.slice(5) === other.url.slice(6)
}

function foundIn(group: readonly UrlLine[]): ListedMirror {
  const [first] = group
  const urls = group
    .filter(({ scheme }) => scheme !== 'rsync:')
    .sort((one, other) => SCHEMES.indexOf(one.scheme) - SCHEMES.indexOf(other.scheme))
  return {
    line: first?.line,
    urls: urls.map(({ url }) => url),
    rsync: group.find(({ scheme }) => scheme === 'rsync:')?.url,
    country: first?.country,
    remarks: group.some(({ backup }) => backup)
      ? ['it is a backup in the list; a mirrors file has no such thing, and it is one among the others']
      : [],
  }
}

function schemeOf(url: string): string {
  return /^[a-z]+:(?=\/\/)/i.exec(url)?.[0].toLowerCase() ?? ''
}
