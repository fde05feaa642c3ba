import type { Field, IndexedFile } from '../model.js'

/** Not ours: the request goes on as if mirrored-by were not there. */
export interface PassPlan {
  readonly kind: 'pass'
}

/** Whoever comes next answers; if that answer is this file's, `fields` are added to it. See `decoration`. */
export interface DecoratePlan {
  readonly kind: 'decorate'
  readonly file: IndexedFile
  /** The file's absolute path. */
  readonly absolute: string
  readonly fields: readonly Field[]
  /** Ours, for an answer that has none. */
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
  readonly status: 200
  /** With `Content-Length`, unless the body is a stream of unknown length. */
  readonly fields: readonly Field[]
  readonly body: DocumentBody
}

/** The origin sends the file itself, from one descriptor. See `answer`. */
export interface FilePlan {
  readonly kind: 'file'
  readonly path: string
  /** For the content that the index knows; absent where it knows none. */
  readonly indexed?: { readonly file: IndexedFile; readonly fields: readonly Field[] }
}

/** Refused, with a plain text that says why. */
export interface RejectPlan {
  readonly kind: 'reject'
  readonly status: 400 | 405 | 503
  readonly fields: readonly Field[]
  readonly message: string
}

/** What to do with a request. Adapters carry it out and decide nothing. */
export type Plan = PassPlan | DecoratePlan | RedirectPlan | DocumentPlan | FilePlan | RejectPlan

export const PASS: PassPlan = { kind: 'pass' }
