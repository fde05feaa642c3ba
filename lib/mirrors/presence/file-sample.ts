import type { Random } from '../../model.js'
import type { IndexedName } from './index-reader.js'

/** Paths of held files that are checked one by one after a survey, without duplicates. */
export interface FileSample {
  /** Newest first: a web server that is behind its rsync module lacks these. */
  readonly newest: readonly string[]
  /** Random files, and one of each compressed type. */
  readonly any: readonly string[]
  /** Files so large that some servers report their size modulo 2^31 or 2^32. */
  readonly large: readonly string[]
}

const MAX_NEWEST = 100
const MAX_RANDOM = 6
const MAX_LARGE = 1000
const LARGE_BYTES = 2 ** 31
/** Types that some servers send with a content coding, so that clients unpack them. */
const CODED = /\.(?:gz|tgz|svgz|Z|taz|bz2|tbz|xz|txz|zst|br)$/

/** Chooses the sample while it sees each held file once. */
export class SampleTaker {
  readonly #random: Random
  readonly #newest: { readonly path: string; readonly ctimeNs: bigint }[] = []
  readonly #any: string[] = []
  readonly #coded = new Map<string, string>()
  readonly #large: string[] = []
  #count = 0

  constructor(random: Random) {
    this.#random = random
  }

  add({ path, identity: { size, ctimeNs } }: IndexedName): void {
    this.#count += 1
    // Reservoir sampling: every file has the same chance.
    const place = this.#any.length < MAX_RANDOM ? this.#any.length : Math.floor(this.#random() * this.#count)
    if (place < MAX_RANDOM) this.#any[place] = path
    if (size >= LARGE_BYTES && this.#large.length < MAX_LARGE) this.#large.push(path)
    const coded = CODED.exec(path)?.[0]
    if (coded !== undefined && !this.#coded.has(coded)) this.#coded.set(coded, path)
    this.#addNewest(path, ctimeNs)
  }

  get taken(): FileSample {
    const newest = this.#newest.map(({ path }) => path)
    const others = new Set([...this.#any, ...this.#coded.values()])
    for (const path of newest) others.delete(path)
    const large = this.#large.filter((path) => !others.has(path) && !newest.includes(path))
    return { newest, any: [...others], large }
  }

  #addNewest(path: string, ctimeNs: bigint): void {
    const oldest = this.#newest.at(-1)
    if (this.#newest.length >= MAX_NEWEST && oldest !== undefined && ctimeNs <= oldest.ctimeNs) return
    const place = this.#newest.findIndex((other) => other.ctimeNs < ctimeNs)
    this.#newest.splice(place === -1 ? this.#newest.length : place, 0, { path, ctimeNs })
    if (this.#newest.length > MAX_NEWEST) this.#newest.pop()
  }
}
