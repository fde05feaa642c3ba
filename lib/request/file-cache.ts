import { LRUCache } from 'lru-cache'
import { DIGEST_NAMES, digestFields } from '../fields/digest.js'
import { etagOf } from '../fields/etag.js'
import { METALINK4_TYPE } from '../fields/link.js'
import { REPR_DIGEST_DEFAULTS, reprDigestFields } from '../fields/repr-digest.js'
import { urlPath } from '../fields/url.js'
import { xMd5 } from '../fields/x-md5.js'
import { changedAt } from '../identity.js'
import {
  ALGORITHMS,
  type Algorithm,
  type Awaitable,
  type EtagPolicy,
  type Field,
  type IndexedFile,
} from '../model.js'
import type { Store } from '../store/store.js'
import { LinkCache, type RepresentationLink } from './link-cache.js'
import { isXmlText } from './representations/xml.js'

/** The name under which a file's metalink is found, added to its own. */
export const METALINK4_SUFFIX = '.meta4'

/** Algorithms that `Digest` can name, in the order of its lines. */
export const DIGEST_ALGORITHMS: readonly Algorithm[] = ALGORITHMS.filter(
  (algorithm) => DIGEST_NAMES[algorithm] !== undefined,
)

/** What answers about a file have in common, made once and kept while the file stays the same. */
export interface CachedFile {
  readonly file: IndexedFile
  /** When it changed last, in milliseconds since 1970: older copies of the repository do not have it as it is. */
  readonly changed: number
  /** The path as it is written in a URL. */
  readonly urlPath: string
  /** Documents that describe it: URL below the base, and type. */
  readonly representationLinks: readonly RepresentationLink[]
  readonly links: LinkCache
  readonly digests: readonly Field[]
  readonly reprDigest: readonly Field[]
  readonly xMd5: readonly Field[]
  readonly etag: string | undefined
}

/** Entries kept in memory: about 2 KB each, and up to 10 KB more for a file of which many mirrors were named. */
const MAX_FILES = 5000

/** Finds files for requests: a bounded cache before the store, told of every change. */
export class FileCache {
  readonly #store: Store
  readonly #etag: EtagPolicy
  readonly #cache = new LRUCache<string, CachedFile>({ max: MAX_FILES })
  /** Counts changes: an answer of the store that was asked for before one must not be kept after it. */
  #changes = 0

  constructor(store: Store, etag: EtagPolicy) {
    this.#store = store
    this.#etag = etag
  }

  /** The entry of a path: at once where it is cached or the store answers at once. */
  get(path: string): Awaitable<CachedFile | undefined> {
    const cached = this.#cache.get(path)
    if (cached !== undefined) return cached
    if (path === '' || path.endsWith('/')) return undefined
    const file = this.#store.get(path)
    if (file === undefined) return undefined
    const namesake = this.#store.get(path + METALINK4_SUFFIX)
    return file instanceof Promise || namesake instanceof Promise
      ? this.#load(path, file, namesake)
      : this.#keep(path, this.#make(file, namesake !== undefined))
  }

  /** Forgets paths that changed. */
  forget(paths: readonly string[]): void {
    this.#changes += 1
    for (const path of paths) {
      this.#cache.delete(path)
      // A real `x.meta4` takes the name of the metalink of `x`.
      if (path.endsWith(METALINK4_SUFFIX)) this.#cache.delete(path.slice(0, -METALINK4_SUFFIX.length))
    }
  }

  /** Forgets everything, where it is not known what changed. */
  clear(): void {
    this.#changes += 1
    this.#cache.clear()
  }

  async #load(
    path: string,
    asked: Awaitable<IndexedFile | undefined>,
    namesake: Awaitable<IndexedFile | undefined>,
  ): Promise<CachedFile | undefined> {
    const changes = this.#changes
    const [file, taken] = await Promise.all([asked, namesake])
    if (file === undefined) return undefined
    const entry = this.#make(file, taken !== undefined)
    return changes === this.#changes ? this.#keep(path, entry) : entry
  }

  #keep(path: string, entry: CachedFile): CachedFile {
    this.#cache.set(path, entry)
    return entry
  }

  #make(file: IndexedFile, metalinkNameTaken: boolean): CachedFile {
    const path = urlPath(file.path)
    // A name that XML cannot hold has no metalink.
    const representationLinks = isXmlText(file.path)
      ? [{ urlPath: `${path}${metalinkNameTaken ? '?meta4' : METALINK4_SUFFIX}`, type: METALINK4_TYPE }]
      : []
    return {
      file,
      changed: changedAt(file.identity),
      urlPath: path,
      representationLinks,
      links: new LinkCache(file.path, path, representationLinks),
      digests: digestFields(file.digests, DIGEST_ALGORITHMS),
      reprDigest: reprDigestFields(file.digests, REPR_DIGEST_DEFAULTS),
      xMd5: xMd5(file.digests),
      etag: etagOf(this.#etag, file.identity, file.digests),
    }
  }
}
