import { createHash } from 'node:crypto'

export interface HashingSetup {
  readonly root: string
  readonly paths: readonly string[]
  readonly fileBytes: number
  readonly workers: number
}

export interface HashingResult {
  /** Time from the end of the imports to the last digest. */
  readonly seconds: number
  /** Digest of all digests, for comparison. */
  readonly digests: string
}

/** All digests of one file. */
export interface FileDigests {
  readonly md5: Uint8Array
  readonly sha1: Uint8Array
  readonly sha256: Uint8Array
  readonly pieceSha1: Uint8Array
  readonly pieceSha256: Uint8Array
}

/**
 * Returns one digest of all digests.
 *
 * @param files by path, in any order
 */
export function digestOfDigests(files: ReadonlyMap<string, FileDigests>): string {
  const hash = createHash('sha256')
  for (const path of [...files.keys()].toSorted()) {
    const digests = files.get(path)
    if (digests === undefined) continue
    const { md5, sha1, sha256, pieceSha1, pieceSha256 } = digests
    hash.update(path)
    for (const bytes of [md5, sha1, sha256, pieceSha1, pieceSha256]) hash.update(bytes)
  }
  return `${files.size} files ${hash.digest('hex')}`
}
