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
  /** Absolute path that a symbolic link leads to, below the real root. */
  readonly target?: string
}

/** State of a folder. A file that comes, goes or is renamed changes the mtime. */
export interface FolderState {
  readonly dev: bigint
  readonly ino: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** The files of a folder, or why it cannot be read. */
export interface FolderListing {
  /** Repository path; empty for the root. */
  readonly folder: string
  /** Absolute path without symbolic links. */
  readonly realFolder: string
  readonly files: readonly FoundFile[]
  /** Repository paths of the folders in it. */
  readonly subfolders?: readonly string[]
  /** State of the folder before it was read. */
  readonly state?: FolderState
  /** Set if the folder exists but cannot be read: its files in the index are kept. */
  readonly error?: string
}

/**
 * Lists a folder and all folders below it. Synchronous: meant for a thread of its own. Leaves out
 * folders that vanish meanwhile; gives folders that cannot be read with their error.
 *
 * Follows symbolic links that stay below `root`. Leaves out a link to one of its own parent
 * folders, because the walk would never end.
 *
 * @param root the real path of the repository
 * @param foldersOnly whether to leave the files out, which are most of the work
 * @param isShallow whether to list the folder only, and not what is below it
 */
export function* walk(
  root: string,
  folder: string,
  includes: PathFilter,
  foldersOnly = false,
  isShallow = false,
): Generator<FolderListing> {
  const parents = [root]
  let path = root
  for (const part of folder === '' ? [] : folder.split('/')) {
    path = join(path, part)
    const real = realPath(path)
    // The folder may have become a link since the caller checked it.
    if (real === undefined || !isInside(root, real)) return
    parents.push(real)
  }
  for (const listing of walkFolder(root, folder, parents, includes, foldersOnly)) {
    yield listing
    if (isShallow) return
  }
}

function* walkFolder(
  root: string,
  folder: string,
  /** Real paths of the folder and its parents, the root first. */
  parents: readonly string[],
  includes: PathFilter,
  foldersOnly: boolean,
): Generator<FolderListing> {
  const realFolder = parents[parents.length - 1] ?? root
  let subfolders: readonly Subfolder[]
  try {
    const content = readFolder(root, folder, realFolder, includes, foldersOnly)
    subfolders = content.subfolders
    yield content.listing
  } catch (error) {
    // A missing root is reported, because an unmounted disk must not empty the index.
    if (folder !== '' && isNotFound(error)) return
    yield { folder, realFolder, files: [], error: errorMessage(error) }
    return
  }
  for (const [path, real] of subfolders) {
    if (!parents.includes(real)) yield* walkFolder(root, path, [...parents, real], includes, foldersOnly)
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
  const { dev, ino, mtimeNs, ctimeNs } = statSync(realFolder, { bigint: true })
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
  const state = { dev, ino, mtimeNs, ctimeNs }
  const paths = subfolders.map(([path]) => path)
  return { listing: { folder, realFolder, files, state, subfolders: paths }, subfolders }
}

/**
 * Returns the target of a symbolic link; undefined if the target does not exist or is not below
 * `root`.
 */
export function followLink(
  root: string,
  absolute: string,
): { readonly target: string; readonly stats: BigIntStats } | undefined {
  const target = realPath(absolute)
  if (target === undefined || !isInside(root, target)) return undefined
  const stats = statSync(target, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? undefined : { target, stats }
}

/** Returns whether `absolute`, a real path, is `root` or lies below it. */
export function isInside(root: string, absolute: string): boolean {
  return absolute === root || absolute.startsWith(root.endsWith(sep) ? root : root + sep)
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // The link is dangling or looping, or the path vanished meanwhile.
  }
}
