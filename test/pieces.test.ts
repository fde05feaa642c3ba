import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { onlyPiece, pieceLength } from '../lib/pieces.js'
import { allDigests } from './support/files.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

const LENGTHS: readonly (readonly [size: number, length: number])[] = [
  [0, 256 * KIB],
  [1, 256 * KIB],
  [256 * KIB, 256 * KIB],
  [2000 * 256 * KIB, 256 * KIB],
  [2000 * 256 * KIB + 1, 512 * KIB],
  [2000 * 512 * KIB, 512 * KIB],
  [2000 * 512 * KIB + 1, MIB],
  [2000 * MIB, MIB],
  [2000 * MIB + 1, 2 * MIB],
  [2000 * 2 * MIB, 2 * MIB],
  [2000 * 2 * MIB + 1, 4 * MIB],
  [2000 * 4 * MIB, 4 * MIB],
  [2000 * 4 * MIB + 1, 4 * MIB],
  [1024 * GIB, 4 * MIB],
]

for (const [size, length] of LENGTHS) {
  test(`pieces of a file of ${size} bytes have ${length}`, () => {
    assert.equal(pieceLength(size), length)
  })
}

test('a piece is the least power of two from 256 KiB to 4 MiB that makes no more than 2,000', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (size) => {
      const length = pieceLength(size)
      assert.ok(Number.isInteger(Math.log2(length)))
      assert.ok(length >= 256 * KIB && length <= 4 * MIB)
      if (length < 4 * MIB) assert.ok(Math.ceil(size / length) <= 2000)
      if (length > 256 * KIB) assert.ok(Math.ceil(size / (length / 2)) > 2000)
    }),
  )
})

test('a file of one piece has the digests of the file for those of its piece', () => {
  const digests = allDigests('x')
  for (const size of [1, 1000, 256 * KIB]) {
    assert.deepEqual(onlyPiece(size, digests), {
      length: 256 * KIB,
      sha256: digests['sha-256'],
      sha1: digests['sha-1'],
    })
  }
})

test('an empty file has no pieces, and a file of several does not have only one', () => {
  const digests = allDigests('x')
  assert.equal(onlyPiece(0, digests), undefined)
  assert.equal(onlyPiece(256 * KIB + 1, digests), undefined)
  assert.equal(onlyPiece(GIB, digests), undefined)
})

test('without both digests of a file nothing is said of its piece', () => {
  const { 'sha-256': sha256, 'sha-1': sha1, md5 } = allDigests('x')
  assert.equal(onlyPiece(1, { 'sha-256': sha256, md5 }), undefined)
  assert.equal(onlyPiece(1, { 'sha-1': sha1, md5 }), undefined)
})
