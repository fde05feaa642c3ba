import { dirname, join } from 'node:path'
import { FSWatcher } from 'chokidar'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import { joinPath, splitPath } from '../../paths.js'
import { isInside } from './walk.js'

/**
 * chokidar without its own reading of folders. By default, chokidar calls `lstat` for every file
 * of a folder when the folder is added and at each event, and keeps the results. Our scans have
 * the files already, and events name the file that changed.
 */
class FolderWatcher extends FSWatcher {
  constructor() {
    super({ followSymlinks: false, ignorePermissionErrors: true })
    this._nodeFsHandler._handleRead = () => undefined
  }

  /**
   * Adds a folder. Settles when its watch is active or has failed; a failure is also an `error`
   * event, unless the folder is gone.
   */
  async start(folder: string): Promise<void> {
    await this._nodeFsHandler._addToNodeFs(folder, true, undefined, 0)
  }
}

export interface WatchEvents {
  /**
   * Something changed at a repository path; check the file system. `renamed`: the path appeared
   * or disappeared.
   */
  touched(path: string, renamed: boolean): void
  warning(error: MirroredByError): void
}

/**
 * Watches folders and reports the paths that change. A file below a symbolic link is reported
 * under each of its paths.
 */
export class Watcher {
  readonly #root: string
  readonly #events: WatchEvents
  readonly #watcher = new FolderWatcher()
  /** Real folders for which the system refused a watch. */
  readonly #unwatched = new Set<string>()
  /** Repository folders by watched real folder: several if symbolic links lead to it. */
  readonly #folders = new Map<string, Set<string>>()
  /** Real folders by repository folder. */
  readonly #realFolders = new Map<string, string>()
  /** Watched folders directly below each repository folder. */
  readonly #subfolders = new Map<string, Set<string>>()
  /** Watches that are being started, by real folder. */
  readonly #starting = new Map<string, Promise<boolean>>()
  /** Repository paths of symbolic links, by the file that they lead to. */
  readonly #links = new Map<string, Set<string>>()
  /** Real folders of the files that links lead to. */
  readonly #linkFolders = new Set<string>()
  #hasWarned = false

  /**
   * @param root the real path of the repository
   */
  constructor(root: string, events: WatchEvents) {
    this.#root = root
    this.#events = events
    this.#watcher.on('raw', (event, name, details) => this.#raw(event === 'rename', name, details))
    this.#watcher.on('error', (error) => this.#failed(error))
  }

  /** Repository folders without a watch. */
  get unwatched(): readonly string[] {
    return [...this.#unwatched].flatMap((real) => [...(this.#folders.get(real) ?? [])])
  }

  /**
   * Tries again to watch the unwatched folders, because the limit may have been raised. Scan them
   * afterwards.
   */
  async retry(): Promise<void> {
    const folders = [...this.#unwatched]
    this.#unwatched.clear()
    await Promise.all(folders.map((real) => this.#watcher.start(real)))
  }

  /** Number of watched folders. */
  get size(): number {
    return this.#folders.size
  }

  /**
   * Watches a folder.
   *
   * @returns whether the watch is new, once it is active: an earlier listing of the folder may be
   * outdated
   */
  async addFolder(folder: string, realFolder: string): Promise<boolean> {
    this.#realFolders.set(folder, realFolder)
    if (folder !== '') {
      const [parent] = splitPath(folder)
      this.#subfolders.set(parent, (this.#subfolders.get(parent) ?? new Set<string>()).add(folder))
    }
    const names = this.#folders.get(realFolder)
    this.#folders.set(realFolder, (names ?? new Set<string>()).add(folder))
    return names === undefined ? this.#start(realFolder) : (this.#starting.get(realFolder) ?? false)
  }

  /**
   * Reports changes of `target`, an absolute path, under the path of a symbolic link too.
   *
   * @returns whether a watch had to be started, once it is active
   */
  async addLink(path: string, target: string): Promise<boolean> {
    const links = this.#links.get(target) ?? new Set<string>()
    this.#links.set(target, links.add(path))
    const folder = dirname(target)
    this.#linkFolders.add(folder)
    if (this.#folders.has(folder)) return this.#starting.get(folder) ?? false
    // The folder is not part of the repository, but a link leads to one of its files.
    this.#folders.set(folder, new Set())
    return this.#start(folder)
  }

  /** Returns whether a repository folder is watched, or is to be watched. */
  has(folder: string): boolean {
    return this.#realFolders.has(folder)
  }

  /** Ends the watches of a repository folder and of all folders below it. */
  removeFolder(folder: string): void {
    if (!this.#realFolders.has(folder)) return
    this.#subfolders.get(splitPath(folder)[0])?.delete(folder)
    const removed = [folder]
    // Folders are added while the loop runs.
    for (const name of removed) {
      for (const subfolder of this.#subfolders.get(name) ?? []) removed.push(subfolder)
      this.#subfolders.delete(name)
      this.#removeWatch(name)
    }
  }

  async close(): Promise<void> {
    await this.#watcher.close()
  }

  #removeWatch(folder: string): void {
    const real = this.#realFolders.get(folder)
    if (real === undefined) return
    this.#realFolders.delete(folder)
    const names = this.#folders.get(real)
    names?.delete(folder)
    if (names?.size !== 0 || this.#linkFolders.has(real)) return
    this.#folders.delete(real)
    this.#unwatched.delete(real)
    // `unwatch` is slower: it keeps a list of ignored paths, and every `add` searches it.
    this.#watcher._closePath(real)
  }

  #start(real: string): Promise<boolean> {
    const started = this.#watcher.start(real).then(() => {
      this.#starting.delete(real)
      return true
    })
    this.#starting.set(real, started)
    return started
  }

  #raw(renamed: boolean, name: unknown, details: unknown): void {
    if (typeof name !== 'string' || !isWatched(details)) return
    const real = join(details.watchedPath, name)
    // Ignore paths outside of the root. A removed folder reports itself, and its parent reports
    // it too.
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
    if (this.#hasWarned) return
    this.#hasWarned = true
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

/** Returns the path that a system error is about. */
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
