import type { DuplicateLines } from '../fields/budget.js'
import { duplicateLink } from '../fields/link.js'
import { xMirroredBy } from '../fields/x-mirrored-by.js'
import type { Ranked } from '../mirrors/snapshot.js'

/** Of one file, and the lines that say so. */
export interface Duplicate extends DuplicateLines {
  readonly url: string
}

/** Lines kept for one file: five mirrors at five priorities and a few more, about 300 bytes each. */
const MOST_LINES = 32

/**
 * The duplicates of one file as they were written lately. To join their strings anew costs a request more than to plan it:
 * what is joined has to be copied together when it is sent.
 */
export class Duplicates {
  readonly #urlPath: string
  readonly #byBase = new Map<string, (Duplicate | undefined)[]>()
  #lines = 0

  /** @param urlPath the file's path as it is written in a URL */
  constructor(urlPath: string) {
    this.#urlPath = urlPath
  }

  /**
   * @param base URL of the mirror
   * @param priority from 1
   */
  get(base: string, priority: number, { mirror }: Ranked): Duplicate {
    const kept = this.#byBase.get(base)?.[priority]
    if (kept !== undefined) return kept
    const url = base + this.#urlPath
    const made = { url, link: duplicateLink(url, priority, mirror.location), mirroredBy: xMirroredBy(url) }
    this.#keep(base, priority, made)
    return made
  }

  /** Forgets everything: the mirrors are others. */
  clear(): void {
    this.#byBase.clear()
    this.#lines = 0
  }

  #keep(base: string, priority: number, made: Duplicate): void {
    if (this.#lines >= MOST_LINES) this.clear()
    const lines = this.#byBase.get(base) ?? []
    this.#byBase.set(base, lines)
    lines[priority] = made
    this.#lines += 1
  }
}
