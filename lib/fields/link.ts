import type { Field } from '../model.js'

/**
 * Returns the link to a mirror's copy of the file (RFC 6249 §3, RFC 8288 §3). `rel` and `geo` are
 * unquoted and `pri` is always present, because aria2 reads no other spelling.
 *
 * @param priority 1 to 999999, lower first, unique in a response
 * @param location country of the mirror in lower case
 * @param depth number of path parts, from the end, that the mirror has whole (RFC 6249 §3.4): 1 for
 * everything in the folder of the file, 2 for everything in the folder above, 0 for unknown
 * @param isPreferred whether the mirror sends the file with the ETag of this server (RFC 6249 §3.1)
 */
export function duplicateLink(
  url: string,
  priority: number,
  location?: string,
  depth = 0,
  isPreferred = false,
): Field {
  return ['Link', `<${url}${duplicateParameters(priority, location, depth, isPreferred)}`]
}

/** Returns the part of a duplicate link after the URL. */
export function duplicateParameters(
  priority: number,
  location?: string,
  depth = 0,
  isPreferred = false,
): string {
  const geo = location === undefined ? '' : `; geo=${location}`
  const wholeDepth = depth === 0 ? '' : `; depth=${depth}`
  return `>; rel=duplicate; pri=${priority}${isPreferred ? PREFERRED : ''}${geo}${wholeDepth}`
}

const PREFERRED = '; pref'
/** Matches a link of ours to a mirror with the ETag of this server. Such URLs contain no `>`. */
const PREFERRED_LINK = /^(<[^>]*>; rel=duplicate; pri=\d+); pref(?=;|$)/

/** Returns true if one of the fields is a link to a mirror with the ETag of this server. */
export function hasPreferred(fields: readonly Field[]): boolean {
  return fields.some(([name, value]) => name === 'Link' && PREFERRED_LINK.test(value))
}

/** Returns the fields with links that do not tell which mirrors have the ETag of this server. */
export function withoutPreferred(fields: readonly Field[]): readonly Field[] {
  return fields.map((field) =>
    field[0] === 'Link' ? ['Link', field[1].replace(PREFERRED_LINK, '$1')] : field,
  )
}

/**
 * Returns the link to a document about the file, such as its Metalink (RFC 6249 §4). wget2 reads
 * only quoted types.
 */
export function describedbyLink(url: string, type: string): Field {
  return ['Link', `<${url}>; rel=describedby; type="${type}"`]
}
