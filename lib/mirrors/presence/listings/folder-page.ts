import { joinPath } from '../../../paths.js'
import { copyOf, quoteFolder } from './file-names.js'
import { Fingerprint } from './fingerprint.js'
import type { Listed } from './listing.js'
import type { ListingReader } from './listing-reader.js'

/** A folder to be listed. */
export interface Folder {
  /** Repository path; empty for the root. */
  readonly path: string
  /** Fingerprints of the folders above. */
  readonly ancestors: readonly string[]
  /** Whether modes deny the folder, or one above, to other users of the mirror's machine. */
  readonly isClosed: boolean
}

export const ROOT: Folder = { path: '', ancestors: [], isClosed: false }

/** An entry of a folder, in any kind of listing. */
export interface FolderEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly name: string
  /** Target of a link; undefined if the server does not name it. */
  readonly target: string | undefined
  readonly listed: Listed
  /** Whether its mode denies it to other users of the mirror's machine. */
  readonly isClosed?: true
}

/** Passes the entries of one folder to the reader, and collects its subfolders. */
export class FolderPage {
  readonly #reader: ListingReader
  readonly #folder: Folder
  readonly #fingerprint = new Fingerprint()
  readonly #subfolders: { readonly name: string; readonly isClosed: boolean }[] = []
  #isWhole = true

  constructor(reader: ListingReader, folder: Folder) {
    this.#reader = reader
    this.#folder = folder
  }

  /** @throws ListingAborted if the listing reaches one of its limits */
  add({ kind, name, target, listed, ...entry }: FolderEntry): void {
    const isClosed = entry.isClosed === true
    const path = this.#reader.pathOf(this.#folder.path, name)
    if (path === undefined) return
    this.#fingerprint.add({ name, folder: kind === 'folder', listed })
    if (kind === 'file') this.#reader.addFile(path, listed, isClosed || this.#folder.isClosed)
    if (kind === 'link') this.#reader.addLink(path, target)
    if (kind !== 'folder') return
    this.#reader.addFolder()
    if (!this.#reader.wantsFolder(path)) return
    this.#reader.folders.name(path)
    this.#subfolders.push({ name: copyOf(name), isClosed })
  }

  /** Reports a problem that leaves the listing complete. */
  remark(problem: string): void {
    this.#reader.remark(this.#ofFolder(problem))
  }

  /** Reports a problem that makes the listing incomplete. */
  markIncomplete(problem: string): void {
    this.#isWhole = false
    this.#reader.markIncomplete(this.#ofFolder(problem))
  }

  /** Notes that the folder was read to its end, unless something in it was not understood. */
  end(): void {
    if (this.#isWhole) this.#reader.folders.read(this.#folder.path)
  }

  /** Returns the subfolders to be listed next, with names. Call it once, after all entries. */
  subfolders(): readonly (Folder & { readonly name: string })[] {
    const { path, ancestors, isClosed: isWithinClosed } = this.#folder
    const descent = this.#fingerprint.checkDescent(this.#reader, path, ancestors)
    if (descent === undefined) return []
    return this.#subfolders.map(({ name, isClosed }) => ({
      name,
      path: joinPath(path, name),
      ancestors: descent,
      isClosed: isClosed || isWithinClosed,
    }))
  }

  #ofFolder(problem: string): string {
    return `${quoteFolder(this.#folder.path)}: ${problem}`
  }
}
