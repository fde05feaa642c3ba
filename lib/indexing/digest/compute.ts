import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { identityOf, sameIdentity } from '../../identity.js'
import type { Algorithm, Digests, Identity, Pieces } from '../../model.js'
import { pieceLength, SHA1_BYTES, SHA256_BYTES } from '../../pieces.js'
import { createIncrementalHash, type IncrementalHash } from './algorithms.js'
import { TimestampGranularity } from './timestamp-granularity.js'

/** Read at a time: small enough to stay in a core's cache while every digest passes over it. Divides each piece. */
const CHUNK_BYTES = 256 * 1024

export interface Digested {
  readonly identity: Identity
  readonly digests: Digests
  /** Absent where the file is one piece at most: its digests are the file's. */
  readonly pieces?: Pieces
}

/** Digests files one after the other, each in one read. Synchronous: meant for a thread of its own. */
export interface Digester {
  /**
   * Waits for a file that has only just changed, for a few milliseconds.
   *
   * @param absolute path of the file
   * @param progress told the number of bytes after each read
   * @returns undefined where the file changed meanwhile, or is no regular file (any more)
   * @throws the file system's error
   */
  digest(absolute: string, progress?: (bytes: number) => void): Digested | undefined
  /** The same, but for waiting: files that have only just changed are better left to the end, where one wait is for all. */
  digestUnlessYoung(absolute: string, progress?: (bytes: number) => void): Digested | 'young' | undefined
}

/**
 * @param algorithms which digests of the whole file to compute; pieces are always in sha-256 and sha-1
 */
export async function createDigester(algorithms: readonly Algorithm[]): Promise<Digester> {
  const whole: (readonly [Algorithm, IncrementalHash])[] = []
  for (const algorithm of algorithms) whole.push([algorithm, await createIncrementalHash(algorithm)])
  const pieceSha256 = await createIncrementalHash('sha-256')
  const pieceSha1 = await createIncrementalHash('sha-1')
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const ticks = new TimestampGranularity()

  function read(
    descriptor: number,
    size: number,
    progress: (bytes: number) => void,
  ): Omit<Digested, 'identity'> | undefined {
    const length = pieceLength(size)
    const several = size > length
    const sha256: Uint8Array[] = []
    const sha1: Uint8Array[] = []
    let position = 0
    while (position < size) {
      // Never across the end of a piece, however little the system reads at a time.
      const room = Math.min(CHUNK_BYTES, length - (position % length))
      const count = readSync(descriptor, buffer, 0, room, position)
      if (count === 0) return undefined
      const bytes = buffer.subarray(0, count)
      if (count === size) {
        progress(count)
        return { digests: wholeDigests((hasher) => hasher.digest(bytes)) }
      }
      for (const [, hasher] of whole) hasher.update(bytes)
      position += count
      if (several) {
        pieceSha256.update(bytes)
        pieceSha1.update(bytes)
        if (position % length === 0 || position >= size) {
          sha256.push(pieceSha256.finish())
          sha1.push(pieceSha1.finish())
        }
      }
      progress(count)
    }
    const digests = wholeDigests((hasher) => hasher.finish())
    if (!several) return { digests }
    return {
      digests,
      pieces: { length, sha256: joined(sha256, SHA256_BYTES), sha1: joined(sha1, SHA1_BYTES) },
    }
  }

  function wholeDigests(digestOf: (hasher: IncrementalHash) => Uint8Array): Digests {
    const digests: { [A in Algorithm]?: Uint8Array } = {}
    for (const [algorithm, hasher] of whole) digests[algorithm] = digestOf(hasher)
    return digests
  }

  /** What is there when its time stamp is past; undefined where that is no file, or changes meanwhile. */
  function atRest(descriptor: number, waits: boolean): BigIntStats | 'young' | undefined {
    const stats = fstatSync(descriptor, { bigint: true })
    if (!stats.isFile()) return undefined
    const left = ticks.waitTime(stats.ctimeNs, Date.now(), performance.now())
    if (left === 0) return stats
    if (!waits) return 'young'
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, left)
    const after = fstatSync(descriptor, { bigint: true })
    return sameIdentity(identityOf(stats), identityOf(after)) ? after : undefined
  }

  function digest(
    absolute: string,
    progress: (bytes: number) => void,
    waits: boolean,
  ): Digested | 'young' | undefined {
    // Not blocking, so that a FIFO put in the file's place cannot hold the thread.
    const descriptor = openSync(absolute, constants.O_RDONLY | constants.O_NONBLOCK)
    let complete = false
    try {
      const before = atRest(descriptor, waits)
      if (before === undefined || before === 'young') return before
      const identity = identityOf(before)
      const computed = read(descriptor, identity.size, progress)
      if (computed === undefined) return undefined
      complete = true
      const after = fstatSync(descriptor, { bigint: true })
      const same = before.dev === after.dev && sameIdentity(identity, identityOf(after))
      return same ? { identity, ...computed } : undefined
    } finally {
      if (!complete) reset()
      closeSync(descriptor)
    }
  }

  function reset(): void {
    for (const [, hasher] of whole) hasher.finish()
    pieceSha256.finish()
    pieceSha1.finish()
  }

  return {
    digest: (absolute, progress = () => {}) => {
      const digested = digest(absolute, progress, true)
      return digested === 'young' ? undefined : digested
    },
    digestUnlessYoung: (absolute, progress = () => {}) => digest(absolute, progress, false),
  }
}

function joined(digests: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(digests.length * bytes)
  for (const [index, digest] of digests.entries()) all.set(digest, index * bytes)
  return all
}
