import { parseDictionary } from 'structured-headers'
import { ALGORITHMS, type Algorithm, type Digests } from '../model.js'
import { DIGEST_NAMES } from './digest.js'
import { REPR_DIGEST_KEYS } from './repr-digest.js'

/** Fields of an answer that tell digests of the whole file, as sent; lines of the same name joined by commas. */
export interface DigestFields {
  readonly reprDigest?: string | undefined
  readonly digest?: string | undefined
  readonly xMd5?: string | undefined
}

const BYTES: { readonly [A in Algorithm]: number } = {
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
 * Digests that somebody else's answer tells. What is malformed, of the wrong length or of another algorithm is as if it were
 * not there. Where two fields tell the same digest, the newer field counts: `Repr-Digest`, then `Digest`, then `X-MD5`.
 */
export function parseDigestFields({ reprDigest, digest, xMd5 }: DigestFields): Digests {
  return { ...ofXMd5(xMd5), ...ofDigest(digest), ...ofReprDigest(reprDigest) }
}

function ofXMd5(value: string | undefined): Digests {
  const text = value?.trim() ?? ''
  return HEX_MD5.test(text) ? { md5: Buffer.from(text, 'hex') } : {}
}

/** RFC 3230 §4.3.2: names in any case, a digest in base64, which may end in `=` itself. */
function ofDigest(value: string | undefined): Digests {
  const told = (value ?? '').split(',').map((member) => {
    const [, name = '', text = ''] = /^\s*([^=\s]+)=(\S+)\s*$/.exec(member) ?? []
    return [name.toLowerCase(), BASE64.test(text) ? Buffer.from(text, 'base64') : undefined] as const
  })
  return digestsOf(new Map(told), DIGEST_NAMES)
}

function ofReprDigest(value: string | undefined): Digests {
  if (value === undefined) return {}
  try {
    const told = [...parseDictionary(value)].map(
      ([key, [bytes]]) => [key, bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : undefined] as const,
    )
    return digestsOf(new Map(told), REPR_DIGEST_KEYS)
  } catch {
    return {}
  }
}

function digestsOf(
  told: ReadonlyMap<string, Uint8Array | undefined>,
  names: { readonly [A in Algorithm]?: string },
): Digests {
  const found = ALGORITHMS.flatMap((algorithm) => {
    const bytes = told.get(names[algorithm]?.toLowerCase() ?? '')
    return bytes?.length === BYTES[algorithm] ? [[algorithm, bytes] as const] : []
  })
  return Object.fromEntries(found)
}
