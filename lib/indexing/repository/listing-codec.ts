import { joinPath } from '../../paths.js'
import type { FolderListing, FoundFile } from './walk.js'

/**
 * A listing as it goes from thread to thread: one string and one array of numbers. An object for each file costs ten
 * times as much to copy.
 */
export interface PackedListing extends Omit<FolderListing, 'files'> {
  /** Ended by the one character that no name has. */
  readonly names: string
  /** Four a file: size, mtime, ctime, inode. */
  readonly identities: BigInt64Array
  /** Where the symbolic links among them lead, by their place. */
  readonly targets: ReadonlyMap<number, string>
}

const END = '\0'
const NUMBERS = 4

export function pack({ files, ...rest }: FolderListing): PackedListing {
  const identities = new BigInt64Array(files.length * NUMBERS)
  const targets = new Map<number, string>()
  let names = ''
  for (const [index, { path, identity, target }] of files.entries()) {
    names += path.slice(path.lastIndexOf('/') + 1) + END
    const at = index * NUMBERS
    identities[at] = BigInt(identity.size)
    identities[at + 1] = identity.mtimeNs
    identities[at + 2] = identity.ctimeNs
    identities[at + 3] = identity.inode
    if (target !== undefined) targets.set(index, target)
  }
  return { ...rest, names, identities, targets }
}

export function unpack({ names, identities, targets, ...rest }: PackedListing): FolderListing {
  const files = names
    .split(END)
    .slice(0, -1)
    .map((name, index): FoundFile => {
      const at = index * NUMBERS
      const identity = {
        size: Number(identities[at]),
        mtimeNs: identities[at + 1] ?? 0n,
        ctimeNs: identities[at + 2] ?? 0n,
        inode: identities[at + 3] ?? 0n,
      }
      const path = joinPath(rest.folder, name)
      const target = targets.get(index)
      return target === undefined ? { path, identity } : { path, identity, target }
    })
  return { ...rest, files }
}
