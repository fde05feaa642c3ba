import mime from 'mime-types'
import { urlPath } from '../../fields/url.js'
import type { Mirror } from '../../model.js'
import type { SampledFile, Store } from '../../store/store.js'
import { basesOf, carriesOf } from '../ranking/paths.js'
import type { ProbeTarget } from './probe-target.js'

/** Files that one probe asks for: the second where the first is not there. */
const MAX_FILES = 2
/** Files looked at in one go, and goes for each place where a mirror may carry some. */
const PAGE = 100
const MAX_PAGES = 5
const MAX_BASES = 8
/** Milliseconds for which a choice is kept while its files are there. */
const CACHE_MS = 600_000

export const BASE_TARGET: ProbeTarget = { kind: 'base', path: '', urlPath: '', size: undefined, isPage: true }

interface Choice {
  readonly paths: readonly string[]
  readonly at: number
}

/**
 * Chooses what to ask mirrors for: what has been at the origin for long, and so should be everywhere. Of the files of the
 * index it looks at some hundred, not at all.
 */
export class ProbeTargets {
  readonly #store: Pick<Store, 'get' | 'sample'>
  readonly #now: () => number
  /** By the globs of a mirror. */
  readonly #choices = new Map<string, Choice>()

  /** @param now milliseconds since some moment */
  constructor(store: Pick<Store, 'get' | 'sample'>, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** What to ask a mirror for, in this order. Rejects where the store does. */
  async of({ trace, paths }: Mirror): Promise<readonly ProbeTarget[]> {
    if (trace !== undefined) return [subjectOf('trace', trace, undefined)]
    const kept = await this.#kept(paths)
    if (kept !== undefined) return kept
    const chosen = await this.#choose(paths)
    this.#choices.set(JSON.stringify(paths), { paths: chosen.map(({ path }) => path), at: this.#now() })
    if (chosen.length === 0) return [BASE_TARGET]
    return chosen.map(({ path, identity }) => subjectOf('file', path, identity.size))
  }

  /** The last choice, if it is still good: a file that is gone here is gone from good mirrors too. */
  async #kept(globs: readonly string[]): Promise<readonly ProbeTarget[] | undefined> {
    const choice = this.#choices.get(JSON.stringify(globs))
    if (choice === undefined || choice.paths.length === 0 || this.#now() - choice.at > CACHE_MS)
      return undefined
    const files = await Promise.all(choice.paths.map((path) => this.#store.get(path)))
    const present = files.filter((file) => file !== undefined)
    if (present.length < files.length) return undefined
    return present.map(({ path, identity }) => subjectOf('file', path, identity.size))
  }

  async #choose(globs: readonly string[]): Promise<readonly SampledFile[]> {
    const carries = carriesOf(globs)
    const found: SampledFile[] = []
    for (const base of basesOf(globs).slice(0, MAX_BASES)) {
      const itself = base === '' ? undefined : await this.#store.get(base)
      if (itself !== undefined && carries(base)) found.push(itself)
      let after = base === '' ? '' : `${base}/`
      for (let page = 0; page < MAX_PAGES && found.length < PAGE; page += 1) {
        const files = await this.#store.sample(after, PAGE)
        found.push(...files.filter(({ path }) => carries(path)))
        if (files.length < PAGE) break
        after = files.at(-1)?.path ?? after
      }
    }
    return found
      .filter(({ identity }) => identity.size > 1)
      .sort((one, other) => (one.identity.ctimeNs < other.identity.ctimeNs ? -1 : 1))
      .slice(0, MAX_FILES)
  }
}

function subjectOf(kind: 'trace' | 'file', path: string, size: number | undefined): ProbeTarget {
  return { kind, path, urlPath: urlPath(path), size, isPage: mime.lookup(path) === 'text/html' }
}
