import type { DuplicateLines } from '../fields/budget.js'
import { describedbyLink, duplicateParameters } from '../fields/link.js'
import { xMirroredBy } from '../fields/x-mirrored-by.js'
import type { Candidate } from '../mirrors/candidate.js'
import { countParts } from '../mirrors/paths.js'
import type { Field } from '../model.js'

/** Of one file, and the lines that say so. */
export interface Duplicate extends DuplicateLines {
  readonly url: string
}

/** A document about the file. */
export interface Description {
  /** As it is written below a base URL. */
  readonly urlPath: string
  readonly type: string
}

/** Ends of links kept for one file: five priorities in fifty countries, about 100 bytes each. */
const MOST_ENDS = 250
/** Names that this server is called by, at the same time. */
const MOST_NAMES = 8
/** Beginnings of links kept: one a URL of a mirror. */
const MOST_BEGINNINGS = 10_000

/**
 * The links of one file. They are written anew for each answer, of two parts that are kept: `<` with the URL of the mirror,
 * and the rest, which mirrors of one country share. What is joined of many parts costs a request more than to plan it,
 * for all of them have to be gone through when it is checked and sent; and to keep whole lines takes one a file, mirror and
 * priority.
 */
export class Links {
  readonly #path: string
  readonly #urlPath: string
  /** Parts of the path. */
  readonly #parts: number
  readonly #descriptions: readonly Description[]
  readonly #describedBy = new Map<string, readonly Field[]>()
  /** By country and priority; of mirrors that have all of the path. */
  readonly #ends = new Map<string | undefined, (string | undefined)[]>()
  #kept = 0

  /**
   * @param path repository path of the file
   * @param urlPath the same as it is written in a URL
   */
  constructor(path: string, urlPath: string, descriptions: readonly Description[]) {
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
    if (this.#describedBy.size >= MOST_NAMES) this.#describedBy.clear()
    this.#describedBy.set(base, made)
    return made
  }

  /**
   * @param base URL of the mirror
   * @param priority from 1
   */
  duplicate(base: string, priority: number, candidate: Candidate): Duplicate {
    const url = base + this.#urlPath
    const link: Field = ['Link', beginningOf(base) + this.#endFor(priority, candidate)]
    return { url, link, mirroredBy: xMirroredBy(url) }
  }

  #endFor(priority: number, { mirror: { location }, depthOf }: Candidate): string {
    // Those that carry everything share this very function.
    const depth = depthOf === countParts ? this.#parts : depthOf(this.#path)
    if (depth !== this.#parts) return this.#urlPath + duplicateParameters(priority, location, depth)
    const kept = this.#ends.get(location)?.[priority]
    if (kept !== undefined) return kept
    const made = flat(this.#urlPath + duplicateParameters(priority, location, depth))
    this.#keep(location, priority, made)
    return made
  }

  #keep(location: string | undefined, priority: number, end: string): void {
    if (this.#kept >= MOST_ENDS) {
      this.#ends.clear()
      this.#kept = 0
    }
    const ends = this.#ends.get(location) ?? []
    this.#ends.set(location, ends)
    ends[priority] = end
    this.#kept += 1
  }
}

const beginnings = new Map<string, string>()

function beginningOf(base: string): string {
  const kept = beginnings.get(base)
  if (kept !== undefined) return kept
  const made = flat(`<${base}`)
  if (beginnings.size >= MOST_BEGINNINGS) beginnings.clear()
  beginnings.set(base, made)
  return made
}

/** The same text in one piece: the engine keeps what was joined as the parts that it was joined of. All URLs are ASCII. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
