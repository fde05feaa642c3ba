import mime from 'mime-types'
import type { IndexedFile } from '../../model.js'
import { asksFor } from '../target.js'
import type { RequestView } from '../view.js'
import { preferredByAccept } from './negotiation.js'
import type { Representation } from './representation.js'
import { REPRESENTATIONS, type RepresentationName } from './table.js'

/** The representations that an origin offers. Finds the one that a request asks for. */
export class RepresentationSet {
  readonly #entries: readonly Representation[]
  readonly #longestSuffixFirst: readonly Representation[]
  readonly #negotiable: readonly Representation[]
  /** Representations that a file's fields link to. */
  readonly advertised: readonly Representation[]

  /** @param entries in the order of `Link` lines, which also breaks ties */
  constructor(entries: readonly Representation[]) {
    this.#entries = entries
    this.#longestSuffixFirst = entries
      .filter(({ suffix }) => suffix !== undefined)
      .toSorted((a, b) => suffixOf(b).length - suffixOf(a).length)
    this.#negotiable = entries.filter(({ negotiable }) => negotiable)
    this.advertised = entries.filter(({ advertised }) => advertised)
  }

  /** Whether `Accept` can change the response to a request for a file. */
  get isNegotiated(): boolean {
    return this.#negotiable.length > 0
  }

  /**
   * Returns the representations that a path can name by its suffix, with the path of the file.
   * Longest suffix first.
   */
  bySuffix(path: string): readonly NamedRepresentation[] {
    return this.#longestSuffixFirst
      .filter((entry) => path.endsWith(suffixOf(entry)))
      .map((representation) => ({ representation, path: path.slice(0, -suffixOf(representation).length) }))
  }

  /** Returns the representation of the file that the query names: `?meta4`. */
  byQuery(query: string, file: IndexedFile): Representation | undefined {
    if (query === '') return undefined
    return this.#entries.find((entry) => asksFor(query, entry.name) && entry.available(file))
  }

  /** Returns the representation of the file that `Accept` prefers to the file itself. */
  byAccept(view: Pick<RequestView, 'header'>, file: IndexedFile): Representation | undefined {
    // Most requests name none of the types. Those are recognised without parsing the field.
    const accept = view.header('accept')?.toLowerCase()
    if (accept === undefined || !this.#negotiable.some(({ type }) => accept.includes(type))) return undefined
    const available = this.#negotiable.filter((entry) => entry.available(file))
    return preferredByAccept(
      available,
      (name) => view.header(name),
      () => mime.lookup(file.path) || 'application/octet-stream',
    )
  }
}

/** Returns the set of the representations that have these names, in the order of the table. */
export function representationsNamed(names: readonly RepresentationName[]): RepresentationSet {
  return new RepresentationSet(REPRESENTATIONS.filter(({ name }) => names.some((wanted) => wanted === name)))
}

/** A representation, and the file that a path names it for. */
export interface NamedRepresentation {
  readonly representation: Representation
  readonly path: string
}

function suffixOf({ suffix = '' }: Representation): string {
  return suffix
}
