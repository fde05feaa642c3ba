import * as v from 'valibot'
import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { aboutContinent } from './unsaid.js'
import { bySequence, linesOf, readUrlLines, type UrlLine } from './url-lines.js'
import { flagOf, isBlank, numberOf, wordsOf } from './values.js'
import { readYaml } from './yaml-text.js'

/** In which order `mirrorbits export` writes the URLs of a mirror. */
const ORDER = [['rsync:'], ['http:', 'https:'], ['ftp:']]

/** Columns of `mirrorbits list`, by the words above them. */
const COLUMNS = ['Identifier', 'SCORE', 'HTTP', 'RSYNC', 'FTP', 'LOCATION', 'STATE', 'SINCE']
const TAB_WIDTH = 8

/** What follows these lines in `mirrorbits show` and `mirrorbits edit` is the mirror's comment, free text. */
const COMMENT = /^(?:Comment:|##### Comments go below this line #####)\s*$/

/**
 * Reads what Mirrorbits prints: `mirrorbits export mirmon`, `mirrorbits list` with its columns, or the output of
 * `mirrorbits show` for one mirror after the other.
 *
 * Its FTP URLs are for its scans only and are not carried over.
 */
export function readMirrorbits(text: string): Reading {
  const lines = linesOf(text)
  // First, because a comment may look like anything else.
  if (lines.some((line) => line.startsWith('HttpURL:'))) return readShown(lines)
  const header = lines.findIndex((line) => /^Identifier\s/.test(line))
  if (header !== -1) return readTable(lines, header)
  return readExport(text)
}

function readExport(text: string): Reading {
  const { lines, remarks } = readUrlLines(text)
  const found = bySequence(lines.map(withoutAddress), ORDER).map((mirror): ListedMirror => {
    const urls = mirror.urls.filter((url) => !String(url).startsWith('ftp:'))
    return { ...mirror, urls }
  })
  const disabled =
    'disabled mirrors are not marked; leave them out by: mirrorbits export -disabled=false mirmon'
  const ftp = aboutFtp(lines.some(({ scheme }) => scheme === 'ftp:'))
  return { found, remarks: [...remarks, ...(found.length > 0 ? [{ reason: disabled }] : []), ...ftp] }
}

/**
 * Columns are padded with tabs, and the widest URL gets none where its length is a multiple of eight: the address
 * stands against it then. URLs of Mirrorbits end in a slash.
 */
function withoutAddress(line: UrlLine): UrlLine {
  const slash = line.url.lastIndexOf('/')
  return line.url.includes('@', slash) ? { ...line, url: line.url.slice(0, slash + 1) } : line
}

function readTable(lines: readonly string[], header: number): Reading {
  const columns = columnsOf(lines[header] ?? '')
  if (!columns.has('HTTP')) {
    const reason = 'it has no column HTTP; print it by: mirrorbits list -http -rsync -location -score'
    return { found: [], remarks: [{ line: header + 1, reason, leftOut: true }] }
  }
  const found: ListedMirror[] = []
  let ftp = false
  for (const [index, content] of lines.entries()) {
    if (index <= header || content.trim() === '') continue
    const characters = [...withSpaces(content)]
    const cell = (name: string) => {
      const range = columns.get(name)
      return range === undefined
        ? ''
        : characters
            .slice(...range)
            .join('')
            .trim()
    }
    if (cell('FTP') !== '') ftp = true
    found.push({
      line: index + 1,
      name: cell('Identifier'),
      urls: webUrls(cell('HTTP')),
      rsync: cell('RSYNC'),
      country: cell('LOCATION').split('(', 1)[0],
      weight: weightOf(cell('SCORE')),
      enabled: cell('STATE') !== 'disabled',
    })
  }
  return { found, remarks: aboutFtp(ftp) }
}

/** From where to where each column goes. */
function columnsOf(header: string): ReadonlyMap<string, readonly [number, number | undefined]> {
  const line = withSpaces(header)
  const starts = COLUMNS.map((name) => ({ name, start: line.search(new RegExp(`\\b${name}\\b`)) }))
  const present = starts.filter(({ start }) => start !== -1).sort((one, other) => one.start - other.start)
  return new Map(present.map(({ name, start }, index) => [name, [start, present[index + 1]?.start]]))
}

/** A line as a terminal shows it, tabs as the spaces up to the next stop. */
function withSpaces(line: string): string {
  let column = 0
  return line
    .split('\t')
    .map((part, index, parts) => {
      column += [...part].length
      if (index === parts.length - 1) return part
      const gap = TAB_WIDTH - (column % TAB_WIDTH)
      column += gap
      return part + ' '.repeat(gap)
    })
    .join('')
}

/** Keys of `mirrorbits show`; 0.4 and older have no name among them. */
const shownSchema = v.looseObject({ HttpURL: v.nullish(v.string()) })

function readShown(lines: readonly string[]): Reading {
  const found: ListedMirror[] = []
  const remarks: Remark[] = []
  let ftp = false
  for (const { line, name, text } of shownIn(lines)) {
    const [document = { value: undefined }] = readYaml(text)
    const shown = v.safeParse(shownSchema, 'value' in document ? document.value : undefined)
    if (!shown.success) {
      const reason = 'refusal' in document ? document.refusal : 'it has no HttpURL'
      remarks.push({ line, name, reason, leftOut: true })
      continue
    }
    const mirror = shown.output
    if (!isBlank(mirror.FtpURL)) ftp = true
    const [country, ...others] = wordsOf(mirror.CountryCodes)
    found.push({
      line,
      name: isBlank(mirror.Name) ? name : mirror.Name,
      urls: webUrls(mirror.HttpURL ?? ''),
      rsync: mirror.RsyncURL,
      country,
      countries: others,
      coordinates: [mirror.Latitude, mirror.Longitude],
      asn: mirror.ASNum,
      weight: weightOf(mirror.Score),
      only: { continent: mirror.ContinentOnly, country: mirror.CountryOnly, asn: mirror.ASOnly },
      excludes: mirror.ExcludedCountryCodes,
      sponsor: { name: mirror.SponsorName, url: mirror.SponsorURL },
      enabled: mirror.Enabled,
      remarks: unsaid(mirror, country),
    })
  }
  return { found, remarks: [...remarks, ...aboutFtp(ftp)] }
}

interface Shown {
  readonly line: number
  readonly name: string | undefined
  readonly text: string
}

/** The YAML of each mirror, without the comments. A mirror begins above its HttpURL, where its name is. */
function shownIn(lines: readonly string[]): Shown[] {
  const starts = lines.flatMap((line, index) => {
    if (!line.startsWith('HttpURL:')) return []
    return [/^(?:Name|Mirror):/.test(lines[index - 1] ?? '') ? index - 1 : index]
  })
  return starts.map((start, index) => {
    const part = lines.slice(start, starts[index + 1])
    const comment = part.findIndex((line) => COMMENT.test(line))
    const yaml = comment === -1 ? part : part.slice(0, comment)
    const name = /^(?:Name|Mirror):(.*)$/.exec(lines[start] ?? '')?.[1]?.trim()
    return { line: start + 1, name, text: yaml.join('\n') }
  })
}

function unsaid(mirror: Readonly<Record<string, unknown>>, country: unknown): string[] {
  return flagOf(mirror.ContinentOnly) === true ? aboutContinent(mirror.ContinentCode, country) : []
}

/** Without a scheme, both are meant. */
function webUrls(url: string): string[] {
  if (url === '' || url.includes('://')) return [url]
  return [`https://${url}`, `http://${url}`]
}

/** A score is a per cent that is added to a mirror's chances, 0 for most; it never takes all of them. */
function weightOf(score: unknown): unknown {
  if (isBlank(score)) return undefined
  const number = numberOf(score)
  return typeof number === 'number' ? Math.max(1, 100 + number) : number
}

function aboutFtp(seen: boolean): Remark[] {
  return seen ? [{ reason: 'FTP URLs are left out: Mirrorbits has them for its scans only' }] : []
}
