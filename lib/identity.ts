import type { BigIntStats } from 'node:fs'
import type { Identity } from './model.js'

export function identityOf(stats: BigIntStats): Identity {
  return {
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    // Signed, so that a 64-bit database column holds every inode number.
    inode: BigInt.asIntN(64, stats.ino),
  }
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.inode === b.inode
}

/** Nanoseconds. */
export const SECOND = 1_000_000_000n
export const MICROSECOND = 1000n

/** The mtime in whole units of so many nanoseconds, rounded down: before 1970 too, where bigint division rounds up. */
export function mtimeIn({ mtimeNs }: Identity, unit: bigint): bigint {
  const quotient = mtimeNs / unit
  return mtimeNs < 0n && quotient * unit !== mtimeNs ? quotient - 1n : quotient
}
