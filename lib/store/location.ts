import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'

/**
 * Where the index of a repository is kept unless told otherwise: in `mirrored-by/` under `$STATE_DIRECTORY` (systemd's
 * StateDirectory=), else `$XDG_CACHE_HOME`, else `~/.cache`, in a file of its own for each root.
 *
 * @param root the real path of the repository
 */
export function defaultStoreFile(root: string, environment: NodeJS.ProcessEnv = process.env): string {
  // systemd joins several directories by colons.
  const state = environment.STATE_DIRECTORY?.split(':')[0]
  const base = state || environment.XDG_CACHE_HOME || join(homedir(), '.cache')
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16)
  return join(base, 'mirrored-by', `${basename(root) || 'root'}-${key}.sqlite`)
}

/** Where the states of mirrors are kept unless told otherwise: beside the index, in `<index>.mirrors.sqlite`. */
export function defaultStatesFile(index: string): string {
  return `${index.replace(/\.sqlite$/, '')}.mirrors.sqlite`
}
