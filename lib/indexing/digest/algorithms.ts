import { createHash, type Hash, hash as hashAtOnce } from 'node:crypto'
import {
  createBLAKE3,
  createCRC32,
  createMD5,
  createSHA1,
  createSHA256,
  createSHA512,
  type IHasher,
} from 'hash-wasm'
import type { Algorithm } from '../../model.js'
import { nativeName } from './native.js'

/** An incremental digest. `finish` returns its bytes and makes it ready for the next input. */
export interface IncrementalHash {
  update(bytes: Uint8Array): void
  finish(): Uint8Array
  /** Returns the digest of these bytes alone. Must not be called between `update` and `finish`. */
  digest(bytes: Uint8Array): Uint8Array
}

// CRC32C uses the Castagnoli polynomial, given in reversed bit order.
const WASM: { readonly [A in Algorithm]: () => Promise<IHasher> } = {
  'sha-256': createSHA256,
  'sha-512': createSHA512,
  'sha-1': createSHA1,
  md5: createMD5,
  blake3: () => createBLAKE3(256),
  crc32c: () => createCRC32(0x82f63b78),
}

/**
 * Returns the fastest implementation of an algorithm on this machine: OpenSSL if it offers the
 * algorithm, WebAssembly otherwise. A FIPS build of OpenSSL refuses md5, and may refuse sha-1.
 */
export async function createIncrementalHash(
  algorithm: Algorithm,
  allowNative = true,
): Promise<IncrementalHash> {
  const name = allowNative ? nativeName(algorithm) : undefined
  return name === undefined ? wasmHasher(await WASM[algorithm]()) : nativeHasher(name)
}

function nativeHasher(name: string): IncrementalHash {
  let hash: Hash | undefined
  return {
    update: (bytes) => {
      hash ??= createHash(name)
      hash.update(bytes)
    },
    finish: () => {
      const digest = (hash ?? createHash(name)).digest()
      hash = undefined
      return digest
    },
    digest: (bytes) => hashAtOnce(name, bytes, 'buffer'),
  }
}

function wasmHasher(hasher: IHasher): IncrementalHash {
  hasher.init()
  const update = (bytes: Uint8Array): void => {
    hasher.update(bytes)
  }
  const finish = (): Uint8Array => {
    const digest = hasher.digest('binary')
    hasher.init()
    return digest
  }
  return {
    update,
    finish,
    digest: (bytes) => {
      update(bytes)
      return finish()
    },
  }
}
