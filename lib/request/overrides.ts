import { isIP } from 'node:net'
import { centroidOf, continentOf } from '../geo/countries.js'
import { familyOf } from '../mirrors/ranking/proximity.js'
import type { Client, Family } from '../model.js'
import type { RequestView } from './view.js'

/** Who a request is for, and what it wants left out. */
export interface RequestContext {
  readonly client: Client
  readonly secure: boolean
  /** Ids and hosts of mirrors, in lower case. */
  readonly avoid: ReadonlySet<string> | undefined
  /** Those of them that the client says are broken. */
  readonly reportedBroken?: ReadonlySet<string> | undefined
  /** What the request says wrong of them; it is taken as if that were not said. */
  readonly invalidOverride: string | undefined
}

/** Mirrors that one request can have left out. */
const MAX_AVOIDED = 100
/** Characters of a list of them that are read. */
const MAX_CHARACTERS = 8192
/** Characters of a mistake that are said again. */
const MAX_QUOTED_CHARACTERS = 40
/** Names of parameters, to pass over queries that have none of them. */
const PARAMETERS = /(?:^|&)(?:country|ip|as|avoid|https)=/
const HIGHEST_ASN = 4_294_967_295

/**
 * Reads who a request is for: whoever sent it, or whoever its query says (`?country=`, `?ip=`, `?as=`, `?https=1`); and which
 * mirrors it wants left out (`?avoid=`, `X-Broken-Mirrors`).
 *
 * @param locate finds the place of an address
 * @param overrides whether the query may say where the client is
 */
export function requestContextOf(
  view: RequestView,
  query: string,
  locate: (address: string) => Client,
  overrides: boolean,
): RequestContext {
  const broken = view.header('x-broken-mirrors')
  if (broken === undefined && !PARAMETERS.test(query))
    return { client: locate(view.address), secure: view.secure, avoid: undefined, invalidOverride: undefined }
  const parameters = new URLSearchParams(query)
  const lists = [...parameters.getAll('avoid'), ...(broken === undefined ? [] : [broken])]
  const { client, mistake: invalidOverride } = overrides
    ? override(parameters, view, locate)
    : { client: locate(view.address), mistake: undefined }
  const secure = view.secure || parameters.get('https') === '1'
  const reported = broken === undefined ? undefined : avoided(broken)
  return {
    client,
    secure,
    avoid: avoided(lists.join(',')),
    ...(reported && { reportedBroken: reported }),
    invalidOverride,
  }
}

interface Override {
  readonly client: Client
  readonly mistake: string | undefined
}

function override(
  parameters: URLSearchParams,
  view: RequestView,
  locate: (address: string) => Client,
): Override {
  const [ip, country, asn] = ['ip', 'country', 'as'].map((name) => parameters.get(name) || undefined)
  let client = locate(view.address)
  const mistakes: string[] = []
  if (ip !== undefined) {
    // Strict, where `ipaddr.js` would take `1` and `0x7f.1`.
    if (isIP(ip) !== 0) client = { ...locate(ip), assumed: true }
    else mistakes.push(`ip=${quoted(ip)} is no address`)
  }
  if (country !== undefined) {
    const place = countryPlace(country, familyOf(client))
    if (place !== undefined) client = place
    else mistakes.push(`country=${quoted(country)} is no country of ISO 3166-1`)
  }
  if (asn !== undefined) {
    const number = asnOf(asn)
    if (number !== undefined) client = { ...client, asn: number, assumed: true }
    else mistakes.push(`as=${quoted(asn)} is no number of an autonomous system`)
  }
  return { client, mistake: mistakes.length > 0 ? mistakes.join('; ') : undefined }
}

/** What a request says, short, in plain characters and without markup: it is said again to whoever sent it. */
function quoted(text: string): string {
  const short = text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}...` : text
  return JSON.stringify(short).replace(
    /[^ -~]|[<>&]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Someone in a country of whom nothing else is known, but by which family the answer is asked for. */
function countryPlace(text: string, family: Family | undefined): Client | undefined {
  const country = text.toLowerCase()
  const continent = continentOf(country)
  if (continent === undefined) return undefined
  const coordinates = centroidOf(country)
  const middle = coordinates === undefined ? {} : { coordinates, approximate: true }
  return { address: '', assumed: true, ...(family && { family }), country, continent, ...middle }
}

function asnOf(text: string): number | undefined {
  const [, digits] = /^(?:AS)?(\d{1,10})$/i.exec(text) ?? []
  const number = Number(digits)
  return number >= 1 && number <= HIGHEST_ASN ? number : undefined
}

/** Ids, hosts or URLs, apart by commas or spaces. */
function avoided(list: string): ReadonlySet<string> | undefined {
  const names = list.slice(0, MAX_CHARACTERS).split(/[\s,]+/)
  // What is cut off might be another's name.
  if (list.length > MAX_CHARACTERS) names.pop()
  const given = names.filter((name) => name !== '').slice(0, MAX_AVOIDED)
  return given.length > 0 ? new Set(given.flatMap(namesIn)) : undefined
}

/** What was given, as an id; and the host of it, as a URL, or as a host with a port. */
function namesIn(text: string): readonly string[] {
  const name = text.toLowerCase()
  try {
    // Not asked by `URL.canParse` before: of text beyond ASCII it says yes in vain, once it is called often (Node 20).
    return [name, new URL(name.includes('://') ? name : `http://${name}`).hostname]
  } catch {
    return [name]
  }
}
