import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errorMessage, isNotFound, MirroredByError } from '../../errors.js'
import { changedAt, identityAt } from '../../identity.js'
import { includesWholePath, type PathFilter } from '../../paths.js'

/**
 * Returns the absolute path of a root. Keeps the symbolic links in it, because an operator may
 * point them elsewhere while the server runs.
 *
 * @throws MirroredByError ERR_ROOT if it is not a folder that can be read
 */
export function checkRoot(root: string): string {
  const absolute = resolve(root)
  try {
    if (!statSync(absolute).isDirectory()) throw new Error('it is not a folder')
    accessSync(absolute, constants.R_OK | constants.X_OK)
    return absolute
  } catch (error) {
    const remedy = isNotFound(error)
      ? 'create it, or name the folder of your files'
      : 'make it a folder this user can read'
    throw new MirroredByError(
      'ERR_ROOT',
      `cannot use ${absolute} as the root: ${errorMessage(error)}; ${remedy}`,
      error,
    )
  }
}

/**
 * Returns the real path that a root has now; the path itself while the root is missing.
 *
 * @param root absolute
 */
export function realRoot(root: string): string {
  try {
    return realpathSync.native(root)
  } catch {
    return root
  }
}

/**
 * Returns when a file of the repository last changed, in milliseconds since 1970; undefined if
 * the repository has no such file.
 */
export function changedOnDisk(root: string, path: string, includes: PathFilter): number | undefined {
  if (!includesWholePath(includes, path)) return undefined
  const identity = identityAt(join(root, path))
  return identity && changedAt(identity)
}
