import { mtimeIn, SECOND_NS } from '../identity.js'
import type { Identity } from '../model.js'

/** Returns the `Last-Modified` of a file (RFC 9110 §8.8.2): whole seconds, rounded down. */
export function lastModified(identity: Identity): string {
  return new Date(Number(mtimeIn(identity, SECOND_NS)) * 1000).toUTCString()
}

/**
 * Returns true if the `Last-Modified` of a server is this file's. Node's `stats.mtime` rounds to
 * the nearest millisecond, so a server built on it may send the second after.
 */
export function isLastModified(value: string, identity: Identity): boolean {
  if (value === lastModified(identity)) return true
  return value === new Date(Math.round(Number(identity.mtimeNs) / 1e6)).toUTCString()
}
