/**
 * What is known of the files of a mirror, in the form that costs least to read. It lives: what is learnt is seen by the next
 * request, without a new snapshot.
 */
export interface Inventory {
  /** Why the mirror is not given for a content, by its number; undefined where it holds it. */
  whyMissing(number: number): string | undefined
  /** Whether nobody has looked for it there. */
  isUnchecked(number: number): boolean
  /** Whether its ETag is known to be ours (RFC 6249 §3.1). */
  hasOurEtag(number: number): boolean
}

/** By the place of each candidate; undefined where a mirror is taken to hold everything. */
export type Inventories = readonly (Inventory | undefined)[]
