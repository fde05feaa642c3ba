import { createHash } from 'node:crypto'
import type { Digests, HashedFile, Identity, IndexedFile, Pieces } from '../../lib/model.js'
import type { Change } from '../../lib/store/store.js'

export const IDENTITY: Identity = {
  size: 1234,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_001_987_654_321n,
  inode: 42n,
}

/** Returns bytes that differ by seed. */
export function bytesOf(length: number, seed: string): Uint8Array {
  const blocks: Buffer[] = []
  for (let index = 0; index * 64 < length; index += 1)
    blocks.push(createHash('sha512').update(`${seed} ${index}`).digest())
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
}

/** Returns made-up digests of every algorithm, each of its real length. */
export function allDigests(seed: string): Required<Digests> {
  return {
    'sha-256': bytesOf(32, `${seed} sha-256`),
    'sha-512': bytesOf(64, `${seed} sha-512`),
    'sha-1': bytesOf(20, `${seed} sha-1`),
    md5: bytesOf(16, `${seed} md5`),
    blake3: bytesOf(32, `${seed} blake3`),
    crc32c: bytesOf(4, `${seed} crc32c`),
  }
}

export function fileAt(
  path: string,
  identity: Partial<Identity> = {},
  digests: Digests = allDigests(path),
): HashedFile {
  return { path, identity: { ...IDENTITY, ...identity }, digests }
}

/** Returns the same file as an index returns it. */
export function indexedAt(...file: Parameters<typeof fileAt>): IndexedFile {
  return { ...fileAt(...file), number: 1 }
}

export function piecesOf(count: number, seed: string): Pieces {
  return {
    length: 262_144,
    sha256: bytesOf(32 * count, `${seed} sha256`),
    sha1: bytesOf(20 * count, `${seed} sha1`),
  }
}

/** Returns the change that stores a file. */
export function put(file: HashedFile, pieces?: Pieces): Change {
  return { kind: 'put', file, pieces }
}
