import { errorMessage, MirroredByError } from '../errors.js'
import type { Algorithm, Awaitable, HashedFile, Identity, IndexedFile, Pieces } from '../model.js'

/**
 * The columns returned by `list()`: those by which a scan decides whether a file must be hashed
 * again.
 */
export interface StoredFile {
  /** Name in the folder. */
  readonly name: string
  readonly identity: Identity
  readonly number: number
  /** Algorithms of which digests are stored. */
  readonly algorithms: readonly Algorithm[]
}

/** The columns returned by `sample()`. */
export type SampledFile = Pick<IndexedFile, 'path' | 'identity' | 'number'>

export type Change =
  | {
      readonly kind: 'put'
      /**
       * Keeps the number of the file that is stored at its path if the contents are equal by
       * `sameContent`.
       */
      readonly file: HashedFile
      /** Absent if the file has at most one piece; see `onlyPiece`. */
      readonly pieces?: Pieces | undefined
    }
  | { readonly kind: 'remove'; readonly path: string }
  /** Removes a folder and everything below it. */
  | { readonly kind: 'removeFolder'; readonly folder: string }

export interface Totals {
  readonly files: number
  readonly bytes: number
}

/** The right to index, which one process has at a time. Other processes read. */
export interface Lease {
  /** Whether the caller holds the lease. */
  readonly held: boolean
  readonly holder: string
  /** Expiry given by the holder when it last renewed the lease; 0 if it gave the lease back. */
  readonly expires: number
  /** Whether the holder's first pass is complete. */
  readonly complete: boolean
}

/**
 * A store of the index. Paths are repository paths; the folder of a file at the root is empty.
 *
 * Methods may return values or promises. Callers await promises only, so that a synchronous store
 * costs a request no turn of the event loop. Every implementation passes the suite in
 * `test/store/suite.ts`.
 */
export interface Store {
  get(path: string): Awaitable<IndexedFile | undefined>
  /** Returns the stored pieces; undefined for a file of one piece. */
  pieces(path: string): Awaitable<Pieces | undefined>
  /** Returns the files directly in a folder, in any order. */
  list(folder: string): Awaitable<readonly StoredFile[]>
  /** Returns the folders at and below `within` that directly contain a file. */
  folders(within: string): Awaitable<readonly string[]>
  /**
   * Returns the files after a path, sorted by folder and then by name.
   *
   * @param after a path that need not be in the index; the empty path comes before all files
   * @param maxFiles maximum number of files to return
   */
  sample(after: string, maxFiles: number): Awaitable<readonly SampledFile[]>
  totals(): Awaitable<Totals>
  /** Applies all changes or none, in their order. */
  apply(changes: readonly Change[]): Awaitable<void>
  /**
   * Takes or renews the lease, if it is free or held by the caller. A lease stays held until it
   * is given back, because a store has no clock: callers judge by `expires` whether it is over.
   *
   * @param holder name of the caller
   * @param expires when the lease runs out unless renewed, in milliseconds since 1970; 0 gives it
   * back
   * @param complete whether the first pass of the caller is complete
   * @param instead a lease that is over: the caller takes it, unless it was renewed meanwhile
   */
  lease(
    holder: string,
    expires: number,
    complete: boolean,
    instead?: Pick<Lease, 'holder' | 'expires'>,
  ): Awaitable<Lease>
  /** Returns a number that differs after another process has changed the index. */
  version(): Awaitable<number>
  /** Closes the store, which keeps all applied changes. No method may be called afterwards. */
  close(): Awaitable<void>
}

/**
 * Returns the warning for a store that fails while the server runs.
 *
 * @param failure what fails, and its consequence: `cannot be read`
 */
export function storeError(failure: string, error: unknown): MirroredByError {
  return new MirroredByError('ERR_STORE', `the index ${failure}: ${errorMessage(error)}`, error)
}
