import * as v from 'valibot'
import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { bySequence, linesOf, readUrlLines, type UrlLine } from './url-lines.js'
import { continentRemarks, flagOf, isBlank, numberOf, wordsOf } from './values.js'
import { readYaml } from './yaml-text.js'

/** Order in which `mirrorbits export` writes the URLs of a mirror. */
const ORDER = [['rsync:'], ['http:', 'https:'], ['ftp:']]

/** Headers of the columns of `mirrorbits list`. */
const COLUMNS = ['Identifier', 'SCORE', 'HTTP', 'RSYNC', 'FTP', 'LOCATION', 'STATE', 'SINCE']
const TAB_WIDTH = 8

/**
 * Lines of `mirrorbits show` and `mirrorbits edit` that precede the mirror's comment, a free text.
 */
const COMMENT = /^(?:Comment:|##### Comments go below this line #####)\s*$/

/**
 * Reads the output of Mirrorbits: of `mirrorbits export mirmon`, of `mirrorbits list` with its
 * columns, or of `mirrorbits show` for several mirrors.
 *
 * FTP URLs are left out, because Mirrorbits uses them for its own scans only.
 */
export function readMirrorbits(text: string): Reading {
  const lines = linesOf(text)
  // Test for `show` first, because a comment may look like the other formats.
  if (lines.some((line) => line.startsWith('HttpURL:'))) return readShown(lines)
  const header = lines.findIndex((line) => /^Identifier\s/.test(line))
  if (header !== -1) return readTable(lines, header)
  return readExport(text)
}

function readExport(text: string): Reading {
  const { lines, remarks } = readUrlLines(text)
  const mirrors = bySequence(lines.map(withoutAddress), ORDER).map((mirror): ListedMirror => {
    const urls = mirror.urls.filter((url) => !String(url).startsWith('ftp:'))
    return { ...mirror, urls }
  })
  const disabled =
    'disabled mirrors are not marked; leave them out by: mirrorbits export -disabled=false mirmon'
  const ftp = ftpRemarks(lines.some(({ scheme }) => scheme === 'ftp:'))
  return { mirrors, remarks: [...remarks, ...(mirrors.length > 0 ? [{ reason: disabled }] : []), ...ftp] }
}

/**
 * Removes an e-mail address that directly follows a URL. Columns are padded with tabs, and the
 * widest URL gets no tab if its length is a multiple of eight. URLs of Mirrorbits end in a slash.
 */
function withoutAddress(line: UrlLine): UrlLine {
  const slash = line.url.lastIndexOf('/')
  return line.url.includes('@', slash) ? { ...line, url: line.url.slice(0, slash + 1) } : line
}

function readTable(lines: readonly string[], header: number): Reading {
  const columns = columnsOf(lines[header] ?? '')
  if (!columns.has('HTTP')) {
    const reason = 'it has no column HTTP; print it by: mirrorbits list -http -rsync -location -score'
    return { mirrors: [], remarks: [{ line: header + 1, reason, leftOut: true }] }
  }
  const mirrors: ListedMirror[] = []
  let hasFtp = false
  for (const [index, content] of lines.entries()) {
    if (index <= header || content.trim() === '') continue
    const characters = [...expandTabs(content)]
    const cell = (name: string) => {
      const range = columns.get(name)
      return range === undefined
        ? ''
        : characters
            .slice(...range)
            .join('')
            .trim()
    }
    if (cell('FTP') !== '') hasFtp = true
    mirrors.push({
      line: index + 1,
      name: cell('Identifier'),
      urls: webUrls(cell('HTTP')),
      rsync: cell('RSYNC'),
      country: cell('LOCATION').split('(', 1)[0],
      weight: weightOf(cell('SCORE')),
      enabled: cell('STATE') !== 'disabled',
    })
  }
  return { mirrors, remarks: ftpRemarks(hasFtp) }
}

/** Returns the start and the end of each column. */
function columnsOf(header: string): ReadonlyMap<string, readonly [number, number | undefined]> {
  const line = expandTabs(header)
  const starts = COLUMNS.map((name) => ({ name, start: line.search(new RegExp(`\\b${name}\\b`)) }))
  const present = starts.filter(({ start }) => start !== -1).sort((a, b) => a.start - b.start)
  return new Map(present.map(({ name, start }, index) => [name, [start, present[index + 1]?.start]]))
}

/** Replaces tabs by spaces up to the next tab stop. */
function expandTabs(line: string): string {
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

/** Output of `mirrorbits show`. Versions up to 0.4 print no name. */
const shownSchema = v.looseObject({ HttpURL: v.nullish(v.string()) })

function readShown(lines: readonly string[]): Reading {
  const mirrors: ListedMirror[] = []
  const remarks: Remark[] = []
  let hasFtp = false
  for (const { line, name, text } of shownIn(lines)) {
    const [document = { value: undefined }] = readYaml(text)
    const shown = v.safeParse(shownSchema, 'value' in document ? document.value : undefined)
    if (!shown.success) {
      const reason = 'refusal' in document ? document.refusal : 'it has no HttpURL'
      remarks.push({ line, name, reason, leftOut: true })
      continue
    }
    const mirror = shown.output
    if (!isBlank(mirror.FtpURL)) hasFtp = true
    const [country, ...others] = wordsOf(mirror.CountryCodes)
    mirrors.push({
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
      remarks: remarksOn(mirror, country),
    })
  }
  return { mirrors, remarks: [...remarks, ...ftpRemarks(hasFtp)] }
}

interface Shown {
  readonly line: number
  readonly name: string | undefined
  readonly text: string
}

/**
 * Returns the YAML of each mirror without comments. A mirror starts at the name above its HttpURL.
 */
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

function remarksOn(mirror: Readonly<Record<string, unknown>>, country: unknown): string[] {
  return flagOf(mirror.ContinentOnly) === true ? continentRemarks(mirror.ContinentCode, country) : []
}

/** Returns the URLs of a mirror. A URL without a scheme means both https and http. */
function webUrls(url: string): string[] {
  if (url === '' || url.includes('://')) return [url]
  return [`https://${url}`, `http://${url}`]
}

/**
 * Returns the weight for a score: a percentage, 0 for most mirrors, that is added to a mirror's
 * chances. A negative score never removes all chances.
 */
function weightOf(score: unknown): unknown {
  if (isBlank(score)) return undefined
  const number = numberOf(score)
  return typeof number === 'number' ? Math.max(1, 100 + number) : number
}

function ftpRemarks(hasFtp: boolean): Remark[] {
  return hasFtp ? [{ reason: 'FTP URLs are left out: Mirrorbits has them for its scans only' }] : []
}
