import type { Digests, Pieces } from './model.js'

const MIN_PIECE_BYTES = 256 * 1024
const MAX_PIECE_BYTES = 4 * 1024 * 1024
const MAX_PIECES = 2000

export const SHA256_BYTES = 32
export const SHA1_BYTES = 20

/**
 * Returns the piece length of a file: the smallest power of two from 256 KiB to 4 MiB that gives
 * at most 2,000 pieces. A file of more than 8,000 MiB has more pieces, of 4 MiB.
 *
 * @param size of the file, in bytes
 */
export function pieceLength(size: number): number {
  let length = MIN_PIECE_BYTES
  while (length < MAX_PIECE_BYTES && size / length > MAX_PIECES) length *= 2
  return length
}

/**
 * Returns the pieces of a file that has only one piece, from the digests of the file. Such pieces
 * are not stored, because most files have only one.
 */
export function onlyPiece(size: number, digests: Digests): Pieces | undefined {
  const sha256 = digests['sha-256']
  const sha1 = digests['sha-1']
  const length = pieceLength(size)
  if (size === 0 || size > length || sha256 === undefined || sha1 === undefined) return undefined
  return { length, sha256, sha1 }
}
