import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { wantDigest, wantReprDigest } from '../../lib/fields/want.js'
import { ALGORITHMS, type Algorithm } from '../../lib/model.js'

type Row = readonly [value: string, algorithms: readonly Algorithm[] | undefined]

describe('Want-Digest (RFC 3230 §4.3.1)', () => {
  const table: readonly Row[] = [
    ['sha-256', ['sha-256']],
    ['SHA-256', ['sha-256']],
    ['Sha-256;q=0.5', ['sha-256']],
    ['md5;q=0.3, sha;q=1', ['sha-1', 'md5']],
    ['SHA;q=1.0, MD5;q=0.3, SHA-512;q=0.7', ['sha-1', 'sha-512', 'md5']],
    // The field of aria2.
    ['SHA-512;q=1, SHA-256;q=1, SHA;q=0.1', ['sha-512', 'sha-256', 'sha-1']],
    ['SHA-512;q=1,SHA-256;q=1,SHA;q=0.1', ['sha-512', 'sha-256', 'sha-1']],
    ['md5, sha', ['md5', 'sha-1']],
    ['crc32c', ['crc32c']],
    ['md5;q=0', undefined],
    ['md5;q=0, sha', ['sha-1']],
    ['unixsum, md5', ['md5']],
    ['unixsum', undefined],
    ['blake3', undefined],
    ['sha-1', undefined],
    ['md5, md5, MD5;q=0.5', ['md5']],
    ['md5;q=0.1, sha, md5;q=1', ['sha-1', 'md5']],
    ['md5;q=high', undefined],
    ['md5;q', undefined],
    ['', undefined],
    [' ', undefined],
    [',', undefined],
    ['md5,', undefined],
    ['"md5"', undefined],
    ['(md5 sha)', undefined],
    ['md5;;', undefined],
    ['constructor', undefined],
    ['__proto__', undefined],
  ]
  for (const [value, algorithms] of table) {
    test(`${JSON.stringify(value)} asks for ${algorithms?.join(', ') ?? 'nothing that can be given'}`, () => {
      assert.deepEqual(wantDigest(value), algorithms)
    })
  }

  test('that is not there asks for nothing', () => {
    assert.equal(wantDigest(undefined), undefined)
  })
})

describe('Want-Repr-Digest (RFC 9530 §4)', () => {
  const table: readonly Row[] = [
    ['sha-256=1', ['sha-256']],
    ['sha-512=3, sha-256=10', ['sha-256', 'sha-512']],
    ['md5=5, sha=5', ['md5', 'sha-1']],
    ['sha-256=3, unixsum=10', ['sha-256']],
    ['sha-256=0', undefined],
    ['md5=0, sha-256=1', ['sha-256']],
    ['md5=1, md5=0', undefined],
    ['md5=0, md5=2', ['md5']],
    ['sha-256', undefined],
    ['sha-256=1.5', ['sha-256']],
    ['sha-256=-1', undefined],
    ['SHA-256=1', undefined],
    ['sha-256=high', undefined],
    ['sha-256=(1 2)', undefined],
    ['', undefined],
    ['sha-256=', undefined],
    ['=1', undefined],
    ['constructor=1', undefined],
  ]
  for (const [value, algorithms] of table) {
    test(`${JSON.stringify(value)} asks for ${algorithms?.join(', ') ?? 'nothing that can be given'}`, () => {
      assert.deepEqual(wantReprDigest(value), algorithms)
    })
  }

  test('that is not there asks for nothing', () => {
    assert.equal(wantReprDigest(undefined), undefined)
  })
})

describe('whatever a client sends', () => {
  const token = fc.constantFrom(
    'sha-256',
    'SHA',
    'md5',
    'MD5',
    'sha-512',
    'crc32c',
    'x',
    'q',
    '1',
    '0.5',
    '"',
    ':',
  )
  const separator = fc.constantFrom(',', ';', '=', ' ', ';q=', ', ', '(', ')', '?1', '*')
  const nearly = fc.array(fc.oneof(token, separator), { maxLength: 30 }).map((parts) => parts.join(''))
  const value = fc.oneof(nearly, fc.string(), fc.string({ unit: 'binary' }))

  for (const [name, want] of [
    ['Want-Digest', wantDigest],
    ['Want-Repr-Digest', wantReprDigest],
  ] as const) {
    test(`${name} never throws, and asks for known algorithms, at least one, each once`, () => {
      fc.assert(
        fc.property(value, (text) => {
          const algorithms = want(text)
          if (algorithms === undefined) return
          assert.ok(algorithms.length > 0)
          for (const algorithm of algorithms) assert.ok(ALGORITHMS.includes(algorithm))
          assert.equal(new Set(algorithms).size, algorithms.length)
        }),
        { numRuns: 2000 },
      )
    })
  }
})
