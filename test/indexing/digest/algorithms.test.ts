import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createIncrementalHash } from '../../../lib/indexing/digest/algorithms.js'
import { ALGORITHMS, type Algorithm } from '../../../lib/model.js'

/**
 * Digests of the empty input, of `abc`, and of `123456789`, from the specifications and catalogues
 * of the algorithms.
 */
const VECTORS: { readonly [A in Algorithm]: readonly [empty: string, abc: string, digits: string] } = {
  'sha-256': [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  ],
  'sha-512': [
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce' +
      '47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'd9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a' +
      'd27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85',
  ],
  'sha-1': [
    'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    'a9993e364706816aba3e25717850c26c9cd0d89d',
    'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  ],
  md5: [
    'd41d8cd98f00b204e9800998ecf8427e',
    '900150983cd24fb0d6963f7d28e17f72',
    '25f9e794323b453885f5181f1b624d0b',
  ],
  blake3: [
    'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
    'b7d65b48420d1033cb2595293263b6f72eabee20d55e699d0df1973b3c9deed1',
  ],
  crc32c: ['00000000', '364b3fb7', 'e3069283'],
}

for (const algorithm of ALGORITHMS) {
  describe(algorithm, () => {
    for (const allowNative of [true, false]) {
      const implementation = allowNative ? 'as the machine does it' : 'in WebAssembly'

      test(`gives the known digests, ${implementation}`, async () => {
        const hasher = await createIncrementalHash(algorithm, allowNative)
        const digests = ['', 'abc', '123456789'].map((text) => {
          hasher.update(Buffer.from(text))
          return hex(hasher.finish())
        })
        assert.deepEqual(digests, VECTORS[algorithm])
      })

      test(`is ready for the next input when it has finished, ${implementation}`, async () => {
        const hasher = await createIncrementalHash(algorithm, allowNative)
        hasher.update(Buffer.from('something else'))
        hasher.finish()
        assert.equal(hex(hasher.finish()), VECTORS[algorithm][0])
        hasher.update(Buffer.from('abc'))
        assert.equal(hex(hasher.finish()), VECTORS[algorithm][1])
      })

      test(`gives a digest that later input does not change, ${implementation}`, async () => {
        const hasher = await createIncrementalHash(algorithm, allowNative)
        hasher.update(Buffer.from('abc'))
        const digest = hasher.finish()
        hasher.update(Buffer.alloc(100_000, 7))
        hasher.finish()
        assert.equal(hex(digest), VECTORS[algorithm][1])
      })
    }

    test('is the same natively and in WebAssembly, however the input is cut up', async () => {
      const native = await createIncrementalHash(algorithm)
      const wasm = await createIncrementalHash(algorithm, false)
      const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })
      fc.assert(
        fc.property(chunks, (pieces) => {
          for (const piece of pieces) native.update(piece)
          wasm.update(Buffer.concat(pieces))
          const whole = hex(wasm.finish())
          for (const piece of pieces) wasm.update(piece)
          const cut = hex(wasm.finish())
          assert.equal(cut, whole)
          assert.equal(hex(native.finish()), whole)
        }),
      )
    })
  })
}

test('two hashers of an algorithm do not disturb each other', async () => {
  for (const allowNative of [true, false]) {
    for (const algorithm of ALGORITHMS) {
      const one = await createIncrementalHash(algorithm, allowNative)
      const other = await createIncrementalHash(algorithm, allowNative)
      one.update(Buffer.from('ab'))
      other.update(Buffer.from('1234'))
      one.update(Buffer.from('c'))
      other.update(Buffer.from('56789'))
      assert.equal(hex(one.finish()), VECTORS[algorithm][1])
      assert.equal(hex(other.finish()), VECTORS[algorithm][2])
    }
  }
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
