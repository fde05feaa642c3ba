import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { identityOf } from '../../../lib/identity.js'
import { createIncrementalHash } from '../../../lib/indexing/digest/algorithms.js'
import { createDigester, type Digested } from '../../../lib/indexing/digest/compute.js'
import { ALGORITHMS, type Algorithm } from '../../../lib/model.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeOldFile } from '../../support/folder.js'

const PIECE = 256 * 1024
const FEW: readonly Algorithm[] = ['sha-256', 'sha-1', 'md5']

for (const size of [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 12_345]) {
  test(`digests of a file of ${size} bytes are those of its bytes`, async (context) => {
    const bytes = pseudoRandomBytes(size, size + 1)
    const file = fileOf(context, bytes)
    const digester = await createDigester(ALGORITHMS)
    const digested = digester.digest(file)
    assert.ok(digested)
    assert.deepEqual(digested.identity, identityOf(statSync(file, { bigint: true })))
    assert.deepEqual(Object.keys(digested.digests), [...ALGORITHMS])
    for (const algorithm of ALGORITHMS) {
      assert.equal(hexOf(digested, algorithm), await plainly(algorithm, bytes), algorithm)
    }
    assertPieces(digested, bytes)
  })
}

test('a digester takes one file after the other', async (context) => {
  const folder = temporaryFolder(context)
  const digester = await createDigester(FEW)
  for (const [index, size] of [5, 0, PIECE + 5, 7, PIECE * 2 + 1, 1].entries()) {
    const bytes = pseudoRandomBytes(size, index + 100)
    const file = join(folder, `${index}`)
    writeOldFile(file, bytes)
    const digested = digester.digest(file)
    assert.ok(digested)
    assert.equal(hexOf(digested, 'sha-256'), sha256(bytes))
    assertPieces(digested, bytes)
  }
})

test('only the digests that are asked for are computed', async (context) => {
  const digester = await createDigester(['crc32c'])
  const digested = digester.digest(fileOf(context, Buffer.from('123456789')))
  assert.ok(digested)
  assert.deepEqual(Object.keys(digested.digests), ['crc32c'])
  assert.equal(hexOf(digested, 'crc32c'), 'e3069283')
})

test('every read is told, and together they are the file', async (context) => {
  const size = 2 * PIECE + 77
  const digester = await createDigester(FEW)
  const reads: number[] = []
  digester.digest(fileOf(context, pseudoRandomBytes(size)), (count) => reads.push(count))
  assert.ok(reads.length >= 3)
  assert.equal(
    reads.reduce((sum, count) => sum + count, 0),
    size,
  )
})

test('a file is digested through a link, under the identity of what it leads to', async (context) => {
  const folder = temporaryFolder(context)
  writeOldFile(join(folder, 'file'), 'abc')
  symlinkSync('file', join(folder, 'link'))
  const digested = (await createDigester(FEW)).digest(join(folder, 'link'))
  assert.ok(digested)
  assert.deepEqual(digested.identity, identityOf(statSync(join(folder, 'file'), { bigint: true })))
})

const CHANGES: readonly (readonly [what: string, change: (file: string) => void])[] = [
  ['is cut short', (file) => truncateSync(file, 10)],
  ['is emptied', (file) => truncateSync(file, 0)],
  ['grows', (file) => appendFileSync(file, 'more')],
  ['is written anew with the same size', (file) => writeFileSync(file, pseudoRandomBytes(3 * PIECE, 99))],
  ['is given another time', (file) => utimesSync(file, 1, 1)],
  [
    'is written anew and given its old time back',
    (file) => {
      const { atime, mtime } = statSync(file)
      writeFileSync(file, pseudoRandomBytes(3 * PIECE, 98))
      utimesSync(file, atime, mtime)
    },
  ],
]

for (const [what, change] of CHANGES) {
  test(`a file that ${what} while it is read has no digests, and the next has its own`, async (context) => {
    const bytes = pseudoRandomBytes(3 * PIECE, 7)
    const file = fileOf(context, bytes)
    const digester = await createDigester(FEW)
    let changed = false
    const digested = digester.digest(file, () => {
      if (changed) return
      changed = true
      change(file)
    })
    assert.ok(changed)
    assert.equal(digested, undefined)

    const other = Buffer.from('abc')
    const next = digester.digest(fileOf(context, other))
    assert.ok(next)
    assert.equal(hexOf(next, 'sha-256'), sha256(other))
    const several = pseudoRandomBytes(2 * PIECE, 8)
    const last = digester.digest(fileOf(context, several))
    assert.ok(last)
    assertPieces(last, several)
  })
}

test('a file that is replaced by rename while it is read never has those of the other', async (context) => {
  const folder = temporaryFolder(context)
  const bytes = pseudoRandomBytes(3 * PIECE, 7)
  const file = join(folder, 'file')
  writeOldFile(file, bytes)
  writeOldFile(join(folder, 'other'), pseudoRandomBytes(3 * PIECE, 8))
  const before = identityOf(statSync(file, { bigint: true }))
  const digester = await createDigester(FEW)
  let renamed = false
  const digested = digester.digest(file, () => {
    if (!renamed) renameSync(join(folder, 'other'), file)
    renamed = true
  })
  assert.ok(renamed)
  // Losing its name changes the ctime of the old file, and then there are no digests; there are
  // never those of the other file.
  const its = digested && { identity: digested.identity, sha256: hexOf(digested, 'sha-256') }
  assert.deepEqual(its ?? { identity: before, sha256: sha256(bytes) }, {
    identity: before,
    sha256: sha256(bytes),
  })
})

test('a folder has no digests', async (context) => {
  const folder = temporaryFolder(context)
  mkdirSync(join(folder, 'x'))
  assert.equal((await createDigester(FEW)).digest(join(folder, 'x')), undefined)
})

test('a FIFO has no digests, and nobody waits for its writer', async (context) => {
  const fifo = join(temporaryFolder(context), 'fifo')
  if (spawnSync('mkfifo', [fifo]).status !== 0) return context.skip('there are no FIFOs here')
  assert.equal((await createDigester(FEW)).digest(fifo), undefined)
})

test('a socket is no file: the system says so', async (context) => {
  const socket = join(temporaryFolder(context), 'socket')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  context.after(() => server.close())
  const digester = await createDigester(FEW)
  assert.throws(() => digester.digest(socket), /ENXIO|EOPNOTSUPP/)
})

test('a device has no digests', async () => {
  assert.equal((await createDigester(FEW)).digest('/dev/null'), undefined)
})

test('what the file system says of a file that is not there is thrown', async (context) => {
  const file = fileOf(context, Buffer.from('x'))
  unlinkSync(file)
  const digester = await createDigester(FEW)
  assert.throws(() => digester.digest(file), { code: 'ENOENT' })
})

function fileOf(scope: Scope, bytes: Uint8Array): string {
  const file = join(temporaryFolder(scope), 'file')
  writeOldFile(file, bytes)
  return file
}

/** Returns the digest of all bytes at once. */
async function plainly(algorithm: Algorithm, bytes: Uint8Array): Promise<string> {
  const hasher = await createIncrementalHash(algorithm, false)
  hasher.update(bytes)
  return Buffer.from(hasher.finish()).toString('hex')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function hexOf(digested: Digested, algorithm: Algorithm): string {
  return Buffer.from(digested.digests[algorithm] ?? []).toString('hex')
}

/**
 * Returns the pieces by a simple second implementation; undefined if one piece would be the whole
 * file.
 */
function assertPieces({ pieces }: Digested, bytes: Buffer): void {
  if (bytes.length <= PIECE) {
    assert.equal(pieces, undefined)
    return
  }
  assert.ok(pieces)
  assert.equal(pieces.length, PIECE)
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += PIECE) parts.push(bytes.subarray(start, start + PIECE))
  const digestsBy = (name: string) =>
    Buffer.concat(parts.map((part) => createHash(name).update(part).digest())).toString('hex')
  assert.equal(Buffer.from(pieces.sha256).toString('hex'), digestsBy('sha256'))
  assert.equal(Buffer.from(pieces.sha1).toString('hex'), digestsBy('sha1'))
}
