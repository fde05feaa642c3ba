import { MICROSECOND_NS, mtimeIn, SECOND_NS } from '../identity.js'
import type { Digests, EtagPolicy, Identity } from '../model.js'

/**
 * Returns the strong entity tag of a file (RFC 9110 §8.8.3). Made as the mirrors make theirs, so
 * that clients may combine ranges of mirrors and origin (RFC 6249 §3.1).
 *
 * - `digest`: the sha-256 in base64url
 * - `nginx`: `"<mtime in s, hex>-<size, hex>"`
 * - `apache`: `"<size, hex>-<mtime in µs, hex>"`, which is Apache's `FileETag MTime Size`
 *
 * @returns undefined if the policy needs a digest that is unknown
 */
export function etagOf(
  policy: EtagPolicy,
  identity: Identity,
  digests: Digests | undefined,
): string | undefined {
  const size = identity.size.toString(16)
  if (policy === 'nginx') return `"${hex(mtimeIn(identity, SECOND_NS))}-${size}"`
  if (policy === 'apache') return `"${size}-${hex(mtimeIn(identity, MICROSECOND_NS))}"`
  const sha256 = digests?.['sha-256']
  return sha256 === undefined ? undefined : `"${Buffer.from(sha256).toString('base64url')}"`
}

/** Returns the number as C prints it by %x: negative numbers in 64-bit two's complement. */
function hex(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16)
}
