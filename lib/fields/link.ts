import type { Field } from '../model.js'

/**
 * A mirror's copy of the file (RFC 6249 §3, RFC 8288 §3). `rel` and `geo` are bare and `pri` is always there, because
 * aria2 reads nothing else.
 *
 * @param priority 1 to 999999, lower first, unique in a response
 * @param location the mirror's country in lower case
 * @param depth so many parts of the path, from its end, name what the mirror has whole: with 1 everything in the file's
 * folder, with 2 everything in the folder above (RFC 6249 §3.4); 0 says nothing of other files
 * @param isPreferred whether the mirror sends the file with the ETag that it has here (RFC 6249 §3.1)
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

/** What follows the URL in such a link. */
export function duplicateParameters(
  priority: number,
  location?: string,
  depth = 0,
  isPreferred = false,
): string {
  const geo = location === undefined ? '' : `; geo=${location}`
  const whole = depth === 0 ? '' : `; depth=${depth}`
  return `>; rel=duplicate; pri=${priority}${isPreferred ? '; pref' : ''}${geo}${whole}`
}

/** A document about the file, such as its metalink (RFC 6249 §4). wget2 reads the type only where it is quoted. */
export function describedbyLink(url: string, type: string): Field {
  return ['Link', `<${url}>; rel=describedby; type="${type}"`]
}
