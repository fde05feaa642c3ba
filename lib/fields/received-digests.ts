import { parseDictionary } from 'structured-headers'
import { ALGORITHMS, type Algorithm, type Digests } from '../model.js'
import { DIGEST_NAMES } from './digest.js'
import { REPR_DIGEST_KEYS } from './repr-digest.js'

/**
 * Fields of a response that hold digests of the whole file, as sent. Lines of one name are joined
 * by commas.
 */
export interface DigestFields {
  readonly reprDigest?: string | undefined
  readonly digest?: string | undefined
  readonly xMd5?: string | undefined
}

/** Length of a digest by algorithm. */
const DIGEST_BYTES: { readonly [A in Algorithm]: number } = {
  'sha-256': 32,
  'sha-512': 64,
  'sha-1': 20,
  md5: 16,
  blake3: 32,
  crc32c: 4,
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const HEX_MD5 = /^[0-9a-f]{32}$/i

/**
 * Returns the digests in another server's response. Ignores malformed values, wrong lengths and
 * unknown algorithms. If several fields have one algorithm, the first of `Repr-Digest`, `Digest`
 * and `X-MD5` counts.
 */
export function parseDigestFields({ reprDigest, digest, xMd5 }: DigestFields): Digests {
  return { ...fromXMd5(xMd5), ...fromDigest(digest), ...fromReprDigest(reprDigest) }
}

function fromXMd5(value: string | undefined): Digests {
  const text = value?.trim() ?? ''
  return HEX_MD5.test(text) ? { md5: Buffer.from(text, 'hex') } : {}
}

/**
 * Parses `Digest` (RFC 3230 §4.3.2): names in any case, digests in base64, which can end in `=`.
 */
function fromDigest(value: string | undefined): Digests {
  const members = (value ?? '').split(',').map((member) => {
    const [, name = '', text = ''] = /^\s*([^=\s]+)=(\S+)\s*$/.exec(member) ?? []
    return [name.toLowerCase(), BASE64.test(text) ? Buffer.from(text, 'base64') : undefined] as const
  })
  return digestsOf(new Map(members), DIGEST_NAMES)
}

function fromReprDigest(value: string | undefined): Digests {
  if (value === undefined) return {}
  try {
    const members = [...parseDictionary(value)].map(
      ([key, [bytes]]) => [key, bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : undefined] as const,
    )
    return digestsOf(new Map(members), REPR_DIGEST_KEYS)
  } catch {
    return {}
  }
}

function digestsOf(
  bytesByName: ReadonlyMap<string, Uint8Array | undefined>,
  names: { readonly [A in Algorithm]?: string },
): Digests {
  const digests = ALGORITHMS.flatMap((algorithm) => {
    const bytes = bytesByName.get(names[algorithm]?.toLowerCase() ?? '')
    return bytes?.length === DIGEST_BYTES[algorithm] ? [[algorithm, bytes] as const] : []
  })
  return Object.fromEntries(digests)
}
