import { joinPath } from '../../paths.js'
import type { FolderListing, FoundFile } from './walk.js'

/**
 * A listing packed for transfer between threads: one string and one array of numbers. An object
 * per file would cost ten times as much to copy.
 */
export interface PackedListing extends Omit<FolderListing, 'files'> {
  /** Names of the files, each followed by NUL, the only character that names cannot contain. */
  readonly names: string
  /** Four numbers per file: size, mtime, ctime, inode. */
  readonly identities: BigInt64Array
  /** Targets of the symbolic links among the files, by the index of the file. */
  readonly targets: ReadonlyMap<number, string>
}

const END = '\0'
const NUMBERS_PER_FILE = 4

export function pack({ files, ...rest }: FolderListing): PackedListing {
  const identities = new BigInt64Array(files.length * NUMBERS_PER_FILE)
  const targets = new Map<number, string>()
  let names = ''
  for (const [index, { path, identity, target }] of files.entries()) {
    names += path.slice(path.lastIndexOf('/') + 1) + END
    const offset = index * NUMBERS_PER_FILE
    identities[offset] = BigInt(identity.size)
    identities[offset + 1] = identity.mtimeNs
    identities[offset + 2] = identity.ctimeNs
    identities[offset + 3] = identity.inode
    if (target !== undefined) targets.set(index, target)
  }
  return { ...rest, names, identities, targets }
}

export function unpack({ names, identities, targets, ...rest }: PackedListing): FolderListing {
  const files = names
    .split(END)
    .slice(0, -1)
    .map((name, index): FoundFile => {
      const offset = index * NUMBERS_PER_FILE
      const identity = {
        size: Number(identities[offset]),
        mtimeNs: identities[offset + 1] ?? 0n,
        ctimeNs: identities[offset + 2] ?? 0n,
        inode: identities[offset + 3] ?? 0n,
      }
      const path = joinPath(rest.folder, name)
      const target = targets.get(index)
      return target === undefined ? { path, identity } : { path, identity, target }
    })
  return { ...rest, files }
}
