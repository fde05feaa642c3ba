import { includesWholePath, type PathFilter } from '../../../paths.js'

/** Links followed for one path, as in Linux. */
const MAX_HOPS = 40

/**
 * The symbolic links that a mirror reports (rsync, some FTP servers). Such a mirror lists files by
 * their real paths only. Clients may reach the files by other paths through links.
 */
export class SymlinkMap {
  readonly #targets = new Map<string, string | undefined>()
  readonly #includes: PathFilter

  /** @param includes accepts the paths that were listed at all */
  constructor(includes: PathFilter) {
    this.#includes = includes
  }

  get size(): number {
    return this.#targets.size
  }

  /**
   * @param path repository path of the link
   * @param target content of the link; undefined if the mirror does not report it
   */
  add(path: string, target: string | undefined): void {
    this.#targets.set(path, target)
  }

  /**
   * Returns the path by which the mirror lists what clients find at `path`. Without links on the
   * way, both paths are equal.
   *
   * @returns undefined if the listing cannot tell, because the way leaves the repository, is a
   * cycle, or passes an unlisted path
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
      // How an absolute target relates to the repository is unknown here.
      if (target === undefined || target.startsWith('/') || hops > MAX_HOPS) return undefined
      resolved.pop()
      remaining.push(...target.split('/').reverse())
    }
    const real = resolved.join('/')
    return includesWholePath(this.#includes, real) ? real : undefined
  }
}
