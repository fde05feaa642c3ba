import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { errorMessage, systemCode } from './errors.js'
import { ALGORITHMS, type Algorithm, type Digests, type HashedFile, type Identity } from './model.js'

/** Returns the identity of a file from its `stat` result. */
export function identityOf(stats: BigIntStats): Identity {
  return {
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    // Signed, because 64-bit columns of databases are signed and must hold every inode number.
    inode: BigInt.asIntN(64, stats.ino),
  }
}

/**
 * Returns the identity that a file has on disk now; undefined if there is no regular file, or on
 * an error.
 */
export function identityAt(absolute: string): Identity | undefined {
  try {
    const stats = statSync(absolute, { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() ? identityOf(stats) : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns a text that changes with the content of a file, and with the file that a path leads to;
 * the error if the file cannot be read. Never rejects.
 */
export async function fileState(path: string): Promise<string> {
  try {
    const stats = await stat(path, { bigint: true })
    const { size, mtimeNs, ctimeNs, inode } = identityOf(stats)
    return [stats.dev, size, mtimeNs, ctimeNs, inode].join()
  } catch (error) {
    return systemCode(error) ?? errorMessage(error)
  }
}

/** Returns whether two identities are equal: then the bytes are taken to be equal. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

/**
 * Returns whether two identities differ at most in the ctime. Changes of permissions, of the owner
 * and of hard links set only the ctime. So do writes whose mtime is set back: the bytes may differ.
 */
export function sameExceptCtime(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.inode === b.inode
}

/** Size and digests of a file. */
export interface Content {
  readonly size: number
  readonly digests: Digests
}

/** Returns the content of a hashed file. */
export function contentOf({ identity: { size }, digests }: HashedFile): Content {
  return { size, digests }
}

/**
 * Returns whether two files have the same bytes. SHA-256 decides. Without it, all digests that
 * both files have must be equal; if they share no algorithm, the files are taken to differ.
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

/**
 * Returns when the content or the name of a file last changed: milliseconds since 1970, rounded
 * up.
 */
export function changedAt({ mtimeNs, ctimeNs }: Identity): number {
  const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
  const milliseconds = latest / MILLISECOND_NS
  return Number(milliseconds * MILLISECOND_NS < latest ? milliseconds + 1n : milliseconds)
}

export const SECOND_NS = 1_000_000_000n
export const MILLISECOND_NS = 1_000_000n
export const MICROSECOND_NS = 1000n

/**
 * Returns the mtime in whole units, rounded down. Before 1970 too, where division of bigints
 * rounds up.
 *
 * @param unitNs nanoseconds of a unit
 */
export function mtimeIn({ mtimeNs }: Identity, unitNs: bigint): bigint {
  const quotient = mtimeNs / unitNs
  return mtimeNs < 0n && quotient * unitNs !== mtimeNs ? quotient - 1n : quotient
}
