import * as v from 'valibot'
import { escapeUnprintable, plainText, withoutCredentials } from '../../../message-text.js'
import type { Mirror, Serves } from '../../../model.js'
import { hostOf } from '../../../network/addresses.js'
import { mirrorListSchema } from '../schema.js'
import type { ListedMirror } from './listed-mirror.js'
import { asnOf, coordinatesOf, countryOf, flagOf, isBlank, listOf, numberOf, subnetOf } from './values.js'

/** Maximum length of a host name, from which ids are made. */
const MAX_ID_LENGTH = 253
const MAX_SPONSOR_LENGTH = 200
/** Maximum length of a value in a remark. */
const MAX_VALUE_LENGTH = 80

/** Each round removes refused values. More rounds would mean that a removal has no effect. */
const MAX_ROUNDS = 8

/** Restrictions, narrowest first. */
const RESTRICTIONS = ['subnet', 'asn', 'country', 'continent'] as const satisfies readonly Serves[]

/** Optional keys: an invalid value is left out, and the mirror is kept. */
const OPTIONAL_KEYS: ReadonlySet<string> = new Set([
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

/** A valid mirror for a mirrors file, or the reason why the entry is refused. */
export type CheckedEntry =
  | { readonly mirror: Mirror; readonly remarks: readonly string[] }
  | { readonly refusal: string; readonly remarks: readonly string[] }

/** An unchecked entry of a mirrors file. */
type Draft = { readonly id: string; readonly urls: readonly unknown[] } & Record<string, unknown>

/**
 * Makes a mirror of a listed mirror. Values that the schema of the mirrors file refuses are left
 * out with a remark. Refuses mirrors without a URL or with an unclear flag.
 */
export function checkEntry(listed: ListedMirror): CheckedEntry {
  const remarks = [...(listed.remarks ?? [])]
  const serves = servesOf(listed.only ?? {})
  const isPrivate = flagOf(listed.private)
  const enabled = isBlank(listed.enabled) ? true : flagOf(listed.enabled)
  // Do not guess: a wrong flag could send all clients to a restricted mirror.
  if (serves === undefined) return { refusal: 'it is not clear for which clients it is', remarks }
  if (isPrivate === undefined) return { refusal: 'it is not clear whether it is private', remarks }
  if (enabled === undefined) return { refusal: 'it is not clear whether it is enabled', remarks }

  const urls = listed.urls.filter((url) => !isBlank(url)).map(trimmed)
  if (urls.length === 0) return { refusal: 'it has no https, http or ftp URL', remarks }
  const result = dropRefused(
    {
      id: idOf(listed.name, urls),
      urls: [...new Set(urls)],
      ...optional('rsync', rsyncOf(listed.rsync)),
      ...optional('location', countryOf(listed.country)),
      countries: [...new Set(listOf(listed.countries).map(countryOf))],
      ...optional('coordinates', coordinatesOf(listed.coordinates)),
      asn: asnOf(listed.asn),
      subnets: [...new Set(listOf(listed.subnets).map(subnetOf))],
      ...optional('family', flagOf(listed.ipv6Only) === true ? 'ipv6' : undefined),
      ...optional('weight', isBlank(listed.weight) ? undefined : numberOf(listed.weight)),
      serves,
      excludes: [...new Set(listOf(listed.excludes).map(countryOf))],
      ...optional('sponsor', sponsorOf(listed.sponsor ?? {}, remarks)),
      private: isPrivate,
      enabled,
    },
    remarks,
  )
  if (typeof result === 'string') return { refusal: result, remarks }
  const { asn, subnets } = result
  if (result.private && asn.length === 0 && subnets.length === 0) {
    remarks.push('it is private and has neither asn nor subnets: no client gets it until it has some')
  } else if (serves === 'subnet' && subnets.length === 0) {
    remarks.push('it serves its subnets and has none: no client gets it until it has some')
  }
  return { mirror: result, remarks }
}

function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value }
}

function trimmed(value: unknown): unknown {
  return typeof value === 'string' ? value.trim() : value
}

/** Returns the narrowest restriction that is set; undefined if a flag is unclear. */
function servesOf(only: NonNullable<ListedMirror['only']>): Serves | undefined {
  const flags = RESTRICTIONS.map((serves) => flagOf(only[serves]))
  return flags.includes(undefined) ? undefined : (RESTRICTIONS[flags.indexOf(true)] ?? 'world')
}

/** Returns an rsync URL. Lists mix URLs with rsync's notation `host::module`. */
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

/** Returns an id made of the listed name, or else of the host of a URL. */
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

/**
 * Removes the values that the schema refuses, until the draft is valid.
 *
 * @returns the mirror, or why the draft is refused
 */
function dropRefused(initial: Draft, remarks: string[]): Mirror | string {
  let draft = initial
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const result = v.safeParse(mirrorListSchema, [draft])
    if (result.success) {
      const [mirror] = result.output
      return mirror ?? 'there is nothing in it'
    }
    const refused = result.issues.map((issue): Refused => {
      const [, key, element] = issue.path?.map((item) => item.key) ?? []
      return { key: String(key), element, message: withoutCredentials(messageOf(issue)) }
    })
    const required = refused.find(({ key }) => !OPTIONAL_KEYS.has(key))
    if (required !== undefined) return `${required.key}: ${required.message}`
    const rest = without(draft, refused)
    const reasons = refused.map(({ key, message }) => `${key}: ${message}`)
    if (rest.urls.length === 0) return reasons.filter((reason) => reason.startsWith('urls: ')).join('; ')
    for (const reason of reasons) remarks.push(`${reason}; left out`)
    draft = rest
  }
  return 'too many of its values are wrong'
}

/**
 * Returns the message of an issue with the refused value. Some messages contain the value already.
 */
function messageOf({ message, input }: v.BaseIssue<unknown>): string {
  if (!message.startsWith('must be')) return message
  return `${message}, not ${escapeUnprintable(JSON.stringify(input) ?? 'nothing', MAX_VALUE_LENGTH)}`
}

interface Refused {
  readonly key: string
  readonly element: unknown
  readonly message: string
}

/** Returns a draft without refused values: removes single elements of lists, other values whole. */
function without(draft: Draft, refused: readonly Refused[]): Draft {
  const elements = new Map<string, Set<unknown>>()
  for (const { key, element } of refused) {
    const refusedElements = elements.get(key) ?? new Set()
    elements.set(key, refusedElements.add(element))
  }
  const rest = Object.entries(draft).flatMap(([key, value]): [string, unknown][] => {
    const removed = elements.get(key)
    if (removed === undefined) return [[key, value]]
    // An undefined element refuses the whole list. Coordinates are one value.
    if (!Array.isArray(value) || removed.has(undefined) || key === 'coordinates') return []
    return [[key, value.filter((_, index) => !removed.has(index))]]
  })
  const { urls = [], ...others } = Object.fromEntries(rest)
  return { ...others, id: draft.id, urls: Array.isArray(urls) ? urls : [] }
}
