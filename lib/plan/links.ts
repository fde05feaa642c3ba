import type { DuplicateLines } from '../fields/budget.js'
import { describedbyLink, duplicateLink } from '../fields/link.js'
import { xMirroredBy } from '../fields/x-mirrored-by.js'
import type { Candidate } from '../mirrors/candidate.js'
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

/** Lines kept for one file: five mirrors at five priorities and a few more, about 300 bytes each. */
const MOST_LINES = 32
/** Names that this server is called by, at the same time. */
const MOST_NAMES = 8

/**
 * The links of one file as they were written lately. To join their strings anew costs a request more than to plan it: what
 * is joined has to be copied together when it is sent.
 */
export class Links {
  readonly #path: string
  readonly #urlPath: string
  readonly #descriptions: readonly Description[]
  readonly #describedBy = new Map<string, readonly Field[]>()
  readonly #byBase = new Map<string, (Duplicate | undefined)[]>()
  #lines = 0

  /**
   * @param path repository path of the file
   * @param urlPath the same as it is written in a URL
   */
  constructor(path: string, urlPath: string, descriptions: readonly Description[]) {
    this.#path = path
    this.#urlPath = urlPath
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
  duplicate(base: string, priority: number, { mirror, depthOf }: Candidate): Duplicate {
    const kept = this.#byBase.get(base)?.[priority]
    if (kept !== undefined) return kept
    const url = base + this.#urlPath
    const link = duplicateLink(url, priority, mirror.location, depthOf(this.#path))
    const made = { url, link, mirroredBy: xMirroredBy(url) }
    this.#keep(base, priority, made)
    return made
  }

  #keep(base: string, priority: number, made: Duplicate): void {
    if (this.#lines >= MOST_LINES) {
      this.#byBase.clear()
      this.#lines = 0
    }
    const lines = this.#byBase.get(base) ?? []
    this.#byBase.set(base, lines)
    lines[priority] = made
    this.#lines += 1
  }
}
