import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DIGEST_NAMES, digestFields } from '../../lib/fields/digest.js'
import { etagOf } from '../../lib/fields/etag.js'
import { isLastModified, lastModified } from '../../lib/fields/last-modified.js'
import { describedbyLink, duplicateLink } from '../../lib/fields/link.js'
import { REPR_DIGEST_DEFAULTS, REPR_DIGEST_KEYS, reprDigestFields } from '../../lib/fields/repr-digest.js'
import { xMd5 } from '../../lib/fields/x-md5.js'
import { xMirroredBy } from '../../lib/fields/x-mirrored-by.js'
import { ALGORITHMS, type Digests, type Identity } from '../../lib/model.js'

/** Digests of `abc`. */
const DIGESTS: Required<Digests> = {
  'sha-256': bytes('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
  'sha-512': bytes(
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ),
  'sha-1': bytes('a9993e364706816aba3e25717850c26c9cd0d89d'),
  md5: bytes('900150983cd24fb0d6963f7d28e17f72'),
  blake3: bytes('6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85'),
  crc32c: bytes('364b3fb7'),
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function identity(mtimeNs: bigint, size = 3): Identity {
  return { size, mtimeNs, ctimeNs: 1n, inode: 1n }
}

describe('Link', () => {
  test('of a duplicate has everything bare and pri always, for aria2 reads nothing else (RFC 6249 §3)', () => {
    assert.deepEqual(duplicateLink('https://m.example/f', 1, 'de'), [
      'Link',
      '<https://m.example/f>; rel=duplicate; pri=1; geo=de',
    ])
    assert.deepEqual(duplicateLink('https://m.example/f', 999_999), [
      'Link',
      '<https://m.example/f>; rel=duplicate; pri=999999',
    ])
  })

  test('of a description has its type quoted, for wget2 reads it only so (RFC 6249 §4)', () => {
    assert.deepEqual(describedbyLink('https://o.example/f.meta4', 'application/metalink4+xml'), [
      'Link',
      '<https://o.example/f.meta4>; rel=describedby; type="application/metalink4+xml"',
    ])
  })
})

describe('Digest', () => {
  test('has one line an algorithm, names in upper case, values in base64 (RFC 3230 §4.3.2)', () => {
    assert.deepEqual(digestFields(DIGESTS, ALGORITHMS), [
      ['Digest', 'SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='],
      [
        'Digest',
        'SHA-512=3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==',
      ],
      ['Digest', 'SHA=qZk+NkcGgWq6PiVxeFDCbJzQ2J0='],
      ['Digest', 'MD5=kAFQmDzST7DWlj99KOF/cg=='],
      ['Digest', 'CRC32C=Nks/tw=='],
    ])
  })

  test('has the order that is asked for, and leaves out what there is not', () => {
    const { md5, 'sha-256': sha256 } = DIGESTS
    assert.deepEqual(
      digestFields({ md5, 'sha-256': sha256 }, ['md5', 'sha-1', 'sha-256']).map(([, value]) => value),
      ['MD5=kAFQmDzST7DWlj99KOF/cg==', 'SHA-256=ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='],
    )
    assert.deepEqual(digestFields({}, ALGORITHMS), [])
    assert.deepEqual(digestFields(DIGESTS, []), [])
  })

  test('has no name for BLAKE3', () => {
    assert.equal(DIGEST_NAMES.blake3, undefined)
    assert.deepEqual(digestFields(DIGESTS, ['blake3']), [])
  })

  test('takes the bytes of a digest that is part of a larger buffer', () => {
    const buffer = Buffer.concat([Buffer.alloc(7, 0xff), DIGESTS.md5, Buffer.alloc(3, 0xff)])
    const fields = digestFields({ md5: buffer.subarray(7, 23) }, ['md5'])
    assert.deepEqual(fields, [['Digest', 'MD5=kAFQmDzST7DWlj99KOF/cg==']])
  })
})

describe('Repr-Digest', () => {
  test('is one dictionary of byte sequences (RFC 9530 §3)', () => {
    assert.deepEqual(reprDigestFields(DIGESTS, ['sha-256', 'md5']), [
      [
        'Repr-Digest',
        'sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:, md5=:kAFQmDzST7DWlj99KOF/cg==:',
      ],
    ])
    assert.deepEqual(reprDigestFields(DIGESTS, ['sha-1', 'crc32c']), [
      ['Repr-Digest', 'sha=:qZk+NkcGgWq6PiVxeFDCbJzQ2J0=:, crc32c=:Nks/tw==:'],
    ])
  })

  test('is not sent where it would be empty', () => {
    assert.deepEqual(reprDigestFields({}, ALGORITHMS), [])
    assert.deepEqual(reprDigestFields(DIGESTS, []), [])
    assert.deepEqual(reprDigestFields(DIGESTS, ['blake3']), [])
  })

  test('has the algorithms that RFC 9530 §5 does not call insecure, unless others are asked for', () => {
    assert.deepEqual(REPR_DIGEST_DEFAULTS, ['sha-256', 'sha-512'])
    for (const algorithm of REPR_DIGEST_DEFAULTS) assert.equal(REPR_DIGEST_KEYS[algorithm], algorithm)
  })
})

test('X-MD5 is what md5sum prints', () => {
  assert.deepEqual(xMd5(DIGESTS), [['X-MD5', '900150983cd24fb0d6963f7d28e17f72']])
  assert.deepEqual(xMd5({ 'sha-256': DIGESTS['sha-256'] }), [])
})

test('X-Mirrored-By is the URL and nothing else', () => {
  assert.deepEqual(xMirroredBy('https://m.example/f%20g'), ['X-Mirrored-By', 'https://m.example/f%20g'])
})

describe('ETag', () => {
  const someday = identity(1_700_000_000_123_456_789n, 1234)

  test('of the policy digest is the sha-256, short', () => {
    assert.equal(etagOf('digest', someday, DIGESTS), '"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"')
    assert.equal(etagOf('digest', someday, { md5: DIGESTS.md5 }), undefined)
    assert.equal(etagOf('digest', someday, undefined), undefined)
  })

  test("of the policy nginx is nginx' own: time in seconds, size, in hex", () => {
    assert.equal(etagOf('nginx', someday, undefined), '"6553f100-4d2"')
    assert.equal(etagOf('nginx', identity(0n, 0), undefined), '"0-0"')
    assert.equal(etagOf('nginx', identity(1_999_999_999n, 10), undefined), '"1-a"')
  })

  test("of the policy apache is Apache's own: size, time in microseconds, in hex", () => {
    assert.equal(etagOf('apache', someday, undefined), '"4d2-60a2418202240"')
    assert.equal(etagOf('apache', identity(0n, 0), undefined), '"0-0"')
    assert.equal(etagOf('apache', identity(1_999_999n, 10), undefined), '"a-7cf"')
  })

  test('of a time before 1970 is two’s complement, rounded down', () => {
    assert.equal(etagOf('nginx', identity(-1n), undefined), '"ffffffffffffffff-3"')
    assert.equal(etagOf('nginx', identity(-1_000_000_000n), undefined), '"ffffffffffffffff-3"')
    assert.equal(etagOf('nginx', identity(-1_000_000_001n), undefined), '"fffffffffffffffe-3"')
    assert.equal(etagOf('apache', identity(-1n), undefined), '"3-ffffffffffffffff"')
    assert.equal(etagOf('apache', identity(-1001n), undefined), '"3-fffffffffffffffe"')
  })
})

describe('Last-Modified', () => {
  test('is in whole seconds, rounded down (RFC 9110 §8.8.2)', () => {
    assert.equal(lastModified(identity(784_111_777_000_000_000n)), 'Sun, 06 Nov 1994 08:49:37 GMT')
    assert.equal(lastModified(identity(784_111_777_999_999_999n)), 'Sun, 06 Nov 1994 08:49:37 GMT')
    assert.equal(lastModified(identity(0n)), 'Thu, 01 Jan 1970 00:00:00 GMT')
  })

  test('of a time before 1970 is rounded down too', () => {
    assert.equal(lastModified(identity(-1n)), 'Wed, 31 Dec 1969 23:59:59 GMT')
    assert.equal(lastModified(identity(-1_000_000_000n)), 'Wed, 31 Dec 1969 23:59:59 GMT')
    assert.equal(lastModified(identity(-1_000_000_001n)), 'Wed, 31 Dec 1969 23:59:58 GMT')
  })

  test('of somebody else is taken for the same where it is rounded down or as Node rounds it', () => {
    const almost = identity(784_111_777_999_600_000n)
    assert.equal(isLastModified('Sun, 06 Nov 1994 08:49:37 GMT', almost), true)
    assert.equal(isLastModified('Sun, 06 Nov 1994 08:49:38 GMT', almost), true)
    const notQuite = identity(784_111_777_999_400_000n)
    assert.equal(isLastModified('Sun, 06 Nov 1994 08:49:37 GMT', notQuite), true)
    assert.equal(isLastModified('Sun, 06 Nov 1994 08:49:38 GMT', notQuite), false)
  })

  test('of somebody else is not taken for the same where it is another, or none', () => {
    const time = identity(784_111_777_000_000_000n)
    for (const other of [
      'Sun, 06 Nov 1994 08:49:36 GMT',
      'Sun, 06 Nov 1994 08:49:38 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      '',
      'yesterday',
    ]) {
      assert.equal(isLastModified(other, time), false, other)
    }
  })
})
