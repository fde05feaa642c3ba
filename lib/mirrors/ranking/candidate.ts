import { centroidOf, continentOf } from '../../geo/countries.js'
import { type Point, pointOf } from '../../geo/distance.js'
import type { Family, Mirror } from '../../model.js'
import { createCarries, createDepthOf } from './paths.js'

/** A mirror with everything that ranking needs of it, worked out once a snapshot. */
export interface Candidate {
  readonly mirror: Mirror
  /** Its place in the operator's list, from 0. */
  readonly index: number
  /** Base URL for a client that came by https: never a plain one. */
  readonly secureUrl: string | undefined
  /** Base URL for a client that came by http. */
  readonly plainUrl: string | undefined
  /** Those of http and https that would do, best first. */
  readonly plainUrls: readonly string[]
  /** Undefined where it carries every file. */
  readonly carries: ((path: string) => boolean) | undefined
  /** How many parts of a path, from its end, name what it has whole. */
  readonly depthOf: (path: string) => number
  /** By which a client may name it to leave it out: its id, and the hosts of its URLs; in lower case. */
  readonly names: readonly string[]
  readonly continent: string | undefined
  /** Where it is, or the middle of its country. */
  readonly point: Point | undefined
  /** The only family by which it is reached; undefined where it is both, or not known. */
  readonly family: Family | undefined
}

/**
 * @param preferSecure whether clients that came by http are given https URLs where there are some
 * @param index in the operator's list, from 0
 */
export function createCandidate(mirror: Mirror, preferSecure: boolean, index: number): Candidate {
  const { urls, location } = mirror
  const coordinates = mirror.coordinates ?? (location === undefined ? undefined : centroidOf(location))
  const secureUrl = urls.find((url) => url.startsWith('https:'))
  const openUrl = urls.find((url) => url.startsWith('http:'))
  const plainUrls = (preferSecure ? [secureUrl, openUrl] : [openUrl, secureUrl]).filter(
    (url) => url !== undefined,
  )
  return {
    mirror,
    index,
    secureUrl,
    plainUrls,
    plainUrl: plainUrls[0] ?? urls[0],
    carries: createCarries(mirror.paths),
    depthOf: createDepthOf(mirror.paths),
    names: [mirror.id.toLowerCase(), ...new Set(urls.map((url) => new URL(url).hostname))],
    continent: location === undefined ? undefined : continentOf(location),
    point: coordinates && pointOf(coordinates),
    family: mirror.family,
  }
}

/** The base URL under which a mirror serves such a client. */
export function baseUrl(candidate: Candidate, secure: boolean): string | undefined {
  return secure ? candidate.secureUrl : candidate.plainUrl
}
