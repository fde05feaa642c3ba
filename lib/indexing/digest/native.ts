import { createHash, hash } from 'node:crypto'
import type { Algorithm } from '../../model.js'

/** Names of algorithms in OpenSSL, which does not offer the others. */
const NAMES: { readonly [A in Algorithm]?: string } = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  'sha-1': 'sha1',
  md5: 'md5',
}

/**
 * Returns OpenSSL's name of an algorithm; undefined if OpenSSL lacks or refuses it, as a FIPS
 * build refuses md5.
 */
export function nativeName(algorithm: Algorithm): string | undefined {
  const name = NAMES[algorithm]
  if (name === undefined) return undefined
  try {
    createHash(name)
    return name
  } catch {
    return undefined
  }
}

/** Returns the digest of bytes in memory; undefined if OpenSSL does not offer the algorithm. */
export function digestAtOnce(algorithm: Algorithm, bytes: string | Uint8Array): Buffer | undefined {
  const name = nativeName(algorithm)
  return name === undefined ? undefined : hash(name, bytes, 'buffer')
}
