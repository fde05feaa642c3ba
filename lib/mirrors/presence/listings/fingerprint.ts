import { createHash } from 'node:crypto'
import { quoteFolder } from './file-names.js'
import type { IndexEntry } from './index-page.js'
import type { ListingReader } from './listing-reader.js'

/**
 * Fingerprint of a folder's listing. Detects symbolic links that form a cycle: a server that
 * follows links lists such a folder without end, by ever longer paths, but with repeating content.
 */
export class Fingerprint {
  readonly #hash = createHash('sha256')
  #entries = 0
  #folders = 0

  add({ name, folder, listed }: IndexEntry): void {
    this.#entries += 1
    if (folder) this.#folders += 1
    this.#hash.update(`${name}\0${folder} ${listed.size} ${listed.mtime}\n`)
  }

  /**
   * Decides whether the subfolders of a folder are listed too. Reports to the reader why they are
   * not.
   *
   * A folder is taken for part of a cycle if two of its ancestors list the same names, sizes and
   * times. Folders with a single entry are exempt: they may be equal by chance, and cost little.
   *
   * @param ancestors fingerprints of the folders on the way down to this one
   * @returns fingerprints of the folders on the way down to the subfolders; undefined to stop here
   */
  checkDescent(
    reader: ListingReader,
    path: string,
    ancestors: readonly string[],
  ): readonly string[] | undefined {
    if (this.#folders === 0) return undefined
    const digest = this.#hash.digest('base64')
    if (this.#entries > 1 && ancestors.filter((other) => other === digest).length >= 2) {
      reader.remark(`${quoteFolder(path)} lists the same as folders above: a link that goes round`)
      return undefined
    }
    if (ancestors.length >= reader.limits.maxDepth) {
      reader.markIncomplete(`${quoteFolder(path)} has folders deeper than ${reader.limits.maxDepth}`)
      return undefined
    }
    return [...ancestors, digest]
  }
}
