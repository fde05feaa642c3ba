import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { mirrorOf } from './mirrorbrain-record.js'
import { linesOf } from './url-lines.js'

/** Minimum width of the identifier, without the space after it. */
const IDENTIFIER_WIDTH = 30
/** Minimum width of an ASN. A score has three characters at least. */
const ASN_WIDTH = 5

const REGIONS = new Set(['af', 'as', 'eu', 'na', 'oc', 'sa'])

/** One line, with words classified by their form, because the columns have no headers. */
interface Row {
  readonly line: number
  readonly identifier: string
  /** Words before the first URL or flag. */
  readonly words: readonly string[]
  readonly urls: readonly string[]
  readonly flags: readonly string[]
  /** Width of the first word, with the spaces before it. */
  readonly width: number
}

/**
 * Reads the output of `mb list` with URLs (`-H`, `-F`, `-R`). The columns, all optional: score,
 * region, country, other countries, ASN, prefix, URLs, and flags such as `as_only=False`.
 */
export function readColumns(text: string): Reading {
  const rows: Row[] = []
  const remarks: Remark[] = []
  for (const [index, content] of linesOf(text).entries()) {
    if (content.trim() === '') continue
    const row = rowOf(content, index + 1)
    if (row.urls.length > 0) rows.push(row)
    else {
      const reason = 'it has no URL; print them by: mb list -H -F -R'
      remarks.push({ line: row.line, name: row.identifier, reason, leftOut: true })
    }
  }
  const codes = rows.flatMap(({ words }) => {
    const rowCodes = words.filter(isCode)
    return rowCodes.length === 1 ? rowCodes : []
  })
  // A single column of two letters holds regions if every code in it is a region.
  const areRegions = codes.every((code) => REGIONS.has(code.toLowerCase()))
  return { mirrors: rows.map((row) => mirrorIn(row, areRegions)), remarks }
}

function rowOf(content: string, line: number): Row {
  const [identifier = '', ...words] = content.trim().split(/\s+/)
  const isUrl = (word: string) => word.includes('://')
  const isFlag = (word: string) => /^\w+=/.test(word)
  const end = words.findIndex((word) => isUrl(word) || isFlag(word))
  const front = end === -1 ? words : words.slice(0, end)
  const start = Math.max(IDENTIFIER_WIDTH, identifier.length) + 1
  return {
    line,
    identifier,
    words: front,
    urls: words.filter(isUrl),
    flags: words.filter((word) => isFlag(word) && !isUrl(word)),
    width: (/^ *\S*/.exec(content.slice(start)) ?? [''])[0].length,
  }
}

function isCode(word: string): boolean {
  return /^[a-z*-]{2}$/i.test(word)
}

function mirrorIn({ line, identifier, words, urls, flags, width }: Row, areRegions: boolean): ListedMirror {
  const record = new Map([['identifier', identifier]])
  const codes = words.filter(isCode)
  const firstCode = words.findIndex(isCode)
  for (const [index, word] of words.entries()) {
    if (word.includes('/')) record.set('prefix', word)
    else if (/^\d+$/.test(word)) {
      const isScore = index === 0 && (firstCode !== -1 || isNumber(words[1]) || width < ASN_WIDTH)
      record.set(isScore ? 'score' : 'asn', word)
    }
  }
  const [first = '', second] = codes
  if (second !== undefined) record.set('region', first).set('country', second)
  else record.set(areRegions ? 'region' : 'country', first)
  const others = words.filter((word) => word.includes(','))
  record.set('othercountries', [...others, ...codes.slice(2)].join(' '))
  const ofScheme = (scheme: string) => urls.find((url) => url.toLowerCase().startsWith(scheme)) ?? ''
  record
    .set('baseurl', ofScheme('http'))
    .set('baseurlftp', ofScheme('ftp:'))
    .set('baseurlrsync', ofScheme('rsync:'))
  for (const flag of flags) {
    const [name = '', value = ''] = flag.split('=', 2)
    record.set(name.replaceAll('_', ''), value)
  }
  return mirrorOf(record, line)
}

function isNumber(word: string | undefined): boolean {
  return word !== undefined && /^\d+$/.test(word)
}
