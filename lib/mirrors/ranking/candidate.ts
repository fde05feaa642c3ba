import { centroidOf, continentOf } from '../../geo/countries.js'
import { type Point, pointOf } from '../../geo/distance.js'
import type { Family, Mirror } from '../../model.js'
import { createCarries, createDepthOf } from './paths.js'

/** A mirror with everything that ranking reads, computed once per snapshot. */
export interface Candidate {
  readonly mirror: Mirror
  /** Position in the operator's list, from 0. */
  readonly index: number
  /** Base URL for https clients; always https. */
  readonly secureUrl: string | undefined
  /** Base URL for http clients. */
  readonly plainUrl: string | undefined
  /** Base URL for clients without TLS. */
  readonly httpUrl?: string | undefined
  /** All http and https base URLs for http clients, best first. */
  readonly plainUrls: readonly string[]
  /** Undefined if the mirror carries every file. */
  readonly carries: ((path: string) => boolean) | undefined
  /** Number of path segments, from the end, for the `depth` parameter (RFC 6249). */
  readonly depthOf: (path: string) => number
  /**
   * Names by which clients can avoid the mirror: its id and the hosts of its URLs, in lower case.
   */
  readonly names: readonly string[]
  readonly continent: string | undefined
  /** Location of the mirror, or the middle of its country. */
  readonly point: Point | undefined
  /** The only address family of the mirror; undefined if both work, or if unknown. */
  readonly family: Family | undefined
}

/**
 * Prepares a mirror for ranking.
 *
 * @param preferSecure gives http clients https URLs where a mirror has https
 * @param index position in the operator's list, from 0
 */
export function createCandidate(mirror: Mirror, preferSecure: boolean, index: number): Candidate {
  const { urls, location } = mirror
  const coordinates = mirror.coordinates ?? (location === undefined ? undefined : centroidOf(location))
  const secureUrl = urls.find((url) => url.startsWith('https:'))
  const httpUrl = urls.find((url) => url.startsWith('http:'))
  const plainUrls = (preferSecure ? [secureUrl, httpUrl] : [httpUrl, secureUrl]).filter(
    (url) => url !== undefined,
  )
  return {
    mirror,
    index,
    secureUrl,
    httpUrl,
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

/** Returns the base URL of a mirror for https or http clients. */
export function baseUrl(candidate: Candidate, secure: boolean): string | undefined {
  return secure ? candidate.secureUrl : candidate.plainUrl
}
