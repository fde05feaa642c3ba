import type { IndexedFile, Pieces } from '../../model.js'
import type { DocumentBody } from '../plan.js'
import type { RequestView } from '../view.js'

/** Data that rendering can need: ranked mirrors, piece digests, the URL of the document itself. */
export type RenderNeed = 'mirrors' | 'pieces' | 'url'

/** Returns a request field by its lower-case name. */
export type RequestHeader = RequestView['header']

/** URL of the file on a mirror or on this server. */
export interface FileUrl {
  readonly url: string
  /** Country of the mirror, lower case. Undefined for this server. */
  readonly location: string | undefined
}

/**
 * Data that a document is rendered from. `urls`, `pieces` and `url` are filled in only if `needs`
 * names them.
 */
export interface RenderInput {
  readonly file: IndexedFile
  /** The best mirror first, this server last. */
  readonly urls: readonly FileUrl[]
  /** Undefined if no piece digests are stored. */
  readonly pieces: Pieces | undefined
  /** Absolute URL of the document. Undefined if the URL of this server is unknown. */
  readonly url: string | undefined
  /** Every field that is read must be named in `vary`. */
  readonly header: RequestHeader
}

/** A kind of document about a file, such as its Metalink 4. `table.ts` lists all kinds. */
export interface Representation {
  /** Name in the query (`?meta4`) and in the option `representations`. */
  readonly name: string
  /** Makes the path of the document from the path of the file. A real file of that path wins. */
  readonly suffix?: string
  /** Media type in lower case, without parameters. */
  readonly type: string
  /** Whether `Accept` can select the document instead of the file. Default: false. */
  readonly negotiable?: boolean
  /** Whether fields of the file link to the document by `rel=describedby`. Default: false. */
  readonly advertised?: boolean
  readonly needs: readonly RenderNeed[]
  /** Request fields that change the document, apart from `Accept`. */
  readonly vary?: readonly string[]
  /** Returns true if the file can have such a document. */
  available(file: IndexedFile): boolean
  /** Returns the document. Called for HEAD too, so a stream must be lazy. */
  render(input: RenderInput): DocumentBody
  /**
   * Returns the length of a streamed document, if it is known before. Text and bytes are measured.
   */
  streamBytes?(input: RenderInput): number | undefined
  /**
   * Returns true if the client means the document where `Accept` weighs file and document the same.
   */
  winsTie?(header: RequestHeader): boolean
}
