import type { Field } from '../model.js'

export const METALINK4_TYPE = 'application/metalink4+xml'

/**
 * A mirror's copy of the file (RFC 6249 §3, RFC 8288 §3). `rel` and `geo` are bare and `pri` is always there, because
 * aria2 reads nothing else.
 *
 * @param priority 1 to 999999, lower first, unique in a response
 * @param location the mirror's country in lower case
 */
export function duplicateLink(url: string, priority: number, location?: string): Field {
  const geo = location === undefined ? '' : `; geo=${location}`
  return ['Link', `<${url}>; rel=duplicate; pri=${priority}${geo}`]
}

/** A document about the file, such as its metalink (RFC 6249 §4). wget2 reads the type only where it is quoted. */
export function describedbyLink(url: string, type: string): Field {
  return ['Link', `<${url}>; rel=describedby; type="${type}"`]
}
