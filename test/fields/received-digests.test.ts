import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { digestFields } from '../../lib/fields/digest.js'
import { parseDigestFields } from '../../lib/fields/received-digests.js'
import { reprDigestFields } from '../../lib/fields/repr-digest.js'
import { xMd5 } from '../../lib/fields/x-md5.js'
import type { Algorithm, Digests } from '../../lib/model.js'

const NAMED: readonly Algorithm[] = ['sha-256', 'sha-512', 'sha-1', 'md5', 'crc32c']
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const digests: fc.Arbitrary<Digests> = fc.record(
  { 'sha-256': bytes(32), 'sha-512': bytes(64), 'sha-1': bytes(20), md5: bytes(16), crc32c: bytes(4) },
  { requiredKeys: [] },
)

function plain(some: Digests): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(some).map(([name, value]) => [name, Buffer.from(value).toString('hex')]),
  )
}

describe('digests that an answer tells', () => {
  test('are those that we would send', () => {
    fc.assert(
      fc.property(digests, (some) => {
        const [[, reprDigest] = []] = reprDigestFields(some, NAMED)
        assert.deepEqual(plain(parseDigestFields({ reprDigest })), plain(some))
        const digest = digestFields(some, NAMED)
          .map(([, value]) => value)
          .join(', ')
        assert.deepEqual(plain(parseDigestFields({ digest })), plain(some))
        const [[, md5] = []] = xMd5(some)
        assert.deepEqual(
          plain(parseDigestFields({ xMd5: md5 })),
          plain(some.md5 === undefined ? {} : { md5: some.md5 }),
        )
      }),
    )
  })

  test('are of the newest field, where several tell the same', () => {
    const [one, two, three] = [1, 2, 3].map((byte) => Buffer.alloc(16, byte))
    const reprDigest = `md5=:${one?.toString('base64')}:`
    const digest = `MD5=${two?.toString('base64')}`
    const hex = three?.toString('hex')
    assert.deepEqual(parseDigestFields({ reprDigest, digest, xMd5: hex }), { md5: new Uint8Array(one ?? []) })
    assert.deepEqual(parseDigestFields({ digest, xMd5: hex }), { md5: two })
    assert.deepEqual(parseDigestFields({ reprDigest: 'md5=!', xMd5: hex?.toUpperCase() }), { md5: three })
  })

  const MALFORMED = [
    '',
    ' ',
    ',',
    'sha-256',
    'sha-256=',
    'sha-256=::',
    'sha-256=:AAAA:',
    'sha-256=AAAA',
    'sha-256="text"',
    'sha-256=(1 2)',
    `sha-256=:${'A'.repeat(42)}!=:`,
    `sha-256=${'A'.repeat(42)}!=`,
    `unixsum=:${'A'.repeat(43)}=:`,
    `constructor=:${'A'.repeat(43)}=:, __proto__=:AAAA:`,
    `blake3=:${'A'.repeat(43)}=:`,
    'a'.repeat(31),
    'g'.repeat(32),
  ]
  for (const value of MALFORMED)
    test(`are none in ${JSON.stringify(value)}`, () =>
      assert.deepEqual(parseDigestFields({ reprDigest: value, digest: value, xMd5: value }), {}))

  test('have the right lengths, whatever is sent', () => {
    const lengths: Readonly<Record<string, number>> = {
      'sha-256': 32,
      'sha-512': 64,
      'sha-1': 20,
      md5: 16,
      crc32c: 4,
    }
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom('sha-256', 'SHA', 'md5'), fc.base64String())
        .map(([name, value]) => `${name}=${value}`),
      fc
        .tuple(fc.constantFrom('sha-256', 'sha', 'md5'), fc.base64String())
        .map(([name, value]) => `${name}=:${value}:`),
    )
    fc.assert(
      fc.property(text, text, text, (reprDigest, digest, md5) => {
        for (const [name, value] of Object.entries(parseDigestFields({ reprDigest, digest, xMd5: md5 })))
          assert.equal(value.length, lengths[name], name)
      }),
    )
  })
})
