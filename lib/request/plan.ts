import type { Field, IndexedFile } from '../model.js'

/** The request is passed on to the application, as if mirrored-by were not mounted. */
export interface PassPlan {
  readonly kind: 'pass'
}

/**
 * The application responds. If its response carries the file, `fields` are added to it. See
 * `decoration`.
 */
export interface DecoratePlan {
  readonly kind: 'decorate'
  readonly file: IndexedFile
  /** Absolute path of the file. */
  readonly absolute: string
  readonly fields: readonly Field[]
  /** Added to a response without an entity tag. */
  readonly etag: string | undefined
}

export interface RedirectPlan {
  readonly kind: 'redirect'
  readonly status: 302
  readonly location: string
  readonly fields: readonly Field[]
}

/** Body of a document: text (sent as UTF-8), bytes, or a stream of bytes such as a `Readable`. */
export type DocumentBody = string | Uint8Array | AsyncIterable<Uint8Array>

/** A document about a file, made from the index. A HEAD gets the same fields without the body. */
export interface DocumentPlan {
  readonly kind: 'document'
  /** 304 if the client has the document. The body is empty then. */
  readonly status: 200 | 304
  /** With `Content-Length`, unless the body is a stream of unknown length. */
  readonly fields: readonly Field[]
  readonly body: DocumentBody
}

/** The origin sends the file itself, from one descriptor. See `fileResponse`. */
export interface FilePlan {
  readonly kind: 'file'
  readonly path: string
  /** Added if the file on disk is the indexed one. Absent if the path is not indexed. */
  readonly indexed?: { readonly file: IndexedFile; readonly fields: readonly Field[] }
}

/** The request is refused, with the reason as plain text. */
export interface RejectPlan {
  readonly kind: 'reject'
  readonly status: 400 | 405 | 412 | 503 | 508
  readonly fields: readonly Field[]
  readonly message: string
}

/** Decision on a request. Adapters carry it out and decide nothing. */
export type Plan = PassPlan | DecoratePlan | RedirectPlan | DocumentPlan | FilePlan | RejectPlan

export const PASS: PassPlan = { kind: 'pass' }
