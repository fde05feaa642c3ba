import { counted } from '../../../message-text.js'
import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { linesOf } from './url-lines.js'

/** Types of entries that are not mirrors, with reasons. */
const OTHER_TYPES: ReadonlyMap<string, string> = new Map([
  ['origin', 'is what the mirrors copy from'],
  ['geodns', 'is a name for several mirrors, not one'],
  ['roundrobindns', 'is a name for several mirrors, not one'],
])

const TRANSPORTS = ['https', 'http', 'ftp', 'rsync']

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i

/** One entry: the values of each field, by the field's name in lower case. */
interface Paragraph {
  readonly line: number
  readonly fields: ReadonlyMap<string, readonly string[]>
}

/**
 * Reads Debian's `Mirrors.masterlist`.
 *
 * @param archive prefix of the fields with the location of the mirrored tree: `Archive` for
 *   `Archive-http`, `CDImage` for `CDImage-http`
 */
export function readDebian(text: string, archive: string): Reading {
  const remarks: Remark[] = []
  const all = paragraphs(text, remarks)
  const ofArchive = all.filter(({ fields }) => TRANSPORTS.some((name) => fields.has(keyOf(archive, name))))
  const mirrors: ListedMirror[] = []
  for (const paragraph of ofArchive) {
    const { line, fields } = paragraph
    const reason = refusalOf(fields)
    if (reason === undefined) mirrors.push(mirrorOf(paragraph, archive))
    else remarks.push({ line, name: fields.get('site')?.[0], reason, leftOut: true })
  }
  return { mirrors, remarks: [...remarks, ...summary(all, ofArchive, archive)] }
}

function keyOf(archive: string, what: string): string {
  return `${archive}-${what}`.toLowerCase()
}

function refusalOf(fields: Paragraph['fields']): string | undefined {
  const [site] = fields.get('site') ?? []
  if (site === undefined) return 'it has no Site'
  if (!HOST.test(site)) return 'its Site is not a host'
  const [type = ''] = fields.get('type') ?? []
  const reason = OTHER_TYPES.get(type.toLowerCase())
  if (reason !== undefined) return `its Type is ${type}: it ${reason}`
  if (fields.has('restricted-to')) return 'it is for the clients of its Restricted-To only'
  return undefined
}

function mirrorOf({ line, fields }: Paragraph, archive: string): ListedMirror {
  const value = (name: string) => fields.get(name)?.[0] ?? ''
  const site = value('site')
  const address = (scheme: string) => {
    const path = value(keyOf(archive, scheme))
    return path === '' ? undefined : `${scheme}://${site}/${path.replace(/^\/+/, '')}`
  }
  return {
    line,
    name: site,
    urls: [address('https'), address('http'), address('ftp')],
    rsync: address('rsync'),
    country: countryIn(value('country')),
    sponsor: sponsorIn(value('sponsor')),
  }
}

/** Returns remarks that concern many entries. */
function summary(all: readonly Paragraph[], ofArchive: readonly Paragraph[], archive: string): Remark[] {
  const remarks: Remark[] = []
  const others = all.length - ofArchive.length
  if (others > 0) {
    const names = all.flatMap(({ fields }) => [...fields.keys()])
    const archives = new Set(names.flatMap((name) => /^(.+)-(?:https?|ftp|rsync)$/.exec(name)?.[1] ?? []))
    const hint =
      ofArchive.length > 0 || archives.size === 0
        ? ''
        : `; --archive may be ${[...archives].sort().join(', ')}`
    remarks.push({
      reason: `left out ${counted(others, 'entry', 'entries')} without ${archive}-http or the like${hint}`,
    })
  }
  const architectures = ofArchive.filter(({ fields }) => fields.has(keyOf(archive, 'architecture'))).length
  if (architectures > 0) {
    const which = `${archive}-architecture of ${counted(architectures, 'mirror')}`
    remarks.push({ reason: `${which} is not carried over; use paths where one is partial` })
  }
  const sponsors = ofArchive.filter(({ fields }) => (fields.get('sponsor')?.length ?? 0) > 1).length
  if (sponsors > 0)
    remarks.push({
      reason: `of several sponsors of a mirror the first is kept: ${counted(sponsors, 'mirror')}`,
    })
  return remarks
}

/** Reads paragraphs, separated by empty lines. A line with a leading space continues a field. */
function paragraphs(text: string, remarks: Remark[]): Paragraph[] {
  const result: Paragraph[] = []
  let fields: Map<string, string[]> | undefined
  let last: string[] | undefined
  for (const [index, content] of linesOf(text).entries()) {
    const line = index + 1
    if (content.trim() === '') {
      fields = undefined
      last = undefined
      continue
    }
    if (content.startsWith('#')) continue
    if (/^[ \t]/.test(content) && last !== undefined) {
      last.push(`${last.pop() ?? ''} ${content.trim()}`)
      continue
    }
    const colon = content.indexOf(':')
    if (colon < 1) {
      remarks.push({ line, reason: 'the line is not a field with a colon; it is ignored' })
      continue
    }
    if (fields === undefined) {
      fields = new Map()
      result.push({ line, fields })
    }
    const name = content.slice(0, colon).trim().toLowerCase()
    last = fields.get(name) ?? []
    last.push(content.slice(colon + 1).trim())
    fields.set(name, last)
  }
  return result
}

/** Returns the country of `DE Germany`, or of the older form `Germany`. */
function countryIn(value: string): string {
  return /^[a-z]{2}(?=\s|$)/i.exec(value)?.[0] ?? value
}

/** Reads a name that may end with a URL. */
function sponsorIn(value: string): NonNullable<ListedMirror['sponsor']> {
  const words = value.split(/\s+/)
  const last = words.at(-1) ?? ''
  if (!/^https?:\/\//i.test(last)) return { name: value }
  const name = words.slice(0, -1).join(' ')
  return { name: name.replace(/ -$/, ''), url: last }
}
