import { splitPath } from '../../../paths.js'
import { copyOf } from './file-names.js'

/**
 * The folders that a listing has named, and those of them that it has read to their end. These
 * prove that a file is absent: its own folder, or the nearest named folder above, without the
 * folder on the way to the file.
 */
export class FolderLog {
  /** Whether each named folder was read to its end. */
  readonly #named = new Map<string, boolean>()

  /** Notes a folder that exists. */
  name(path: string): void {
    if (!this.#named.has(path)) this.#named.set(copyOf(path), false)
  }

  /** Notes that a folder was read to its end. */
  read(path: string): void {
    this.name(path)
    this.#named.set(path, true)
  }

  /** Whether any folder was read. */
  get hasRead(): boolean {
    for (const wasRead of this.#named.values()) if (wasRead) return true
    return false
  }

  /** Returns whether a file is absent from the mirror if it was not listed in this folder. */
  provesAbsence(folder: string): boolean {
    for (let path = folder; ; path = splitPath(path)[0]) {
      const wasRead = this.#named.get(path)
      if (wasRead !== undefined) return wasRead
      if (path === '') return false
    }
  }
}
