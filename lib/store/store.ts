import { errorMessage, MirroredByError } from '../errors.js'
import type { Algorithm, Awaitable, HashedFile, Identity, IndexedFile, Pieces } from '../model.js'

/** What a scan needs to know of an indexed file to see whether it must be hashed again. */
export interface StoredFile {
  /** Its name in the folder. */
  readonly name: string
  readonly identity: Identity
  readonly number: number
  /** The algorithms whose digests are stored. */
  readonly algorithms: readonly Algorithm[]
}

/** What is told of a file where many are asked for. */
export type SampledFile = Pick<IndexedFile, 'path' | 'identity' | 'number'>

export type Change =
  | {
      readonly kind: 'put'
      /** It keeps the number of the file that is stored at its path where that is the same content by `sameContent`. */
      readonly file: HashedFile
      /** Only where the file has several; see `onlyPiece`. */
      readonly pieces?: Pieces | undefined
    }
  | { readonly kind: 'remove'; readonly path: string }
  /** The folder and everything below it. */
  | { readonly kind: 'removeFolder'; readonly folder: string }

export interface Totals {
  readonly files: number
  readonly bytes: number
}

/** Who may index: one process at a time, the others read. */
export interface Lease {
  /** Whether it is the one who asked. */
  readonly held: boolean
  /** Whoever has it. */
  readonly holder: string
  /** As the holder has said when it took or last renewed it; 0 where it was given back. */
  readonly expires: number
  /** Whether the holder's first pass is complete. */
  readonly complete: boolean
}

/**
 * Where the index is kept. Paths are repository paths; the folder of a file at the root is the empty one.
 *
 * A store may answer at once or by promise: whoever asks looks before waiting, so that a store at hand costs a request
 * no turn of the event loop. Every implementation passes the suite in `test/store/`.
 */
export interface Store {
  get(path: string): Awaitable<IndexedFile | undefined>
  /** Pieces as stored: none for a file of one piece. */
  pieces(path: string): Awaitable<Pieces | undefined>
  /** The files directly in a folder, in no order. */
  list(folder: string): Awaitable<readonly StoredFile[]>
  /** Every folder that holds a file directly, of those at and below `within`. */
  folders(within: string): Awaitable<readonly string[]>
  /**
   * Some files, at most so many, in the order of folders and then of names: those after a path, which need not be there.
   * The empty path is before all of them.
   */
  sample(after: string, most: number): Awaitable<readonly SampledFile[]>
  totals(): Awaitable<Totals>
  /** All of them or none, in their order. */
  apply(changes: readonly Change[]): Awaitable<void>
  /**
   * Takes the lease where nobody has it (any more), or keeps it. Whoever has not given it back has it, for as long as that
   * may be: a store has no clock, and who waits judges by `expires`.
   *
   * @param holder who asks
   * @param expires when the lease runs out unless kept, in milliseconds since 1970; 0 gives it back
   * @param complete whether the first pass of whoever asks is complete
   * @param instead a lease that is over: it is taken, unless it was renewed meanwhile
   */
  lease(
    holder: string,
    expires: number,
    complete: boolean,
    instead?: Pick<Lease, 'holder' | 'expires'>,
  ): Awaitable<Lease>
  /** A number that is another one after another process has changed the index. */
  version(): Awaitable<number>
  /** Everything applied is kept; nothing may be asked afterwards. */
  close(): Awaitable<void>
}

/**
 * The warning for a store that fails while the server runs.
 *
 * @param what does not work, and what becomes of it: `cannot be read`
 */
export function storeError(what: string, error: unknown): MirroredByError {
  return new MirroredByError('ERR_STORE', `the index ${what}: ${errorMessage(error)}`, error)
}
