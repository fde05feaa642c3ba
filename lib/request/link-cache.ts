import type { DuplicateLines } from '../fields/budget.js'
import { describedbyLink, duplicateParameters } from '../fields/link.js'
import { xMirroredBy } from '../fields/x-mirrored-by.js'
import type { Candidate } from '../mirrors/ranking/candidate.js'
import { countParts } from '../mirrors/ranking/paths.js'
import type { Field } from '../model.js'

/** Copy of a file on a mirror, and the field lines that name it. */
export interface Duplicate extends DuplicateLines {
  readonly url: string
}

/**
 * Reason why a mirror is listed for a file. `assumed`: the mirror is taken to hold everything, so
 * its links have a `depth`. `verified`: a survey or a check found the file. `preferred`: a check
 * also found our ETag.
 */
export type Evidence = 'assumed' | 'verified' | 'preferred'

/** Link to a document about the file. */
export interface RepresentationLink {
  /** Name of the representation. */
  readonly name: string
  /** Path and query of the document as written below a base URL. */
  readonly urlPath: string
  /** Media type. */
  readonly type: string
}

/** Link ends kept for one file, about 100 bytes each: enough for 5 priorities in 50 countries. */
const MAX_ENDS = 250
/**
 * Bytes of links to documents that are kept for one file, for the host names in use. Strangers
 * choose these names, so their number alone would not bound the memory.
 */
const MAX_DESCRIBED_BY_BYTES = 4096
/** Link starts kept: one for each URL of a mirror. */
const MAX_STARTS = 10_000

/**
 * Makes the `Link` lines of one file. Each line is joined from two cached parts: the start (`<` and
 * the mirror's URL), and the end, which all mirrors of a country share. Joining more
 * parts would cost a request more than planning it: the engine walks through all parts when the
 * line is checked and sent. Caching whole lines would take one for each file, mirror and priority.
 */
export class LinkCache {
  readonly #path: string
  readonly #urlPath: string
  /** Number of parts of the path, for `depth`. */
  readonly #parts: number
  readonly #representations: readonly RepresentationLink[]
  /** By base URL. */
  readonly #describedBy = new Map<string, readonly Field[]>()
  #describedByBytes = 0
  /**
   * Ends by evidence, country and priority. For `assumed` mirrors, only ends whose depth is the
   * whole path.
   */
  readonly #ends: { readonly [E in Evidence]: Map<string | undefined, (string | undefined)[]> } = {
    assumed: new Map(),
    verified: new Map(),
    preferred: new Map(),
  }
  #endCount = 0

  /**
   * @param path repository path of the file
   * @param urlPath that path as written in a URL
   */
  constructor(path: string, urlPath: string, representations: readonly RepresentationLink[]) {
    this.#path = path
    this.#urlPath = flat(urlPath)
    this.#parts = countParts(path)
    this.#representations = representations
  }

  /**
   * Returns the links to documents about the file.
   *
   * @param base URL of the repository on this server
   */
  describedBy(base: string): readonly Field[] {
    const cached = this.#describedBy.get(base)
    if (cached !== undefined) return cached
    const links = this.#representations.map(({ urlPath, type }): Field => {
      const [name, value] = describedbyLink(base + urlPath, type)
      // Flat: a joined string would keep the whole text that the base was cut from.
      return [name, flat(value)]
    })
    this.#keepDescribedBy(flat(base), links)
    return links
  }

  #keepDescribedBy(base: string, links: readonly Field[]): void {
    const bytes = links.reduce((sum, [, value]) => sum + value.length, base.length)
    if (bytes > MAX_DESCRIBED_BY_BYTES) return
    if (this.#describedByBytes + bytes > MAX_DESCRIBED_BY_BYTES) {
      this.#describedBy.clear()
      this.#describedByBytes = 0
    }
    this.#describedBy.set(base, links)
    this.#describedByBytes += bytes
  }

  /**
   * Returns the link to the copy on a mirror.
   *
   * @param base URL of the mirror
   * @param priority from 1
   */
  duplicate(base: string, priority: number, candidate: Candidate, evidence: Evidence): Duplicate {
    const url = base + this.#urlPath
    const link: Field = ['Link', startOf(base) + this.#endFor(priority, candidate, evidence)]
    return { url, link, mirroredBy: xMirroredBy(url) }
  }

  #endFor(priority: number, { mirror: { location }, depthOf }: Candidate, evidence: Evidence): string {
    const depth = evidence === 'assumed' ? this.#depthBy(depthOf) : 0
    const isCacheable = evidence !== 'assumed' || depth === this.#parts
    const cached = isCacheable ? this.#ends[evidence].get(location)?.[priority] : undefined
    if (cached !== undefined) return cached
    const end = this.#urlPath + duplicateParameters(priority, location, depth, evidence === 'preferred')
    if (!isCacheable) return end
    const flatEnd = flat(end)
    this.#keep(location, priority, evidence, flatEnd)
    return flatEnd
  }

  #depthBy(depthOf: Candidate['depthOf']): number {
    // Mirrors that carry everything share this function.
    return depthOf === countParts ? this.#parts : depthOf(this.#path)
  }

  #keep(location: string | undefined, priority: number, evidence: Evidence, end: string): void {
    if (this.#endCount >= MAX_ENDS) {
      for (const ends of Object.values(this.#ends)) ends.clear()
      this.#endCount = 0
    }
    const ends = this.#ends[evidence].get(location) ?? []
    this.#ends[evidence].set(location, ends)
    ends[priority] = end
    this.#endCount += 1
  }
}

/** Link starts by the URL of the mirror. */
const starts = new Map<string, string>()

function startOf(base: string): string {
  const cached = starts.get(base)
  if (cached !== undefined) return cached
  const start = flat(`<${base}`)
  if (starts.size >= MAX_STARTS) starts.clear()
  starts.set(base, start)
  return start
}

/**
 * Returns the text as one flat string. The engine keeps a joined string as a tree of its parts,
 * which is slower to read. URLs are ASCII.
 */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
