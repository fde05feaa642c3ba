import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { identityOf, sameIdentity } from '../../identity.js'
import type { Algorithm, Digests, Identity, Pieces } from '../../model.js'
import { pieceLength, SHA1_BYTES, SHA256_BYTES } from '../../pieces.js'
import { createIncrementalHash, type IncrementalHash } from './algorithms.js'
import { TimestampGranularity } from './timestamp-granularity.js'

/**
 * Bytes read at a time: few enough to stay in a core's cache while every digest is updated.
 * Divides each piece length.
 */
const CHUNK_BYTES = 256 * 1024

export interface Digested {
  readonly identity: Identity
  readonly digests: Digests
  /** Absent if the file has at most one piece, whose digests are those of the file. */
  readonly pieces?: Pieces
}

/**
 * Returns a digester.
 *
 * @param algorithms digests of the whole file to compute; pieces always have sha-256 and sha-1
 */
export async function createDigester(algorithms: readonly Algorithm[]): Promise<Digester> {
  const whole: (readonly [Algorithm, IncrementalHash])[] = []
  for (const algorithm of algorithms) whole.push([algorithm, await createIncrementalHash(algorithm)])
  return new Digester(whole, await createIncrementalHash('sha-256'), await createIncrementalHash('sha-1'))
}

/**
 * Digests files one after the other, each in one read. Synchronous: meant for a thread of its
 * own.
 */
export class Digester {
  readonly #whole: readonly (readonly [Algorithm, IncrementalHash])[]
  readonly #pieceSha256: IncrementalHash
  readonly #pieceSha1: IncrementalHash
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  readonly #granularity = new TimestampGranularity()

  constructor(
    whole: readonly (readonly [Algorithm, IncrementalHash])[],
    pieceSha256: IncrementalHash,
    pieceSha1: IncrementalHash,
  ) {
    this.#whole = whole
    this.#pieceSha256 = pieceSha256
    this.#pieceSha1 = pieceSha1
  }

  /**
   * Digests a file. Waits a few milliseconds if the file has only just changed.
   *
   * @param absolute path of the file
   * @param progress called with the number of bytes after each read
   * @returns undefined if the file changed meanwhile, or is not a regular file
   * @throws the file system's error
   */
  digest(absolute: string, progress: (bytes: number) => void = () => {}): Digested | undefined {
    const digested = this.#digest(absolute, progress, true)
    return digested === 'young' ? undefined : digested
  }

  /**
   * Digests a file as `digest` does, but returns `young` at once if the file has only just
   * changed. Leave such files to the end of a batch, because one wait is then enough for all of
   * them.
   */
  digestUnlessYoung(
    absolute: string,
    progress: (bytes: number) => void = () => {},
  ): Digested | 'young' | undefined {
    return this.#digest(absolute, progress, false)
  }

  #digest(
    absolute: string,
    progress: (bytes: number) => void,
    waits: boolean,
  ): Digested | 'young' | undefined {
    // Non-blocking, because a FIFO in the file's place would block the thread.
    const descriptor = openSync(absolute, constants.O_RDONLY | constants.O_NONBLOCK)
    let complete = false
    try {
      const before = this.#statAtRest(descriptor, waits)
      if (before === undefined || before === 'young') return before
      const identity = identityOf(before)
      const computed = this.#read(descriptor, identity.size, progress)
      if (computed === undefined) return undefined
      complete = true
      const after = fstatSync(descriptor, { bigint: true })
      const same = before.dev === after.dev && sameIdentity(identity, identityOf(after))
      return same ? { identity, ...computed } : undefined
    } finally {
      if (!complete) this.#reset()
      closeSync(descriptor)
    }
  }

  /**
   * Returns the state of a file once its timestamp is older than the granularity of timestamps;
   * undefined if it is not a regular file, or changes meanwhile.
   */
  #statAtRest(descriptor: number, waits: boolean): BigIntStats | 'young' | undefined {
    const stats = fstatSync(descriptor, { bigint: true })
    if (!stats.isFile()) return undefined
    const waitTime = this.#granularity.waitTime(stats.ctimeNs, Date.now(), performance.now())
    if (waitTime === 0) return stats
    if (!waits) return 'young'
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitTime)
    const after = fstatSync(descriptor, { bigint: true })
    return sameIdentity(identityOf(stats), identityOf(after)) ? after : undefined
  }

  #read(
    descriptor: number,
    size: number,
    progress: (bytes: number) => void,
  ): Omit<Digested, 'identity'> | undefined {
    const length = pieceLength(size)
    const hasPieces = size > length
    const sha256: Uint8Array[] = []
    const sha1: Uint8Array[] = []
    let position = 0
    while (position < size) {
      // Never read across the end of a piece, however few bytes the system reads at a time.
      const room = Math.min(CHUNK_BYTES, length - (position % length))
      const count = readSync(descriptor, this.#buffer, 0, room, position)
      if (count === 0) return undefined
      const bytes = this.#buffer.subarray(0, count)
      if (count === size) {
        progress(count)
        return { digests: this.#wholeDigests((hasher) => hasher.digest(bytes)) }
      }
      for (const [, hasher] of this.#whole) hasher.update(bytes)
      position += count
      if (hasPieces) {
        this.#pieceSha256.update(bytes)
        this.#pieceSha1.update(bytes)
        if (position % length === 0 || position >= size) {
          sha256.push(this.#pieceSha256.finish())
          sha1.push(this.#pieceSha1.finish())
        }
      }
      progress(count)
    }
    const digests = this.#wholeDigests((hasher) => hasher.finish())
    if (!hasPieces) return { digests }
    return {
      digests,
      pieces: { length, sha256: joined(sha256, SHA256_BYTES), sha1: joined(sha1, SHA1_BYTES) },
    }
  }

  #wholeDigests(digestOf: (hasher: IncrementalHash) => Uint8Array): Digests {
    const digests: { [A in Algorithm]?: Uint8Array } = {}
    for (const [algorithm, hasher] of this.#whole) digests[algorithm] = digestOf(hasher)
    return digests
  }

  /** Discards what was read of a file. */
  #reset(): void {
    for (const [, hasher] of this.#whole) hasher.finish()
    this.#pieceSha256.finish()
    this.#pieceSha1.finish()
  }
}

/** Concatenates digests. */
function joined(digests: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(digests.length * bytes)
  for (const [index, digest] of digests.entries()) all.set(digest, index * bytes)
  return all
}
