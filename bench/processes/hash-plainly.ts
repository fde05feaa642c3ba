import { createHash, hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { pieceLength } from '../../lib/pieces.js'
import { setup, tell } from '../child.js'
import { digestOfDigests, type FileDigests, type HashingResult, type HashingSetup } from './hashing.js'

const { root, paths, fileBytes } = setup<HashingSetup>()
const start = performance.now()
const length = pieceLength(fileBytes)
const buffer = Buffer.allocUnsafeSlow(length)
const files = new Map<string, FileDigests>()
for (const path of paths) files.set(path, digest(join(root, path)))
const result: HashingResult = {
  seconds: (performance.now() - start) / 1000,
  digests: digestOfDigests(files),
}
tell(result)
process.disconnect()

/** Reads a file by pieces of 256 KiB, which fit into the cache of a core. */
function digest(path: string): FileDigests {
  const md5 = createHash('md5')
  const sha1 = createHash('sha1')
  const sha256 = createHash('sha256')
  const pieceSha1: Buffer[] = []
  const pieceSha256: Buffer[] = []
  const descriptor = openSync(path, 'r')
  for (let count = readNext(descriptor); count > 0; count = readNext(descriptor)) {
    const piece = buffer.subarray(0, count)
    md5.update(piece)
    sha1.update(piece)
    sha256.update(piece)
    pieceSha1.push(hash('sha1', piece, 'buffer'))
    pieceSha256.push(hash('sha256', piece, 'buffer'))
  }
  closeSync(descriptor)
  return {
    md5: md5.digest(),
    sha1: sha1.digest(),
    sha256: sha256.digest(),
    pieceSha1: Buffer.concat(pieceSha1),
    pieceSha256: Buffer.concat(pieceSha256),
  }
}

function readNext(descriptor: number): number {
  return readSync(descriptor, buffer, 0, length, null)
}
