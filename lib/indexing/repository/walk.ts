import { type BigIntStats, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { errorMessage, isNotFound } from '../../errors.js'
import { identityOf } from '../../identity.js'
import type { Identity } from '../../model.js'
import { joinPath, type PathFilter } from '../../paths.js'

export interface FoundFile {
  /** Repository path. */
  readonly path: string
  readonly identity: Identity
  /** Where a symbolic link leads: an absolute path below the real root. */
  readonly target?: string
}

/** What one folder holds, or why that cannot be said. */
export interface FolderListing {
  /** Repository path; the root is empty. */
  readonly folder: string
  /** The absolute path that it really has. */
  readonly realFolder: string
  readonly files: readonly FoundFile[]
  /** Set where the folder is there but could not be read. What was known of it stays known. */
  readonly error?: string
}

/**
 * Walks a repository from `folder` down, synchronously: meant for a thread of its own. Folders that vanish on the way
 * are left out; those that cannot be read are reported in place.
 *
 * Symbolic links are followed where they stay below `root`. A link to a folder that is already on the way down would
 * never end and is left out.
 *
 * @param root the real path of the repository
 * @param foldersOnly leaves the files out, which are most of the work
 */
export function* walk(
  root: string,
  folder: string,
  includes: PathFilter,
  foldersOnly = false,
): Generator<FolderListing> {
  const way = [root]
  let path = root
  for (const part of folder === '' ? [] : folder.split('/')) {
    path = join(path, part)
    const real = realPath(path)
    // A folder may have become a link since whoever asks looked at it.
    if (real === undefined || !isInside(root, real)) return
    way.push(real)
  }
  yield* walkFolder(root, folder, way, includes, foldersOnly)
}

function* walkFolder(
  root: string,
  folder: string,
  way: readonly string[],
  includes: PathFilter,
  foldersOnly: boolean,
): Generator<FolderListing> {
  const realFolder = way[way.length - 1] ?? root
  let subfolders: readonly Subfolder[]
  try {
    const content = readFolder(root, folder, realFolder, includes, foldersOnly)
    subfolders = content.subfolders
    yield content.listing
  } catch (error) {
    // The root is never "gone": an unmounted disk must not empty the index.
    if (folder !== '' && isNotFound(error)) return
    yield { folder, realFolder, files: [], error: errorMessage(error) }
    return
  }
  for (const [path, real] of subfolders) {
    if (!way.includes(real)) yield* walkFolder(root, path, [...way, real], includes, foldersOnly)
  }
}

type Subfolder = readonly [path: string, real: string]

function readFolder(
  root: string,
  folder: string,
  realFolder: string,
  includes: PathFilter,
  foldersOnly: boolean,
): { readonly listing: FolderListing; readonly subfolders: readonly Subfolder[] } {
  const files: FoundFile[] = []
  const subfolders: Subfolder[] = []
  const below = realFolder.endsWith(sep) ? realFolder : realFolder + sep
  for (const entry of readdirSync(realFolder, { withFileTypes: true })) {
    if (foldersOnly && entry.isFile()) continue
    const path = joinPath(folder, entry.name)
    if (!includes(path)) continue
    const absolute = below + entry.name
    if (entry.isFile()) {
      const stats = lstatSync(absolute, { bigint: true, throwIfNoEntry: false })
      if (stats?.isFile()) files.push({ path, identity: identityOf(stats) })
    } else if (entry.isDirectory()) {
      subfolders.push([path, absolute])
    } else if (entry.isSymbolicLink()) {
      const link = followLink(root, absolute)
      if (link?.stats.isFile() && !foldersOnly)
        files.push({ path, identity: identityOf(link.stats), target: link.target })
      else if (link?.stats.isDirectory()) subfolders.push([path, link.target])
    }
  }
  return { listing: { folder, realFolder, files }, subfolders }
}

/** Where a link inside the repository leads, if that is below `root` too. */
export function followLink(
  root: string,
  absolute: string,
): { readonly target: string; readonly stats: BigIntStats } | undefined {
  const target = realPath(absolute)
  if (target === undefined || !isInside(root, target)) return undefined
  const stats = statSync(target, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : { target, stats }
}

/** True where `absolute`, a real path, is `root` or lies below it. */
export function isInside(root: string, absolute: string): boolean {
  return absolute === root || absolute.startsWith(root.endsWith(sep) ? root : root + sep)
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // dangling, looping, or gone meanwhile
  }
}
