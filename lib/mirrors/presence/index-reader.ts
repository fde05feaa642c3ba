import type { Identity } from '../../model.js'
import { joinPath } from '../../paths.js'
import type { Store } from '../../store/store.js'
import { yieldToRequests } from './yield-to-requests.js'

/** A file of the index, as far as it takes to know it again on a mirror. */
export interface IndexedName {
  readonly path: string
  readonly number: number
  readonly identity: Identity
}

/** Files read in one go: a tenth of a millisecond in which requests wait. */
const PAGE_FILES = 100
/** Files of folders that are kept, for listings come back to a folder batch by batch. */
const MAX_CACHED_FILES = 1000
/** Folders that are kept, however large they are: a listing may go through several at once. */
const MIN_CACHED_FOLDERS = 8

type Folder = ReadonlyMap<string, IndexedName>

/**
 * Reads the index for those who compare it with mirrors: in small steps, for requests come first.
 */
export class IndexReader {
  readonly #store: Pick<Store, 'sample'>
  /** Those asked for lately, the last one at the end. */
  readonly #kept = new Map<string, Folder>()
  #keptFiles = 0
  /** What was read behind a folder: listings often go on there. */
  #ahead: readonly IndexedName[] = []

  constructor(store: Pick<Store, 'sample'>) {
    this.#store = store
  }

  /** The files directly in a folder, by their paths; a promise where they are to be read. */
  folder(folder: string): Folder | Promise<Folder> {
    const kept = this.#kept.get(folder)
    if (kept === undefined) return this.#read(folder)
    this.#kept.delete(folder)
    this.#kept.set(folder, kept)
    return kept
  }

  /** Every file, in batches. */
  all(): AsyncGenerator<readonly IndexedName[], void> {
    return pages(this.#store, '')
  }

  async #read(folder: string): Promise<Folder> {
    const files = new Map<string, IndexedName>()
    const isWithin = directlyIn(folder)
    const start = this.#ahead.findIndex(isWithin)
    let page: readonly IndexedName[] = start === -1 ? [] : this.#ahead.slice(start)
    let after = joinPath(folder, '')
    for (;;) {
      const end = page.findIndex((file) => !isWithin(file))
      this.#ahead = end === -1 ? [] : page.slice(end)
      for (const file of end === -1 ? page : page.slice(0, end)) files.set(file.path, file)
      if (end !== -1) break
      after = page.at(-1)?.path ?? after
      await yieldToRequests()
      page = await this.#store.sample(after, PAGE_FILES)
      if (page.length === 0) break
    }
    this.#keep(folder, files)
    return files
  }

  #keep(folder: string, files: Folder): void {
    this.#keptFiles -= this.#kept.get(folder)?.size ?? 0
    this.#kept.delete(folder)
    this.#kept.set(folder, files)
    this.#keptFiles += files.size
    for (const [oldest, { size }] of this.#kept) {
      if (
        this.#kept.size <= MIN_CACHED_FOLDERS ||
        (this.#keptFiles <= MAX_CACHED_FILES && this.#kept.size <= MAX_CACHED_FILES)
      )
        break
      this.#kept.delete(oldest)
      this.#keptFiles -= size
    }
  }
}

async function* pages(
  store: Pick<Store, 'sample'>,
  start: string,
): AsyncGenerator<readonly IndexedName[], void> {
  for (let after = start; ; ) {
    await yieldToRequests()
    const page = await store.sample(after, PAGE_FILES)
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (page.length < PAGE_FILES || last === undefined) return
    after = last.path
  }
}

/**
 * Whether a file is in a folder, and in none below. Asked of every file of the index: it makes no
 * strings.
 */
function directlyIn(folder: string): (file: IndexedName) => boolean {
  const start = joinPath(folder, '')
  return ({ path }) => path.startsWith(start) && !path.includes('/', start.length)
}
