import mime from 'mime-types'
import { urlPath } from '../../fields/url.js'
import type { Mirror } from '../../model.js'
import type { SampledFile, Store } from '../../store/store.js'
import { basesOf, carriesOf } from '../ranking/paths.js'
import type { ProbeTarget } from './probe-target.js'

/** Files per probe: the second is requested if the mirror lacks the first. */
const MAX_FILES = 2
const PAGE_FILES = 100
/** Pages of the index that are read for each folder a mirror is restricted to. */
const MAX_PAGES = 5
/** Folders that are read for a mirror that carries several. */
const MAX_BASES = 8
/** How long a choice is kept while its files exist. */
const CACHE_MS = 600_000

export const BASE_TARGET: ProbeTarget = { kind: 'base', path: '', urlPath: '', size: undefined, isPage: true }

interface Choice {
  readonly paths: readonly string[]
  /** By the steady clock. */
  readonly at: number
}

/**
 * Chooses the files that probes request: old ones, because every mirror should have them by now.
 * Reads a few hundred files of the index, not all of it.
 */
export class ProbeTargets {
  readonly #store: Pick<Store, 'get' | 'sample'>
  readonly #now: () => number
  /** By the globs of a mirror, as JSON. */
  readonly #choices = new Map<string, Choice>()

  /** @param now returns the time in milliseconds of a clock that is never set */
  constructor(store: Pick<Store, 'get' | 'sample'>, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** Returns a mirror's targets in the order of preference. Rejects if the store does. */
  async of({ trace, paths }: Mirror): Promise<readonly ProbeTarget[]> {
    if (trace !== undefined) return [targetFor('trace', trace, undefined)]
    const cached = await this.#cached(paths)
    if (cached !== undefined) return cached
    const files = await this.#choose(paths)
    this.#choices.set(JSON.stringify(paths), { paths: files.map(({ path }) => path), at: this.#now() })
    if (files.length === 0) return [BASE_TARGET]
    return files.map(({ path, identity }) => targetFor('file', path, identity.size))
  }

  /**
   * Returns the last choice while all of its files are indexed: a file that was deleted here has
   * been deleted from good mirrors too.
   */
  async #cached(globs: readonly string[]): Promise<readonly ProbeTarget[] | undefined> {
    const choice = this.#choices.get(JSON.stringify(globs))
    if (choice === undefined || choice.paths.length === 0 || this.#now() - choice.at > CACHE_MS)
      return undefined
    const files = await Promise.all(choice.paths.map((path) => this.#store.get(path)))
    const present = files.filter((file) => file !== undefined)
    if (present.length < files.length) return undefined
    return present.map(({ path, identity }) => targetFor('file', path, identity.size))
  }

  async #choose(globs: readonly string[]): Promise<readonly SampledFile[]> {
    const carries = carriesOf(globs)
    const candidates: SampledFile[] = []
    for (const base of basesOf(globs).slice(0, MAX_BASES)) {
      const file = base === '' ? undefined : await this.#store.get(base)
      if (file !== undefined && carries(base)) candidates.push(file)
      let after = base === '' ? '' : `${base}/`
      for (let page = 0; page < MAX_PAGES && candidates.length < PAGE_FILES; page += 1) {
        const files = await this.#store.sample(after, PAGE_FILES)
        candidates.push(...files.filter(({ path }) => carries(path)))
        if (files.length < PAGE_FILES) break
        after = files.at(-1)?.path ?? after
      }
    }
    return candidates
      .filter(({ identity }) => identity.size > 1)
      .sort((one, other) => (one.identity.ctimeNs < other.identity.ctimeNs ? -1 : 1))
      .slice(0, MAX_FILES)
  }
}

function targetFor(kind: 'trace' | 'file', path: string, size: number | undefined): ProbeTarget {
  return { kind, path, urlPath: urlPath(path), size, isPage: mime.lookup(path) === 'text/html' }
}
