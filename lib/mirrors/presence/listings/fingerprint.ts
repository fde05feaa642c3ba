import { createHash } from 'node:crypto'
import { quoteFolder } from './file-names.js'
import type { IndexEntry } from './index-page.js'
import type { ListingReader } from './listing-reader.js'

/**
 * Sums up what a folder lists. A server that follows links may lead into a folder for ever, by ever longer paths; but what
 * it lists there repeats.
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
   * Says whether the folders of a folder are to be listed too, and tells the scan where they are not. It goes round where
   * two folders above list the same as this one, names, sizes and times. Folders that hold but one folder may do so by
   * chance, and cost little.
   *
   * @param above fingerprints of the folders on the way down to this one
   * @returns those on the way down to its folders; undefined where that ends here
   */
  checkDescent(scan: ListingReader, path: string, above: readonly string[]): readonly string[] | undefined {
    if (this.#folders === 0) return undefined
    const digest = this.#hash.digest('base64')
    if (this.#entries > 1 && above.filter((other) => other === digest).length >= 2) {
      scan.remark(`${quoteFolder(path)} lists the same as folders above: a link that goes round`)
      return undefined
    }
    if (above.length >= scan.limits.maxDepth) {
      scan.markIncomplete(`${quoteFolder(path)} has folders deeper than ${scan.limits.maxDepth}`)
      return undefined
    }
    return [...above, digest]
  }
}
