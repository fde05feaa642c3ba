import { includesWholePath, type PathFilter } from '../../../paths.js'

/** As many as Linux follows on one way. */
const MAX_HOPS = 40

/**
 * The symbolic links of a mirror, where it tells them (rsync, some FTP servers). It lists files by their real paths only;
 * over a link a client may reach them by other paths too.
 */
export class SymlinkMap {
  readonly #targets = new Map<string, string | undefined>()
  readonly #includes: PathFilter

  /** @param includes which paths were listed at all */
  constructor(includes: PathFilter) {
    this.#includes = includes
  }

  get size(): number {
    return this.#targets.size
  }

  /**
   * @param path repository path of the link
   * @param target as it is written in the link; undefined where the mirror does not tell it
   */
  add(path: string, target: string | undefined): void {
    this.#targets.set(path, target)
  }

  /**
   * The path by which the mirror lists what a client finds under `path`: the same where no link is on the way.
   *
   * @returns undefined where the listing cannot tell: the way leaves the repository, goes round, or passes what is not
   * listed
   */
  resolve(path: string): string | undefined {
    if (this.#targets.size === 0) return path
    const resolved: string[] = []
    const remaining = path.split('/').reverse()
    let hops = 0
    for (let part = remaining.pop(); part !== undefined; part = remaining.pop()) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        if (resolved.pop() === undefined) return undefined
        continue
      }
      resolved.push(part)
      const linkPath = resolved.join('/')
      if (!this.#targets.has(linkPath)) continue
      const target = this.#targets.get(linkPath)
      hops += 1
      // What an absolute target is to the repository, only the mirror knows.
      if (target === undefined || target.startsWith('/') || hops > MAX_HOPS) return undefined
      resolved.pop()
      remaining.push(...target.split('/').reverse())
    }
    const real = resolved.join('/')
    return includesWholePath(this.#includes, real) ? real : undefined
  }
}
