/** Types and constants that all parts share. */

/**
 * A value, or a promise of it. Available values are returned directly, so that the hot path never
 * waits a turn.
 */
export type Awaitable<T> = T | Promise<T>

/**
 * Digest algorithms, named as in RFC 9530 or IANA's "Hash Function Textual Names" if they are
 * listed there.
 */
export const ALGORITHMS = ['sha-256', 'sha-512', 'sha-1', 'md5', 'blake3', 'crc32c'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Digests of a whole file, as raw bytes. */
export type Digests = { readonly [A in Algorithm]?: Uint8Array }

/**
 * Properties that distinguish successive contents of a path. Equal identities are taken to mean
 * equal bytes. A digest is published only for the identity under which it was computed.
 */
export interface Identity {
  /** Size in bytes. */
  readonly size: number
  /** Time of the last modification, in nanoseconds since 1970; may be negative. */
  readonly mtimeNs: bigint
  /** Time of the last change of the inode, in nanoseconds since 1970. */
  readonly ctimeNs: bigint
  readonly inode: bigint
}

/** A file with its digests. */
export interface HashedFile {
  /**
   * Path below the root, with `/` between its parts and without a leading `/`: `iso/disk 1.iso`.
   */
  readonly path: string
  readonly identity: Identity
  readonly digests: Digests
}

/** A file of the index. */
export interface IndexedFile extends HashedFile {
  /**
   * Number of this content of this path; a changed content gets another number. Numbers are
   * unique, even across a new index that replaces a lost one. A safe integer, 0 or greater.
   */
  readonly number: number
}

/** Digests of equal parts of a file; the last part may be shorter. */
export interface Pieces {
  /** Length of a piece in bytes, a power of two. */
  readonly length: number
  /** The digests of all pieces, concatenated: 32 bytes each. */
  readonly sha256: Uint8Array
  /** The digests of all pieces, concatenated: 20 bytes each. */
  readonly sha1: Uint8Array
}

/**
 * An HTTP field line. Lines of the same name stay separate, because real clients read one link
 * per line.
 */
export type Field = readonly [name: string, value: string]

/** Degrees north and east. */
export type Coordinates = readonly [latitude: number, longitude: number]

/** A place on earth; unknown properties are absent. */
export interface Place {
  /** ISO 3166-1 alpha-2 code, in lower case. */
  readonly country?: string
  /** `af`, `an`, `as`, `eu`, `na`, `oc` or `sa`. */
  readonly continent?: string
  readonly coordinates?: Coordinates
  /** Whether `coordinates` are just the center of the country. */
  readonly approximate?: boolean
  /** Autonomous system number. */
  readonly asn?: number
}

export const FAMILIES = ['ipv4', 'ipv6'] as const
export type Family = (typeof FAMILIES)[number]

/** A client that sends a request. */
export interface Client extends Place {
  /** IPv4 or IPv6 address; empty if unknown. */
  readonly address: string
  /** Whether only the query of a request names this client: private mirrors are then not shown. */
  readonly assumed?: boolean
  /** Address family of the connection, if the address does not tell it. */
  readonly family?: Family
}

/** Which clients a mirror serves; see `docs/mirrors.md`. */
export const SERVES = ['world', 'continent', 'country', 'asn', 'subnet'] as const
export type Serves = (typeof SERVES)[number]

/** A mirror, checked and with all defaults filled in. */
export interface Mirror {
  readonly id: string
  /** Base URLs of the repository on the mirror, each ending in `/`, in the operator's order. */
  readonly urls: readonly string[]
  /**
   * URL for surveys only, never shown. May contain a user name, whose password is in
   * `RSYNC_PASSWORD`.
   */
  readonly rsync?: string | undefined
  readonly location?: string | undefined
  /** Other countries that the mirror serves like its own. */
  readonly countries: readonly string[]
  readonly coordinates?: Coordinates | undefined
  readonly asn: readonly number[]
  readonly subnets: readonly string[]
  /** The only address family by which the mirror is reached; absent if both or unknown. */
  readonly family?: Family | undefined
  /** Share among mirrors of equal proximity; 0 is never chosen. */
  readonly weight: number
  /**
   * Globs of the files that the mirror carries; an entry that begins with `!` excludes. Empty:
   * all files.
   */
  readonly paths: readonly string[]
  readonly serves: Serves
  /** Countries whose clients are never sent to the mirror. */
  readonly excludes: readonly string[]
  readonly sponsor?: { readonly name: string; readonly url?: string | undefined } | undefined
  readonly private: boolean
  readonly trust: boolean
  readonly enabled: boolean
  /**
   * Repository path of a trace file: it is on every good copy, has the time of the copy, and is
   * read by probes.
   */
  readonly trace?: string | undefined
  /** Milliseconds: an older copy is not given for files that changed since. Absent: any age. */
  readonly maxAge?: number | undefined
  /** Whether the mirror may redirect clients to other hosts. */
  readonly redirects: boolean
  /** Whether the mirror is probed; otherwise it counts as up. */
  readonly probe: boolean
}

/**
 * Condition of a mirror or an endpoint: `unknown` until the first probe, and then counted as up.
 */
export const CONDITIONS = ['unknown', 'up', 'down'] as const
export type Condition = (typeof CONDITIONS)[number]
/** Condition of a mirror, or `disabled` by its operator. */
export const MIRROR_STATES = [...CONDITIONS, 'disabled'] as const
export type MirrorState = (typeof MIRROR_STATES)[number]

/** Returns uniform random numbers, 0 ≤ n < 1. A parameter, so that tests are repeatable. */
export type Random = () => number

/** How the origin responds to a request for a file that mirrors hold. */
export const MODES = ['decorate', 'redirect'] as const
export type Mode = (typeof MODES)[number]

/** How `ETag` is computed, so that origin and mirrors can share a policy (RFC 6249 §3.1). */
export const ETAG_POLICIES = ['digest', 'nginx', 'apache'] as const
export type EtagPolicy = (typeof ETAG_POLICIES)[number]

/** How changes of a repository are followed: by watches, by repeated scans, or not at all. */
export type Watch = boolean | 'rescan'
