import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'

/**
 * Returns the default index file of a repository: a file of its own for each root, in
 * `mirrored-by/` under `$STATE_DIRECTORY` (`StateDirectory=` of systemd), `$XDG_CACHE_HOME` or
 * `~/.cache`, whichever is set first. A root that is a symbolic link keeps its file when the link
 * is pointed to another folder.
 *
 * @param root the absolute path of the repository
 */
export function defaultStoreFile(root: string, environment: NodeJS.ProcessEnv = process.env): string {
  // systemd separates several directories by colons.
  const state = environment.STATE_DIRECTORY?.split(':')[0]
  const base = state || environment.XDG_CACHE_HOME || join(homedir(), '.cache')
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16)
  return join(base, 'mirrored-by', `${basename(root) || 'root'}-${key}.sqlite`)
}

/** Returns the default file of mirror states: `<index>.mirrors.sqlite`, beside the index. */
export function defaultStatesFile(index: string): string {
  return `${index.replace(/\.sqlite$/, '')}.mirrors.sqlite`
}
