import type { Digests, Pieces } from './model.js'

const MIN_PIECE_BYTES = 256 * 1024
const MAX_PIECE_BYTES = 4 * 1024 * 1024
const MAX_PIECES = 2000

/** Bytes of a piece digest. */
export const SHA256_BYTES = 32
export const SHA1_BYTES = 20

/**
 * Length of a file's pieces: a power of two from 256 KiB to 4 MiB, the smallest with which there are at most 2,000.
 *
 * @param size of the file, in bytes
 */
export function pieceLength(size: number): number {
  let length = MIN_PIECE_BYTES
  while (length < MAX_PIECE_BYTES && size / length > MAX_PIECES) length *= 2
  return length
}

/** The pieces of a file that has only one: the digests of the file. Not stored, for most files are such. */
export function onlyPiece(size: number, digests: Digests): Pieces | undefined {
  const sha256 = digests['sha-256']
  const sha1 = digests['sha-1']
  const length = pieceLength(size)
  if (size === 0 || size > length || sha256 === undefined || sha1 === undefined) return undefined
  return { length, sha256, sha1 }
}
