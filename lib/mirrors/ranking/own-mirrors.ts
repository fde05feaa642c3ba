import type { Mirror } from '../../model.js'
import type { Candidate } from './candidate.js'

type Candidates = ReadonlyMap<Mirror, Candidate>
type ByPlace = ReadonlyMap<string, ReadonlySet<Candidate>>

/** Built at the first use for each list of mirrors. */
const indexes = new WeakMap<Candidates, ByPlace>()

/**
 * Finds the mirrors with a URL of this very server, in any spelling. A redirect to such a mirror
 * leads back here, for ever.
 *
 * http and https are not told apart where both have their default port, because a proxy in front of
 * this server may end TLS.
 *
 * @param base URL of the repository on this server, if known
 * @returns undefined if there are no such mirrors
 */
export function ownMirrors(
  candidates: Candidates,
  base: string | undefined,
): ReadonlySet<Candidate> | undefined {
  if (base === undefined) return undefined
  const index = indexes.get(candidates) ?? createIndex(candidates)
  indexes.set(candidates, index)
  const place = placeOf(base)
  return place === undefined ? undefined : index.get(place)
}

function createIndex(candidates: Candidates): ByPlace {
  const index = new Map<string, Set<Candidate>>()
  for (const candidate of candidates.values()) {
    for (const url of candidate.mirror.urls) {
      const place = placeOf(url)
      if (place !== undefined) index.set(place, (index.get(place) ?? new Set()).add(candidate))
    }
  }
  return index
}

/** Returns host, port and path in one spelling; undefined for other schemes than http and https. */
function placeOf(text: string): string | undefined {
  try {
    const { protocol, hostname, port, pathname } = new URL(text)
    if (!/^https?:$/.test(protocol)) return undefined
    return `${hostname.replace(/\.$/, '')}:${port} ${unescaped(pathname).replace(/\/*$/, '/')}`
  } catch {
    return undefined
  }
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
