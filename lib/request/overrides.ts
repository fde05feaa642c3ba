import { isIP } from 'node:net'
import { centroidOf, continentOf } from '../geo/countries.js'
import { MAX_ASN } from '../geo/schema.js'
import { familyOf } from '../mirrors/ranking/proximity.js'
import type { Client, Family } from '../model.js'
import type { RequestView } from './view.js'

/** Client that a request is for, and the mirrors that it avoids. */
export interface RequestContext {
  readonly client: Client
  readonly secure: boolean
  /** Whether an http client asks for http URLs only: `?https=0`. */
  readonly isWithoutTls?: boolean
  /** Mirrors to leave out, by ids and hosts in lower case. */
  readonly avoid: ReadonlySet<string> | undefined
  /** Avoided mirrors that the client reports as broken. */
  readonly reportedBroken?: ReadonlySet<string> | undefined
  /** Mistakes in the overrides of the query. A wrong override counts as absent. */
  readonly invalidOverride: string | undefined
}

/** Mirrors that one request can leave out. */
const MAX_AVOIDED = 100
/** Characters that are read of a list of avoided mirrors. */
const MAX_LIST_CHARACTERS = 8192
/** Characters of a wrong value that are sent back. */
const MAX_QUOTED_CHARACTERS = 40
/** Matches a query with at least one of the parameters. Other queries are not parsed. */
const PARAMETERS = /(?:^|&)(?:country|ip|as|avoid|https)=/

/**
 * Reads the client that a request is for: its sender, unless the query overrides that (`?country=`,
 * `?ip=`, `?as=`, `?https=`). Also reads the mirrors to leave out (`?avoid=`, `X-Broken-Mirrors`).
 *
 * @param locate returns the client at an address, and its place
 * @param overrides whether the query may override the place of the client
 */
export function requestContextOf(
  view: RequestView,
  query: string,
  locate: (address: string) => Client,
  overrides: boolean,
): RequestContext {
  const brokenList = view.header('x-broken-mirrors')
  if (brokenList === undefined && !PARAMETERS.test(query))
    return { client: locate(view.address), secure: view.secure, avoid: undefined, invalidOverride: undefined }
  const parameters = new URLSearchParams(query)
  const lists = [...parameters.getAll('avoid'), ...(brokenList === undefined ? [] : [brokenList])]
  const { client, invalidOverride } = overrides
    ? overriddenClient(parameters, view, locate)
    : { client: locate(view.address), invalidOverride: undefined }
  const https = parameters.get('https')
  const secure = view.secure || https === '1'
  const reportedBroken = brokenList === undefined ? undefined : avoidedNames(brokenList)
  return {
    client,
    secure,
    // A client that came by https is never sent to http.
    ...(!secure && https === '0' && { isWithoutTls: true }),
    avoid: avoidedNames(lists.join(',')),
    ...(reportedBroken && { reportedBroken }),
    invalidOverride,
  }
}

interface Override {
  readonly client: Client
  readonly invalidOverride: string | undefined
}

function overriddenClient(
  parameters: URLSearchParams,
  view: RequestView,
  locate: (address: string) => Client,
): Override {
  const [ip, country, asn] = ['ip', 'country', 'as'].map((name) => parameters.get(name) || undefined)
  let client = locate(view.address)
  const mistakes: string[] = []
  if (ip !== undefined) {
    // Strict: `ipaddr.js` would accept `1` and `0x7f.1`.
    if (isIP(ip) !== 0) client = { ...locate(ip), assumed: true }
    else mistakes.push(`ip=${quoted(ip)} is no address`)
  }
  if (country !== undefined) {
    const moved = clientIn(country, familyOf(client))
    if (moved !== undefined) client = moved
    else mistakes.push(`country=${quoted(country)} is no country of ISO 3166-1`)
  }
  if (asn !== undefined) {
    const number = asnOf(asn)
    if (number !== undefined) client = { ...client, asn: number, assumed: true }
    else mistakes.push(`as=${quoted(asn)} is no number of an autonomous system`)
  }
  return { client, invalidOverride: mistakes.length > 0 ? mistakes.join('; ') : undefined }
}

/** Returns a value of the query for an error message: short, in printable ASCII, without markup. */
function quoted(text: string): string {
  const short = text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}...` : text
  return JSON.stringify(short).replace(
    /[^ -~]|[<>&]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Returns a client in a country, of which only the address family of the request is known. */
function clientIn(text: string, family: Family | undefined): Client | undefined {
  const country = text.toLowerCase()
  const continent = continentOf(country)
  if (continent === undefined) return undefined
  const coordinates = centroidOf(country)
  const centre = coordinates === undefined ? {} : { coordinates, approximate: true }
  return { address: '', assumed: true, ...(family && { family }), country, continent, ...centre }
}

function asnOf(text: string): number | undefined {
  const [, digits] = /^(?:AS)?(\d{1,10})$/i.exec(text) ?? []
  const number = Number(digits)
  return number >= 1 && number <= MAX_ASN ? number : undefined
}

/** Reads ids, hosts or URLs, separated by commas or spaces. */
function avoidedNames(list: string): ReadonlySet<string> | undefined {
  const names = list.slice(0, MAX_LIST_CHARACTERS).split(/[\s,]+/)
  // A name that was cut off could be the name of another mirror.
  if (list.length > MAX_LIST_CHARACTERS) names.pop()
  const mirrors = names.filter((name) => name !== '').slice(0, MAX_AVOIDED)
  return mirrors.length > 0 ? new Set(mirrors.flatMap(namesIn)) : undefined
}

/** Returns the text itself, as an id, and its host, if the text is a URL or a host with a port. */
function namesIn(text: string): readonly string[] {
  const name = text.toLowerCase()
  try {
    // Not `URL.canParse`: in Node 20, once it is called often, it returns true for invalid text
    // beyond ASCII.
    return [name, new URL(name.includes('://') ? name : `http://${name}`).hostname]
  } catch {
    return [name]
  }
}
