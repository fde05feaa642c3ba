import { parseList, Token } from 'structured-headers'
import { METALINK4_TYPE } from '../../fields/link.js'

/**
 * Whether `Accept` prefers a metalink to the file (RFC 9110 §12.5.1). It must say so: at the same weight the answer is
 * the file, because aria2 names the metalink types beside everything else and would save the XML under the file's name.
 * libzypp, by its user agent, does the same and means the metalink.
 *
 * @param fileType media type of the file
 */
export function prefersMetalink(
  accept: string | undefined,
  userAgent: string | undefined,
  fileType: () => string,
): boolean {
  if (accept === undefined || !accept.toLowerCase().includes(METALINK4_TYPE)) return false
  const weights = readAccept(accept)
  const metalink = weights.get(METALINK4_TYPE) ?? 0
  if (metalink === 0) return false
  const type = fileType()
  const file =
    weights.get(type) ?? weights.get(`${type.slice(0, type.indexOf('/'))}/*`) ?? weights.get('*/*') ?? 0
  return metalink > file || (metalink === file && isLibzypp(userAgent))
}

/** libzypp and zypper introduce themselves so, and read no other piece digests than sha-1. */
export function isLibzypp(userAgent: string | undefined): boolean {
  return userAgent?.startsWith('ZYpp') === true
}

/** Weights by media range. The grammar is close enough to a structured list of tokens; what is not is not followed. */
function readAccept(accept: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  try {
    for (const [item, parameters] of parseList(accept)) {
      const q = parameters.get('q') ?? 1
      if (item instanceof Token && typeof q === 'number') weights.set(item.toString().toLowerCase(), q)
    }
  } catch {
    weights.clear()
  }
  return weights
}
