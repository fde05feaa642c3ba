import type { Algorithm, Digests, Field } from '../model.js'
import { base64 } from './digest.js'

/** Keys of RFC 9530 §5: active ones first, then those kept for older systems. */
export const REPR_DIGEST_KEYS: { readonly [A in Algorithm]?: string } = {
  'sha-256': 'sha-256',
  'sha-512': 'sha-512',
  'sha-1': 'sha',
  md5: 'md5',
  crc32c: 'crc32c',
}

/** Algorithms that are sent by default. RFC 9530 §5 calls all others insecure. */
export const REPR_DIGEST_DEFAULTS: readonly Algorithm[] = ['sha-256', 'sha-512']

/**
 * Returns the `Repr-Digest` of a file (RFC 9530 §3): one dictionary of byte sequences (RFC 8941
 * §3.2).
 */
export function reprDigestFields(digests: Digests, algorithms: readonly Algorithm[]): Field[] {
  const members = algorithms.flatMap((algorithm) => {
    const digest = digests[algorithm]
    const key = REPR_DIGEST_KEYS[algorithm]
    return digest === undefined || key === undefined ? [] : [`${key}=:${base64(digest)}:`]
  })
  return members.length === 0 ? [] : [['Repr-Digest', members.join(', ')]]
}
