import { LRUCache } from 'lru-cache'
import { DIGEST_NAMES, digestFields } from '../fields/digest.js'
import { etagOf } from '../fields/etag.js'
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
import type { Representation } from './representations/representation.js'
import { RepresentationSet } from './representations/representation-set.js'
import { REPRESENTATIONS } from './representations/table.js'

/** Algorithms that `Digest` can name, in the order of its lines. */
export const DIGEST_ALGORITHMS: readonly Algorithm[] = ALGORITHMS.filter(
  (algorithm) => DIGEST_NAMES[algorithm] !== undefined,
)

/**
 * A file, and the parts that all responses about it share. Made once, and kept until the file
 * changes.
 */
export interface CachedFile {
  readonly file: IndexedFile
  /**
   * Last change in milliseconds since 1970. Mirrors with an older copy of the repository lack this
   * content.
   */
  readonly changed: number
  /** Path as written in a URL. */
  readonly urlPath: string
  /** Advertised documents about the file, in the order of their `Link` lines. */
  readonly representationLinks: readonly RepresentationLink[]
  readonly links: LinkCache
  readonly digests: readonly Field[]
  readonly reprDigest: readonly Field[]
  readonly xMd5: readonly Field[]
  readonly etag: string | undefined
}

/** Each takes about 2 KB, and up to 10 KB more if many mirrors were listed for the file. */
const MAX_FILES = 5000

/**
 * Finds files for requests. A bounded cache in front of the store, which must be told of every
 * change.
 */
export class FileCache {
  /** The representations that are offered. */
  readonly representations: RepresentationSet
  readonly #store: Pick<Store, 'get'>
  readonly #etag: EtagPolicy
  readonly #cache = new LRUCache<string, CachedFile>({ max: MAX_FILES })
  /**
   * Number of changes so far. A file that the store was asked for before a change must not be
   * cached after it.
   */
  #changes = 0

  constructor(
    store: Pick<Store, 'get'>,
    etag: EtagPolicy,
    representations = new RepresentationSet(REPRESENTATIONS),
  ) {
    this.#store = store
    this.#etag = etag
    this.representations = representations
  }

  /** Returns the file of a path. Synchronous if the file is cached or the store is synchronous. */
  get(path: string): Awaitable<CachedFile | undefined> {
    const cached = this.#cache.get(path)
    if (cached !== undefined) return cached
    if (path === '' || path.endsWith('/')) return undefined
    const file = this.#store.get(path)
    if (file === undefined) return undefined
    // Only advertised representations cost a look-up here: their URLs are in every response.
    const siblings = this.representations.advertised.map((entry) => this.#siblingOf(path, entry))
    return file instanceof Promise || !areKnown(siblings)
      ? this.#load(path, file, siblings)
      : this.#keep(path, this.#make(file, siblings))
  }

  /**
   * Returns the path of a document about a file as written below a base URL. The path ends in the
   * suffix of the representation, or in its query if a real file has that path.
   */
  documentPath(cached: CachedFile, representation: Representation): Awaitable<string> {
    const link = cached.representationLinks.find(({ name }) => name === representation.name)
    if (link !== undefined) return link.urlPath
    const sibling = this.#siblingOf(cached.file.path, representation)
    return sibling instanceof Promise
      ? sibling.then((file) => documentPath(cached.urlPath, representation, file))
      : documentPath(cached.urlPath, representation, sibling)
  }

  /** Drops paths that changed. */
  forget(paths: readonly string[]): void {
    this.#changes += 1
    for (const path of paths) {
      this.#cache.delete(path)
      // A real `x.meta4` takes the path of the Metalink of `x`, whose links change with it.
      for (const { suffix } of this.representations.advertised)
        if (suffix !== undefined && path.endsWith(suffix)) this.#cache.delete(path.slice(0, -suffix.length))
    }
  }

  /** Drops all files, for changes of unknown paths. */
  clear(): void {
    this.#changes += 1
    this.#cache.clear()
  }

  /** Looks up the real file that has the path of a document. */
  #siblingOf(path: string, { suffix }: Representation): Awaitable<IndexedFile | undefined> {
    return suffix === undefined ? undefined : this.#store.get(path + suffix)
  }

  async #load(
    path: string,
    fileFound: Awaitable<IndexedFile | undefined>,
    siblingsFound: readonly Awaitable<IndexedFile | undefined>[],
  ): Promise<CachedFile | undefined> {
    const changes = this.#changes
    const [file, ...siblings] = await Promise.all([fileFound, ...siblingsFound])
    if (file === undefined) return undefined
    const cached = this.#make(file, siblings)
    return changes === this.#changes ? this.#keep(path, cached) : cached
  }

  #keep(path: string, cached: CachedFile): CachedFile {
    this.#cache.set(path, cached)
    return cached
  }

  /**
   * @param siblings real files that have the paths of the advertised representations, in their
   * order
   */
  #make(file: IndexedFile, siblings: readonly (IndexedFile | undefined)[]): CachedFile {
    const path = urlPath(file.path)
    const representationLinks = this.representations.advertised.flatMap((entry, index) => {
      const { name, type } = entry
      return entry.available(file)
        ? [{ name, type, urlPath: documentPath(path, entry, siblings[index]) }]
        : []
    })
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

/** @param sibling real file that has the path of the document */
function documentPath(
  urlPath: string,
  { name, suffix }: Representation,
  sibling: IndexedFile | undefined,
): string {
  return suffix === undefined || sibling !== undefined ? `${urlPath}?${name}` : urlPath + suffix
}

function areKnown<T>(values: readonly Awaitable<T>[]): values is readonly Awaited<T>[] {
  return !values.some((value) => value instanceof Promise)
}
