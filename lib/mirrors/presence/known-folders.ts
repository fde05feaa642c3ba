import { splitPath } from '../../paths.js'

/** The folders of our files, with all folders above them: the only ones that surveys list. */
export class KnownFolders {
  readonly #folders = new Set<string>([''])

  add(folders: readonly string[]): void {
    for (const folder of folders)
      for (let path = folder; !this.#folders.has(path); path = splitPath(path)[0]) this.#folders.add(path)
  }

  get size(): number {
    return this.#folders.size
  }

  has(path: string): boolean {
    return this.#folders.has(path)
  }
}
