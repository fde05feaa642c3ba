/**
 * The files of a mirror, in a form that is fast to read. Updated in place: the next request sees
 * changes without a new snapshot.
 */
export interface Inventory {
  /** Returns why the mirror lacks a content; undefined if the mirror holds the content. */
  whyMissing(number: number): string | undefined
  /** Whether the mirror was never checked for the content. */
  isUnchecked(number: number): boolean
  /** Whether the mirror sends our ETag for the content (RFC 6249 §3.1). */
  hasOurEtag(number: number): boolean
}

/** Inventories by `Candidate.index`; undefined for mirrors that are assumed to hold everything. */
export type Inventories = readonly (Inventory | undefined)[]
