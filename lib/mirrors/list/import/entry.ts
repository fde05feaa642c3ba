import * as v from 'valibot'
import { escapeUnprintable, plainText, withoutCredentials } from '../../../message-text.js'
import type { Mirror, Serves } from '../../../model.js'
import { hostOf } from '../../../network/addresses.js'
import { mirrorListSchema } from '../schema.js'
import type { ListedMirror } from './listed-mirror.js'
import { asnOf, coordinatesOf, countryOf, flagOf, isBlank, listOf, numberOf, subnetOf } from './values.js'

/** A host's name has no more characters, and an id is made of one. */
const MAX_ID_LENGTH = 253
const MAX_SPONSOR_LENGTH = 200
/** Of a value in a remark. */
const MAX_VALUE_LENGTH = 80

/** What is refused in one round is gone in the next; more than a few would mean that it is not. */
const ROUNDS = 8

/** Narrowest first. */
const NARROW = ['subnet', 'asn', 'country', 'continent'] as const satisfies readonly Serves[]

/** What a mirror can do without: where the list has it wrong, it is left out and the mirror is kept. */
const DISPENSABLE: ReadonlySet<string> = new Set([
  'urls',
  'rsync',
  'location',
  'countries',
  'coordinates',
  'asn',
  'subnets',
  'weight',
  'excludes',
  'sponsor',
])

/** A mirror that a mirrors file may have, or the reason why there is none. */
export type CheckedEntry =
  | { readonly mirror: Mirror; readonly remarks: readonly string[] }
  | { readonly refusal: string; readonly remarks: readonly string[] }

/** An entry of a mirrors file that is not checked yet. */
type Draft = { readonly id: string; readonly urls: readonly unknown[] } & Record<string, unknown>

/**
 * Makes a mirror of what a reader found. The schema of the mirrors file is the judge: a value that it refuses is left
 * out with a remark, and without a URL, or with a flag that is not clear, the mirror is refused.
 */
export function checkEntry(found: ListedMirror): CheckedEntry {
  const remarks = [...(found.remarks ?? [])]
  const serves = servesOf(found.only ?? {})
  const isPrivate = flagOf(found.private)
  const enabled = isBlank(found.enabled) ? true : flagOf(found.enabled)
  // A guess could send the world to a mirror that is not meant for it.
  if (serves === undefined) return { refusal: 'it is not clear for which clients it is', remarks }
  if (isPrivate === undefined) return { refusal: 'it is not clear whether it is private', remarks }
  if (enabled === undefined) return { refusal: 'it is not clear whether it is enabled', remarks }

  const urls = found.urls.filter((url) => !isBlank(url)).map(trimmed)
  if (urls.length === 0) return { refusal: 'it has no https, http or ftp URL', remarks }
  const result = settle(
    {
      id: idOf(found.name, urls),
      urls: [...new Set(urls)],
      ...given('rsync', rsyncOf(found.rsync)),
      ...given('location', countryOf(found.country)),
      countries: [...new Set(listOf(found.countries).map(countryOf))],
      ...given('coordinates', coordinatesOf(found.coordinates)),
      asn: asnOf(found.asn),
      subnets: [...new Set(listOf(found.subnets).map(subnetOf))],
      ...given('family', flagOf(found.ipv6Only) === true ? 'ipv6' : undefined),
      ...given('weight', isBlank(found.weight) ? undefined : numberOf(found.weight)),
      serves,
      excludes: [...new Set(listOf(found.excludes).map(countryOf))],
      ...given('sponsor', sponsorOf(found.sponsor ?? {}, remarks)),
      private: isPrivate,
      enabled,
    },
    remarks,
  )
  if (typeof result === 'string') return { refusal: result, remarks }
  const { asn, subnets } = result
  if (result.private && asn.length === 0 && subnets.length === 0) {
    remarks.push('it is private and has neither asn nor subnets: nobody is sent there until it has')
  } else if (serves === 'subnet' && subnets.length === 0) {
    remarks.push('it serves its subnets and has none: nobody is sent there until it has')
  }
  return { mirror: result, remarks }
}

function given(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value }
}

function trimmed(value: unknown): unknown {
  return typeof value === 'string' ? value.trim() : value
}

/** The narrowest of the flags that are set; `undefined` where one is not clear. */
function servesOf(only: NonNullable<ListedMirror['only']>): Serves | undefined {
  const flags = NARROW.map((serves) => flagOf(only[serves]))
  return flags.includes(undefined) ? undefined : (NARROW[flags.indexOf(true)] ?? 'world')
}

/** rsync has a notation of its own, `host::module`, and lists mix the two. */
function rsyncOf(value: unknown): unknown {
  if (isBlank(value)) return undefined
  const url = trimmed(value)
  const [, host, path] =
    typeof url === 'string' ? (/^(?:rsync:\/\/)?([A-Za-z0-9.-]+)::(.*)$/.exec(url) ?? []) : []
  return host === undefined ? url : `rsync://${host}/${path?.replace(/^\/+/, '')}`
}

/** Names of sponsors are published; what in them is an address of a person is not. */
function sponsorOf(sponsor: NonNullable<ListedMirror['sponsor']>, remarks: string[]): unknown {
  if (typeof sponsor.name !== 'string') return undefined
  const words = plainText(sponsor.name).split(' ')
  const name = words.filter((word) => !word.includes('@')).join(' ')
  if (name === '') return undefined
  if (name.length > MAX_SPONSOR_LENGTH) {
    remarks.push(`sponsor.name: has more than ${MAX_SPONSOR_LENGTH} characters; left out`)
    return undefined
  }
  if (typeof sponsor.url !== 'string' || isBlank(sponsor.url)) return { name }
  const text = sponsor.url.trim()
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') {
    return { name, url: url.href }
  }
  remarks.push(`sponsor.url: ${withoutCredentials(JSON.stringify(text))} is no http or https URL; left out`)
  return { name }
}

/** From the name that the list has, else from the host of a URL. */
function idOf(name: unknown, urls: readonly unknown[]): string {
  const words = [name, ...urls.map(hostIn)].filter((word) => typeof word === 'string')
  const ids = words.map((word) =>
    word
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, MAX_ID_LENGTH),
  )
  return ids.find((id) => id !== '') ?? 'mirror'
}

function hostIn(url: unknown): string | undefined {
  return typeof url === 'string' && URL.canParse(url) ? hostOf(new URL(url)) : undefined
}

/** Checks a draft, leaving out what the schema refuses until there is nothing more to refuse. */
function settle(first: Draft, remarks: string[]): Mirror | string {
  let draft = first
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = v.safeParse(mirrorListSchema, [draft])
    if (result.success) {
      const [mirror] = result.output
      return mirror ?? 'there is nothing in it'
    }
    const refused = result.issues.map((issue): Refused => {
      const [, key, element] = issue.path?.map((item) => item.key) ?? []
      return { key: String(key), element, message: withoutCredentials(messageOf(issue)) }
    })
    const needed = refused.find(({ key }) => !DISPENSABLE.has(key))
    if (needed !== undefined) return `${needed.key}: ${needed.message}`
    const rest = without(draft, refused)
    const reasons = refused.map(({ key, message }) => `${key}: ${message}`)
    if (rest.urls.length === 0) return reasons.filter((reason) => reason.startsWith('urls: ')).join('; ')
    for (const reason of reasons) remarks.push(`${reason}; left out`)
    draft = rest
  }
  return 'too many of its values are wrong'
}

/** Messages of the schema begin with the value where it is a text; otherwise it is added. */
function messageOf({ message, input }: v.BaseIssue<unknown>): string {
  if (!message.startsWith('must be')) return message
  return `${message}, not ${escapeUnprintable(JSON.stringify(input) ?? 'nothing', MAX_VALUE_LENGTH)}`
}

interface Refused {
  readonly key: string
  readonly element: unknown
  readonly message: string
}

/** A draft without what was refused: elements of lists one by one, anything else whole. */
function without(draft: Draft, refused: readonly Refused[]): Draft {
  const elements = new Map<string, Set<unknown>>()
  for (const { key, element } of refused) {
    const of = elements.get(key) ?? new Set()
    elements.set(key, of.add(element))
  }
  const rest = Object.entries(draft).flatMap(([key, value]): [string, unknown][] => {
    const gone = elements.get(key)
    if (gone === undefined) return [[key, value]]
    // Of a list its elements are refused, unless there should be none; a pair of degrees is one value.
    if (!Array.isArray(value) || gone.has(undefined) || key === 'coordinates') return []
    return [[key, value.filter((_, index) => !gone.has(index))]]
  })
  const { urls = [], ...others } = Object.fromEntries(rest)
  return { ...others, id: draft.id, urls: Array.isArray(urls) ? urls : [] }
}
