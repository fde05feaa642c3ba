import type { Algorithm, Digests, Field } from '../model.js'

/**
 * Algorithm names of RFC 3230 §4.1.1, RFC 5843 and IANA, which calls SHA-1 `SHA`. Upper case,
 * because clients expect it.
 */
export const DIGEST_NAMES: { readonly [A in Algorithm]?: string } = {
  'sha-256': 'SHA-256',
  'sha-512': 'SHA-512',
  'sha-1': 'SHA',
  md5: 'MD5',
  crc32c: 'CRC32C',
}

/**
 * Returns the `Digest` lines of a file (RFC 3230 §4.3.2), one line per algorithm. The digests are
 * of the whole instance, even on a 206.
 *
 * @param algorithms in the order of the lines; algorithms without a digest or a name are left out
 */
export function digestFields(digests: Digests, algorithms: readonly Algorithm[]): Field[] {
  return algorithms.flatMap((algorithm): Field[] => {
    const digest = digests[algorithm]
    const name = DIGEST_NAMES[algorithm]
    if (digest === undefined || name === undefined) return []
    return [['Digest', `${name}=${base64(digest)}`]]
  })
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
