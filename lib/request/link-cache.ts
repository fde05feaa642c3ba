import type { DuplicateLines } from '../fields/budget.js'
import { describedbyLink, duplicateParameters } from '../fields/link.js'
import { xMirroredBy } from '../fields/x-mirrored-by.js'
import type { Candidate } from '../mirrors/ranking/candidate.js'
import { countParts } from '../mirrors/ranking/paths.js'
import type { Field } from '../model.js'

/** Of one file, and the lines that say so. */
export interface Duplicate extends DuplicateLines {
  readonly url: string
}

/**
 * Why a mirror is taken to hold the file. Of one that is taken to hold everything (`assumed`) more is said than this file: its
 * `depth`. `preferred` mirrors were seen to send it with our ETag.
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

/** Ends of links kept for one file: five priorities in fifty countries, preferred or not, about 100 bytes each. */
const MAX_ENDS = 250
/** Names that this server is called by, at the same time. */
const MAX_BASES = 8
/** Beginnings of links kept: one a URL of a mirror. */
const MAX_BEGINNINGS = 10_000

/**
 * The links of one file. They are written anew for each answer, of two parts that are kept: `<` with the URL of the mirror,
 * and the rest, which mirrors of one country share. What is joined of many parts costs a request more than to plan it,
 * for all of them have to be gone through when it is checked and sent; and to keep whole lines takes one a file, mirror and
 * priority.
 */
export class LinkCache {
  readonly #path: string
  readonly #urlPath: string
  /** Parts of the path. */
  readonly #parts: number
  readonly #descriptions: readonly RepresentationLink[]
  readonly #describedBy = new Map<string, readonly Field[]>()
  /** By evidence, country and priority; of mirrors that have all of the path, where more than the file is known of them. */
  readonly #ends: { readonly [E in Evidence]: Map<string | undefined, (string | undefined)[]> } = {
    assumed: new Map(),
    verified: new Map(),
    preferred: new Map(),
  }
  #kept = 0

  /**
   * @param path repository path of the file
   * @param urlPath the same as it is written in a URL
   */
  constructor(path: string, urlPath: string, descriptions: readonly RepresentationLink[]) {
    this.#path = path
    this.#urlPath = flat(urlPath)
    this.#parts = countParts(path)
    this.#descriptions = descriptions
  }

  /** @param base URL of the repository on this server */
  describedBy(base: string): readonly Field[] {
    const kept = this.#describedBy.get(base)
    if (kept !== undefined) return kept
    const made = this.#descriptions.map(({ urlPath, type }) => describedbyLink(base + urlPath, type))
    if (this.#describedBy.size >= MAX_BASES) this.#describedBy.clear()
    this.#describedBy.set(base, made)
    return made
  }

  /**
   * @param base URL of the mirror
   * @param priority from 1
   */
  duplicate(base: string, priority: number, candidate: Candidate, evidence: Evidence): Duplicate {
    const url = base + this.#urlPath
    const link: Field = ['Link', beginningOf(base) + this.#endFor(priority, candidate, evidence)]
    return { url, link, mirroredBy: xMirroredBy(url) }
  }

  #endFor(priority: number, { mirror: { location }, depthOf }: Candidate, evidence: Evidence): string {
    const depth = evidence === 'assumed' ? this.#depthBy(depthOf) : 0
    const isUsual = evidence !== 'assumed' || depth === this.#parts
    const kept = isUsual ? this.#ends[evidence].get(location)?.[priority] : undefined
    if (kept !== undefined) return kept
    const end = this.#urlPath + duplicateParameters(priority, location, depth, evidence === 'preferred')
    if (!isUsual) return end
    const made = flat(end)
    this.#keep(location, priority, evidence, made)
    return made
  }

  #depthBy(depthOf: Candidate['depthOf']): number {
    // Those that carry everything share this very function.
    return depthOf === countParts ? this.#parts : depthOf(this.#path)
  }

  #keep(location: string | undefined, priority: number, evidence: Evidence, end: string): void {
    if (this.#kept >= MAX_ENDS) {
      for (const ends of Object.values(this.#ends)) ends.clear()
      this.#kept = 0
    }
    const ends = this.#ends[evidence].get(location) ?? []
    this.#ends[evidence].set(location, ends)
    ends[priority] = end
    this.#kept += 1
  }
}

const beginnings = new Map<string, string>()

function beginningOf(base: string): string {
  const kept = beginnings.get(base)
  if (kept !== undefined) return kept
  const made = flat(`<${base}`)
  if (beginnings.size >= MAX_BEGINNINGS) beginnings.clear()
  beginnings.set(base, made)
  return made
}

/** The same text in one piece: the engine keeps what was joined as the parts that it was joined of. All URLs are ASCII. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
