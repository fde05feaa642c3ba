import { mtimeIn, SECOND_NS } from '../identity.js'
import type { Identity } from '../model.js'

/** `Last-Modified` of a file (RFC 9110 §8.8.2): whole seconds, rounded down. */
export function lastModified(identity: Identity): string {
  return new Date(Number(mtimeIn(identity, SECOND_NS)) * 1000).toUTCString()
}

/**
 * Whether a `Last-Modified` that somebody else sent is this file's. Node's `stats.mtime` rounds to the next
 * millisecond, so that a server built on it may say the second after.
 */
export function isLastModified(value: string, identity: Identity): boolean {
  if (value === lastModified(identity)) return true
  return value === new Date(Math.round(Number(identity.mtimeNs) / 1e6)).toUTCString()
}
