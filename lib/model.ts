/**
 * The words that every part of mirrored-by shares. Types and constants only; nothing here does anything.
 */

/** A value, or the promise of one. What is at hand is returned as it is, so that the hot path never waits a turn. */
export type Awaitable<T> = T | Promise<T>

/** Digest algorithms, by their names in RFC 9530 and in IANA's "Hash Function Textual Names" where they have one. */
export const ALGORITHMS = ['sha-256', 'sha-512', 'sha-1', 'md5', 'blake3', 'crc32c'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Digests of a whole file, as raw bytes. */
export type Digests = { readonly [A in Algorithm]?: Uint8Array }

/**
 * What tells one content of a path from the next. Two equal identities are taken to be the same bytes; a digest is
 * published only for the identity under which it was computed.
 */
export interface Identity {
  /** Bytes. */
  readonly size: number
  /** Last modification, in nanoseconds since 1970; may be negative. */
  readonly mtimeNs: bigint
  /** Last change of the inode, in nanoseconds since 1970. */
  readonly ctimeNs: bigint
  readonly inode: bigint
}

/** A file, read and digested. */
export interface HashedFile {
  /** Below the root, parts joined by `/`, without a leading one: `iso/disk 1.iso`. */
  readonly path: string
  readonly identity: Identity
  readonly digests: Digests
}

/** A file as the index knows it. */
export interface IndexedFile extends HashedFile {
  /**
   * Stands for this content of this path: another content gets another one. None is given twice, not even by a new index
   * to what an old one has held. A safe integer, not negative.
   */
  readonly number: number
}

/** Digests of a file's equal parts; the last part may be shorter. */
export interface Pieces {
  /** Bytes of a piece, a power of two. */
  readonly length: number
  /** 32 bytes a piece, one after the other. */
  readonly sha256: Uint8Array
  /** 20 bytes a piece, one after the other. */
  readonly sha1: Uint8Array
}

/** One HTTP field line. Lines of the same name stay separate: real clients read one link a line. */
export type Field = readonly [name: string, value: string]

/** Degrees north and east. */
export type Coordinates = readonly [latitude: number, longitude: number]

/** Where something is, as far as that is known. */
export interface Place {
  /** ISO 3166-1 alpha-2, lower case. */
  readonly country?: string
  /** `af`, `an`, `as`, `eu`, `na`, `oc` or `sa`. */
  readonly continent?: string
  readonly coordinates?: Coordinates
  /** Whether `coordinates` are no more than the middle of the country. */
  readonly approximate?: boolean
  /** Number of its autonomous system. */
  readonly asn?: number
}

export const FAMILIES = ['ipv4', 'ipv6'] as const
export type Family = (typeof FAMILIES)[number]

/** What is known of who asks. */
export interface Client extends Place {
  /** IPv4 or IPv6; empty when unknown. */
  readonly address: string
  /** Whether a request only says that this is the client: no private mirror is shown to it. */
  readonly assumed?: boolean
  /** By which it comes, where there is no address to tell. */
  readonly family?: Family
}

/** Which clients a mirror is for; see `docs/mirrors.md`. */
export const SERVES = ['world', 'continent', 'country', 'asn', 'subnet'] as const
export type Serves = (typeof SERVES)[number]

/** A mirror, checked and with every default filled in. */
export interface Mirror {
  readonly id: string
  /** Base URLs of the repository there, each ending in `/`, in the operator's order. */
  readonly urls: readonly string[]
  /** For scanning only, and never shown; may carry the name of a user, whose password is in `RSYNC_PASSWORD`. */
  readonly rsync?: string | undefined
  readonly location?: string | undefined
  /** Other countries that it serves as its own. */
  readonly countries: readonly string[]
  readonly coordinates?: Coordinates | undefined
  readonly asn: readonly number[]
  readonly subnets: readonly string[]
  /** The only family by which it is reached; absent where it is both, or not known. */
  readonly family?: Family | undefined
  /** Its share among equals; 0 is never chosen. */
  readonly weight: number
  /** Globs of what it carries; an entry that begins with `!` takes away again. Empty: everything. */
  readonly paths: readonly string[]
  readonly serves: Serves
  /** Client countries never sent there. */
  readonly excludes: readonly string[]
  readonly sponsor?: { readonly name: string; readonly url?: string | undefined } | undefined
  readonly private: boolean
  readonly trust: boolean
  readonly enabled: boolean
  /** Repository path of a small file that is on every good copy, and says when that was made: probes read it. */
  readonly trace?: string | undefined
  /** Milliseconds: a copy that is older is not given for files that changed since. Absent: it may be of any age. */
  readonly maxAge?: number | undefined
  /** Whether it may send clients on to other hosts. */
  readonly redirects: boolean
  /** Whether it is probed; where it is not, it counts as up. */
  readonly probe: boolean
}

/** What is known of a mirror, or of one way to it: `unknown` until it was probed for the first time, and counts as up. */
export const CONDITIONS = ['unknown', 'up', 'down'] as const
export type Condition = (typeof CONDITIONS)[number]
/** The same of a mirror, which its operator may have switched off. */
export const MIRROR_STATES = [...CONDITIONS, 'disabled'] as const
export type MirrorState = (typeof MIRROR_STATES)[number]

/** Uniform random numbers, 0 ≤ n < 1. A parameter wherever chance plays a part, so that tests can repeat it. */
export type Random = () => number

/** How the origin answers a request for a file that mirrors hold. */
export const MODES = ['decorate', 'redirect'] as const
export type Mode = (typeof MODES)[number]

/** How `ETag` is made, so that origin and mirrors can share one policy (RFC 6249 §3.1). */
export const ETAG_POLICIES = ['digest', 'nginx', 'apache'] as const
export type EtagPolicy = (typeof ETAG_POLICIES)[number]

/** How changes of a repository are followed: by watches, by listing it again and again, or not at all. */
export type Watch = boolean | 'rescan'
