import { type BigIntStats, statSync } from 'node:fs'
import { ALGORITHMS, type Algorithm, type Digests, type HashedFile, type Identity } from './model.js'

export function identityOf(stats: BigIntStats): Identity {
  return {
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    // Signed, so that a 64-bit database column holds every inode number.
    inode: BigInt.asIntN(64, stats.ino),
  }
}

/** Returns the identity that a file has on disk now; undefined if there is no regular file, or on an error. */
export function identityAt(absolute: string): Identity | undefined {
  try {
    const stats = statSync(absolute, { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() ? identityOf(stats) : undefined
  } catch {
    return undefined
  }
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

/** What is known of the bytes of a file. */
export interface Content {
  readonly size: number
  readonly digests: Digests
}

export function contentOf({ identity: { size }, digests }: HashedFile): Content {
  return { size, digests }
}

/**
 * Whether two files are the same bytes. SHA-256 has the last word; without it, every algorithm counts of which both have a
 * digest. Where there is none, nobody knows, and they are taken to differ.
 */
export function sameContent(one: Content, other: Content): boolean {
  if (one.size !== other.size) return false
  const results = new Map<Algorithm, boolean>()
  for (const algorithm of ALGORITHMS) {
    const [digest, otherDigest] = [one.digests[algorithm], other.digests[algorithm]]
    if (digest && otherDigest) results.set(algorithm, Buffer.compare(digest, otherDigest) === 0)
  }
  return results.get('sha-256') ?? (results.size > 0 && ![...results.values()].includes(false))
}

/** When a file changed last, its content or its name: milliseconds since 1970, no earlier than it was. */
export function changedAt({ mtimeNs, ctimeNs }: Identity): number {
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  const milliseconds = latest / MILLISECOND_NS
  return Number(milliseconds * MILLISECOND_NS < latest ? milliseconds + 1n : milliseconds)
}

/** Nanoseconds. */
export const SECOND_NS = 1_000_000_000n
export const MILLISECOND_NS = 1_000_000n
export const MICROSECOND_NS = 1000n

/** The mtime in whole units of so many nanoseconds, rounded down: before 1970 too, where bigint division rounds up. */
export function mtimeIn({ mtimeNs }: Identity, unit: bigint): bigint {
  const quotient = mtimeNs / unit
  return mtimeNs < 0n && quotient * unit !== mtimeNs ? quotient - 1n : quotient
}
