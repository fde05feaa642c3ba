import type { Identity } from '../../model.js'
import { joinPath } from '../../paths.js'
import type { Store } from '../../store/store.js'
import { yieldToRequests } from './yield-to-requests.js'

/** The part of an indexed file that is compared with mirrors. */
export interface IndexedName {
  readonly path: string
  readonly number: number
  readonly identity: Identity
}

/** Files per read, which blocks requests for 0.1 ms. */
const PAGE_FILES = 100
/** Files in cached folders. The cache helps because listings return to a folder batch by batch. */
const MAX_CACHED_FILES = 1000
/** Folders that are cached whatever their size, because a listing may read several at once. */
const MIN_CACHED_FOLDERS = 8

type Folder = ReadonlyMap<string, IndexedName>

/** Reads the index for surveys, in small steps that let requests go first. */
export class IndexReader {
  readonly #store: Pick<Store, 'sample'>
  /** Cached folders, the most recently used last. */
  readonly #cached = new Map<string, Folder>()
  #cachedFiles = 0
  /** Files that were read beyond the last folder, where listings often go on. */
  #ahead: readonly IndexedName[] = []

  constructor(store: Pick<Store, 'sample'>) {
    this.#store = store
  }

  /** Returns the files directly in a folder by path; a promise unless the folder is cached. */
  folder(folder: string): Folder | Promise<Folder> {
    const cached = this.#cached.get(folder)
    if (cached === undefined) return this.#read(folder)
    this.#cached.delete(folder)
    this.#cached.set(folder, cached)
    return cached
  }

  /** Yields every file of the index, in batches. */
  all(): AsyncGenerator<readonly IndexedName[], void> {
    return pages(this.#store, '')
  }

  /** Yields every file of the index in batches: those after a path, then the others. */
  async *allFrom(after: string): AsyncGenerator<readonly IndexedName[], void> {
    yield* pages(this.#store, after)
    if (after === '') return
    for await (const page of this.all()) {
      const end = page.findIndex(({ path }) => path === after)
      yield end === -1 ? page : page.slice(0, end + 1)
      if (end !== -1) return
    }
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
    this.#cache(folder, files)
    return files
  }

  #cache(folder: string, files: Folder): void {
    this.#cachedFiles -= this.#cached.get(folder)?.size ?? 0
    this.#cached.delete(folder)
    this.#cached.set(folder, files)
    this.#cachedFiles += files.size
    for (const [oldest, { size }] of this.#cached) {
      if (
        this.#cached.size <= MIN_CACHED_FOLDERS ||
        (this.#cachedFiles <= MAX_CACHED_FILES && this.#cached.size <= MAX_CACHED_FILES)
      )
        break
      this.#cached.delete(oldest)
      this.#cachedFiles -= size
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
 * Returns a test for files directly in a folder. It runs for every file of the index, so it creates
 * no strings.
 */
function directlyIn(folder: string): (file: IndexedName) => boolean {
  const start = joinPath(folder, '')
  return ({ path }) => path.startsWith(start) && !path.includes('/', start.length)
}
