import type { PathFilter } from '../../../paths.js'
import type { SymlinkMap } from './symlinks.js'

/** Milliseconds of the steps in which listings give times. */
export const TIME_UNITS = { second: 1000, minute: 60_000, day: 86_400_000 } as const
export type TimeUnit = keyof typeof TIME_UNITS

/** A size and a time as a mirror lists them: often rounded, and the time often in the mirror's own time zone. */
export interface Listed {
  /** Bytes; undefined where the listing does not say. */
  readonly size: number | undefined
  /** By how many bytes the true size may differ, either way; 0 where `size` is exact. */
  readonly sizePrecision: number
  /**
   * Milliseconds since 1970, cut to the step before; undefined where the listing does not say. A time without a zone is
   * read as if it were UTC: what that is off by, `findOffset` tells.
   */
  readonly mtime: number | undefined
  readonly mtimePrecision: TimeUnit
}

/** A file that a mirror says it has. */
export interface RemoteFile extends Listed {
  /** Repository path, as in the index. */
  readonly path: string
}

/** How a listing ended. */
export interface ListingOutcome {
  /**
   * Everything was read that the mirror had to say. A file that was not listed is then not shown there; whether a
   * server hides some names is another question (`listHttp`).
   */
  readonly complete: boolean
  /** Why it is not complete, in one line without credentials. */
  readonly reason?: string
  /** Files given. */
  readonly files: number
  /** Bytes of listings read. */
  readonly bytes: number
  /** What was odd on the way, incomplete or not: the first few, in one line each. */
  readonly problems: readonly string[]
  /** How many there were in all. */
  readonly problemCount: number
  /**
   * Which paths lead to others there, by symbolic links or redirects. A file that was not listed may be had over them. A
   * server that follows links by itself tells none.
   */
  readonly links: SymlinkMap
}

/**
 * What a mirror holds, in batches. Nothing is asked before it is read; it can be read once. It never throws: whatever
 * goes wrong ends it, after what was listed before. Where a mirror says something twice, so does the listing.
 */
export interface Listing extends AsyncIterable<readonly RemoteFile[]> {
  /** Settles when the reading ended, be it by `break`; never rejects. */
  readonly outcome: Promise<ListingOutcome>
}

/** What bounds a listing: a mirror may be slow, endless or hostile. Reaching one ends it as not complete. */
export interface ListingLimits {
  /** Milliseconds for the whole. Default: an hour. */
  readonly totalMs: number
  /** Milliseconds without a byte. Default: a minute. */
  readonly idleMs: number
  /** Default: ten million. */
  readonly maxFiles: number
  /** Default: a quarter of a million. */
  readonly maxFolders: number
  /** Symbolic links, where the server tells them. Default: 100,000. */
  readonly maxLinks: number
  /** Bytes of listings, as they are sent. Default: 4 GiB. */
  readonly maxBytes: number
  /** Folders within each other. What lies deeper is left out. Default: 64. */
  readonly maxDepth: number
}

/** What every scanner takes. */
export interface ListingOptions {
  /** Which paths belong to the repository. Default: all but dotfiles and temporary names. */
  readonly includes?: PathFilter
  readonly limits?: Partial<ListingLimits>
  /** Ends the listing at once. */
  readonly signal?: AbortSignal
}
