import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FSWatcher } from 'chokidar'
import { MirroredByError, reason, systemCode } from '../errors.js'
import { isWithin, joinPath } from './names.js'
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
}

export interface WatchEvents {
  /** Something happened at this repository path; what, the file system must be asked. `renamed`: it came or went. */
  touched(path: string, renamed: boolean): void
  /** This folder changed after it was listed and before it was watched: it must be listed again. */
  missed(folder: string): void
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
  readonly #mtimes = new Map<string, bigint>()
  /** Repository paths of the links that lead to a file. */
  readonly #links = new Map<string, Set<string>>()
  #warned = false

  /** @param root the real path of the repository */
  constructor(root: string, events: WatchEvents) {
    this.#root = root
    this.#events = events
    this.#watcher.on('raw', (event, name, details) => this.#raw(event === 'rename', name, details))
    this.#watcher.on('error', (error) => this.#failed(error))
    // Told right before the watch begins: a turn later it is there.
    this.#watcher.on('addDir', (real) => setImmediate(() => this.#begun(real)))
  }

  /** Repository folders whose changes nobody tells. */
  get unwatched(): readonly string[] {
    return [...this.#unwatched].flatMap((real) => [...(this.#folders.get(real) ?? [])])
  }

  /** Tries again to watch those: the limit may have been raised. They must be listed afterwards. */
  retry(): void {
    const folders = [...this.#unwatched]
    this.#unwatched.clear()
    for (const real of folders) this.#watcher.add(real)
  }

  /** Number of watched folders. */
  get size(): number {
    return this.#folders.size
  }

  /** @param mtimeNs of the folder when its listing was read */
  addFolder(folder: string, realFolder: string, mtimeNs: bigint): void {
    this.#places.set(folder, realFolder)
    const known = this.#folders.get(realFolder)
    if (known !== undefined) {
      known.add(folder)
      return
    }
    this.#folders.set(realFolder, new Set([folder]))
    this.#mtimes.set(realFolder, mtimeNs)
    this.#watcher.add(realFolder)
  }

  /** Makes changes of `target`, an absolute path, known under `path` too. */
  addLink(path: string, target: string): void {
    const links = this.#links.get(target) ?? new Set<string>()
    this.#links.set(target, links.add(path))
    const folder = dirname(target)
    // A folder that is left out of the repository, and yet holds what a link shows.
    if (this.#folders.has(folder)) return
    this.#folders.set(folder, new Set())
    this.#watcher.add(folder)
  }

  /** Ends the watches of a repository folder and everything below it. */
  removeFolder(folder: string): void {
    if (!this.#places.has(folder)) return
    for (const [name, real] of this.#places) {
      if (!isWithin(folder, name)) continue
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

  #begun(real: string): void {
    const before = this.#mtimes.get(real)
    this.#mtimes.delete(real)
    if (before === undefined) return
    const now = lstatSync(real, { bigint: true, throwIfNoEntry: false })
    if (now?.mtimeNs === before) return
    for (const folder of this.#folders.get(real) ?? []) this.#events.missed(folder)
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
        `cannot watch all of ${this.#root}: ${reason(error)}; what cannot be watched is listed every \`rescan\`: ${remedy}`,
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
