import type { PathFilter } from '../../../paths.js'
import type { FolderLog } from './folder-log.js'
import type { SymlinkMap } from './symlinks.js'

/** Precisions of listed times, in milliseconds. */
export const TIME_UNITS = { second: 1000, minute: 60_000, day: 86_400_000 } as const
export type TimeUnit = keyof typeof TIME_UNITS

/**
 * Size and time as a mirror lists them: often rounded, with the time often in the mirror's own
 * zone.
 */
export interface Listed {
  /** Bytes; undefined if not listed. */
  readonly size: number | undefined
  /** Bytes by which the true size may be smaller or larger; 0 if `size` is exact. */
  readonly sizePrecision: number
  /**
   * Milliseconds since 1970, rounded down to `mtimePrecision`; undefined if not listed. A time
   * without a zone is read as UTC; `findOffset` finds the difference.
   */
  readonly mtime: number | undefined
  readonly mtimePrecision: TimeUnit
}

/** A file as a mirror lists it. */
export interface RemoteFile extends Listed {
  /** Repository path, as in the index. */
  readonly path: string
  /** Set if the modes say that only some users of the mirror's machine can read the file. */
  readonly isClosed?: true
}

/** The result of a listing. */
export interface ListingOutcome {
  /**
   * Whether everything that the mirror lists was read. An unlisted file may still exist on a server
   * that hides names (see `listHttp`).
   */
  readonly complete: boolean
  /** Whether the listing ran to its end, although some folders could not be read. */
  readonly ended: boolean
  /** The folders that were read. */
  readonly folders: FolderLog
  /** Why the listing is incomplete, in one line without credentials. */
  readonly reason?: string
  /** Number of files passed on. */
  readonly files: number
  /** Bytes of listings that were read. */
  readonly bytes: number
  /** The first few problems, one line each. A complete listing may have problems too. */
  readonly problems: readonly string[]
  /** Number of all problems. */
  readonly problemCount: number
  /**
   * Symbolic links and redirects on the mirror. An unlisted file may be reachable by them. A server
   * that follows links itself reports none.
   */
  readonly links: SymlinkMap
}

/**
 * The files that a mirror lists, in batches. Requests start with the iteration, which can be done
 * once. The iteration never throws: an error ends it, after the files listed before the error.
 * Files that a mirror lists twice come twice.
 */
export interface Listing extends AsyncIterable<readonly RemoteFile[]> {
  /** Resolves when the iteration ends, also by `break`. Never rejects. */
  readonly outcome: Promise<ListingOutcome>
}

/**
 * Limits of a listing, because a mirror may be slow, endless or hostile. A listing that reaches one
 * ends incomplete.
 */
export interface ListingLimits {
  /** Time for the whole listing. Default: one hour. */
  readonly totalMs: number
  /** Time without a byte. Default: one minute. */
  readonly idleMs: number
  /** Default: 10 million. */
  readonly maxFiles: number
  /** Default: 250,000. */
  readonly maxFolders: number
  /** Symbolic links that the server reports. Default: 100,000. */
  readonly maxLinks: number
  /** Characters of the paths and targets of all links. Default: 16 million. */
  readonly maxLinkLength: number
  /** Bytes of listings as they are sent. Default: 4 GiB. */
  readonly maxBytes: number
  /** Nested folders. Deeper ones are left out. Default: 64. */
  readonly maxDepth: number
}

/** Options of all kinds of listings. */
export interface ListingOptions {
  /** Paths that belong to the repository. Default: all but dotfiles and temporary names. */
  readonly includes?: PathFilter
  /**
   * Returns whether a folder is listed. A listing of folders that we do not have costs time and
   * memory, and proves nothing. Default: all are listed.
   */
  readonly wantsFolder?: (path: string) => boolean
  readonly limits?: Partial<ListingLimits>
  /** Aborts the listing. */
  readonly signal?: AbortSignal
}
