import assert from 'node:assert/strict'
import {
  type Listing,
  type ListingOutcome,
  type RemoteFile,
  TIME_UNITS,
} from '../../../lib/mirrors/presence/listings/listing.js'
import { findOffset } from '../../../lib/mirrors/presence/offset.js'
import type { DiskFile } from '../../support/odd-tree.js'

/** Reads a listing to its end. */
export async function collect(
  listing: Listing,
): Promise<{ readonly files: readonly RemoteFile[]; readonly outcome: ListingOutcome }> {
  const files: RemoteFile[] = []
  for await (const batch of listing) files.push(...batch)
  return { files, outcome: await listing.outcome }
}

/** Returns the paths, sorted. */
export function paths(files: readonly RemoteFile[]): string[] {
  return files.map(({ path }) => path).sort()
}

/**
 * Fails unless a mirror lists exactly the files on disk: the same paths, each once, each with its
 * time, and with its size as precisely as the listing tells it.
 *
 * @param offset of the listed times from ours, in milliseconds
 */
export function assertLists(
  files: readonly RemoteFile[],
  disk: ReadonlyMap<string, DiskFile>,
  expected: {
    readonly sizes: 'exact' | 'rounded' | 'none'
    readonly times: boolean
    readonly offset?: number
  },
): void {
  const { sizes, times, offset = 0 } = expected
  assert.deepEqual(paths(files), [...disk.keys()].sort())
  for (const file of files) {
    const { size: own = Number.NaN, mtimeMs = Number.NaN } = disk.get(file.path) ?? {}
    const { path, size, sizePrecision, mtime, mtimePrecision } = file
    if (sizes === 'none') assert.equal(size, undefined, path)
    else
      assert.ok(
        Math.abs((size ?? Number.NaN) - own) <= sizePrecision,
        `${path}: ${size} ± ${sizePrecision}, not ${own}`,
      )
    if (sizes === 'exact') assert.equal(sizePrecision, 0, path)
    const unit = TIME_UNITS[mtimePrecision]
    assert.equal(mtime, times ? Math.floor((mtimeMs + offset) / unit) * unit : undefined, path)
  }
  if (!times) return
  const pairs = files.map((listed) => ({ mtimeMs: disk.get(listed.path)?.mtimeMs ?? Number.NaN, listed }))
  assert.equal(findOffset(pairs), offset)
}
