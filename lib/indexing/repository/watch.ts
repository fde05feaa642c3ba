import { dirname, join } from 'node:path'
import { FSWatcher } from 'chokidar'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import { isWithin, joinPath } from '../../paths.js'
import { isInside } from './walk.js'

/**
 * chokidar without its own reading of folders. It would `lstat` every file of a folder when it is added and again at
 * each event, and keep what it finds; our scan knows the files already, and events name the file that changed.
 */
class FolderWatcher extends FSWatcher {
  constructor() {
    super({ followSymlinks: false, ignorePermissionErrors: true })
    this._nodeFsHandler._handleRead = () => undefined
  }

  /** As `add`, and says when the watch is there; or has failed, which is an `error` event unless the folder is gone. */
  async begin(folder: string): Promise<void> {
    await this._nodeFsHandler._addToNodeFs(folder, true, undefined, 0)
  }
}

export interface WatchEvents {
  /** Something happened at this repository path; what, the file system must be asked. `renamed`: it came or went. */
  touched(path: string, renamed: boolean): void
  warning(error: MirroredByError): void
}

/** Says where files change, with one watch a folder. Paths below a symbolic link are told under each of their names. */
export class Watcher {
  readonly #root: string
  readonly #events: WatchEvents
  readonly #watcher = new FolderWatcher()
  /** Real folders that the system would not watch. */
  readonly #unwatched = new Set<string>()
  /** Repository folders of each watched real folder: several, where links lead to it. */
  readonly #folders = new Map<string, Set<string>>()
  /** The other way round: where each repository folder really is. */
  readonly #places = new Map<string, string>()
  /** Watches that are about to be there. */
  readonly #beginnings = new Map<string, Promise<boolean>>()
  /** Repository paths of the links that lead to a file. */
  readonly #links = new Map<string, Set<string>>()
  #warned = false

  /** @param root the real path of the repository */
  constructor(root: string, events: WatchEvents) {
    this.#root = root
    this.#events = events
    this.#watcher.on('raw', (event, name, details) => this.#raw(event === 'rename', name, details))
    this.#watcher.on('error', (error) => this.#failed(error))
  }

  /** Repository folders whose changes nobody tells. */
  get unwatched(): readonly string[] {
    return [...this.#unwatched].flatMap((real) => [...(this.#folders.get(real) ?? [])])
  }

  /** Tries again to watch those: the limit may have been raised. They must be listed afterwards. */
  async retry(): Promise<void> {
    const folders = [...this.#unwatched]
    this.#unwatched.clear()
    await Promise.all(folders.map((real) => this.#watcher.begin(real)))
  }

  /** Number of watched folders. */
  get size(): number {
    return this.#folders.size
  }

  /**
   * Watches a folder, if it is not watched already.
   *
   * @returns true, when the watch is there, where it is new: what was listed of the folder before may be old
   */
  async addFolder(folder: string, realFolder: string): Promise<boolean> {
    this.#places.set(folder, realFolder)
    const known = this.#folders.get(realFolder)
    this.#folders.set(realFolder, (known ?? new Set<string>()).add(folder))
    return known === undefined ? this.#begin(realFolder) : (this.#beginnings.get(realFolder) ?? false)
  }

  /**
   * Makes changes of `target`, an absolute path, known under `path` too.
   *
   * @returns true, when the watch is there, where one had to be begun
   */
  async addLink(path: string, target: string): Promise<boolean> {
    const links = this.#links.get(target) ?? new Set<string>()
    this.#links.set(target, links.add(path))
    const folder = dirname(target)
    // Else a folder that is left out of the repository, and yet holds what a link shows.
    if (this.#folders.has(folder)) return this.#beginnings.get(folder) ?? false
    this.#folders.set(folder, new Set())
    return this.#begin(folder)
  }

  /** Ends the watches of a repository folder and everything below it. */
  removeFolder(folder: string): void {
    if (!this.#places.has(folder)) return
    for (const [name, real] of this.#places) {
      if (!isWithin(name, { folder })) continue
      this.#places.delete(name)
      const names = this.#folders.get(real)
      names?.delete(name)
      if (names?.size !== 0 || this.#hasLinks(real)) continue
      this.#folders.delete(real)
      this.#unwatched.delete(real)
      // Not `unwatch`, which keeps a list of what it ignores and searches it at every `add`.
      this.#watcher._closePath(real)
    }
  }

  async close(): Promise<void> {
    await this.#watcher.close()
  }

  #hasLinks(realFolder: string): boolean {
    for (const target of this.#links.keys()) if (dirname(target) === realFolder) return true
    return false
  }

  #begin(real: string): Promise<boolean> {
    const begun = this.#watcher.begin(real).then(() => {
      this.#beginnings.delete(real)
      return true
    })
    this.#beginnings.set(real, begun)
    return begun
  }

  #raw(renamed: boolean, name: unknown, details: unknown): void {
    if (typeof name !== 'string' || !isWatched(details)) return
    const real = join(details.watchedPath, name)
    // A removed folder names itself; its parent tells the same.
    if (!isInside(this.#root, real)) return
    for (const folder of this.#folders.get(details.watchedPath) ?? []) {
      this.#events.touched(joinPath(folder, name), renamed)
    }
    const links = this.#links.get(real)
    if (links === undefined) return
    for (const path of links) this.#events.touched(path, renamed)
  }

  #failed(error: unknown): void {
    const real = pathOf(error)
    if (real !== undefined && this.#folders.has(real)) this.#unwatched.add(real)
    if (this.#warned) return
    this.#warned = true
    const limited = systemCode(error) === 'ENOSPC' || systemCode(error) === 'EMFILE'
    const remedy = limited
      ? 'raise the sysctl fs.inotify.max_user_watches (one watch a folder) or fs.inotify.max_user_instances'
      : 'see that the file system reports changes'
    this.#events.warning(
      new MirroredByError(
        'ERR_WATCH',
        `cannot watch all of ${this.#root}: ${errorMessage(error)}; what cannot be watched is listed every \`rescan\`: ${remedy}`,
        error,
      ),
    )
  }
}

/** Which path the system's error is about. */
function pathOf(error: unknown): string | undefined {
  return error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined
}

function isWatched(details: unknown): details is { readonly watchedPath: string } {
  return (
    typeof details === 'object' &&
    details !== null &&
    'watchedPath' in details &&
    typeof details.watchedPath === 'string'
  )
}
