import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { basename, isAbsolute, join } from 'node:path'
import { errorMessage, MirroredByError } from '../errors.js'

/**
 * Returns the default index file of a repository: a file of its own for each root, in
 * `mirrored-by/` under `$STATE_DIRECTORY` (`StateDirectory=` of systemd), `$XDG_CACHE_HOME` or
 * `~/.cache`, whichever is set first. A relative path counts as not set, because the place of the
 * index must not depend on the working folder.
 *
 * @param root the absolute path of the repository, as configured
 * @param home returns the home folder, or throws
 * @throws MirroredByError ERR_STORE if there is no such folder
 */
export function defaultStoreFile(
  root: string,
  environment: NodeJS.ProcessEnv = process.env,
  home: () => string = homedir,
): string {
  // systemd separates several directories by colons.
  const state = environment.STATE_DIRECTORY?.split(':')[0]
  const base = [state, environment.XDG_CACHE_HOME].find(isAbsolutePath) ?? join(homeFolder(home), '.cache')
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16)
  return join(base, 'mirrored-by', `${basename(root) || 'root'}-${key}.sqlite`)
}

function isAbsolutePath(path: string | undefined): path is string {
  return path !== undefined && isAbsolute(path)
}

function homeFolder(home: () => string): string {
  let reason = 'its path is not absolute'
  let cause: unknown
  try {
    const folder = home()
    if (isAbsolute(folder)) return folder
  } catch (error) {
    reason = errorMessage(error)
    cause = error
  }
  throw new MirroredByError(
    'ERR_STORE',
    `there is no home folder for the index (${reason}): set $HOME or $XDG_CACHE_HOME to an absolute path, ` +
      'or name a file by `store`',
    cause,
  )
}

/** Returns the default file of mirror states: `<index>.mirrors.sqlite`, beside the index. */
export function defaultStatesFile(index: string): string {
  return `${index.replace(/\.sqlite$/, '')}.mirrors.sqlite`
}
