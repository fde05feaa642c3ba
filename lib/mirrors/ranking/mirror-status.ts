import type { Client, Family } from '../../model.js'
import type { Candidate } from './candidate.js'
import { familyOf } from './proximity.js'

/**
 * Current status of a mirror, precomputed for fast reads. Kept apart from candidates and orders,
 * which are expensive to build and do not depend on the status.
 */
export interface MirrorStatus {
  /** Clients for which the mirror is down: bits of `clientKindBit`. */
  readonly downFor: number
  /**
   * Clients without TLS for which the mirror is down: bits of `clientKindBit`. Default: `downFor`.
   */
  readonly httpDownFor?: number | undefined
  /** For example `down since 2026-11-21T20:00:00Z: connection refused`. */
  readonly reason: string
  /** Base URL for http clients. Replaces `Candidate.plainUrl`. */
  readonly plainUrl: string | undefined
  /**
   * Whether the mirror ignores Range: clients that take parts from several mirrors cannot use it.
   */
  readonly ignoresRange: boolean
  /** Set if the mirror's copy is older than `maxAge`. */
  readonly outdated?: OutdatedCopy | undefined
}

/** An old copy: unusable for files that changed at the origin after the time of the copy. */
export interface OutdatedCopy {
  /** Time of the copy, in milliseconds since 1970. */
  readonly from: number
  /** For example `its copy is from 2026-11-20T06:12:40Z, before the file changed`. */
  readonly reason: string
}

/** Statuses by `Candidate.index`; undefined for healthy mirrors. */
export type MirrorStatuses = readonly (MirrorStatus | undefined)[]

/** The bits of all kinds of clients. */
export const DOWN_FOR_ALL = 0b1111

/** Returns the bit of a kind of clients: http or https over an address family. */
export function clientKindBit(secure: boolean, family: Family): number {
  return 1 << ((secure ? 2 : 0) + (family === 'ipv6' ? 1 : 0))
}

/** Returns the bits of a client: of both families if the client's family is unknown. */
export function clientKindBits(client: Client, secure: boolean): number {
  const family = familyOf(client)
  return family === undefined
    ? clientKindBit(secure, 'ipv4') | clientKindBit(secure, 'ipv6')
    : clientKindBit(secure, family)
}

/**
 * Whether a mirror is down for a client over every family that the client may use.
 *
 * @param isWithoutTls whether the client gets http URLs only
 */
export function isDownFor(
  { downFor, httpDownFor = downFor }: MirrorStatus,
  bits: number,
  isWithoutTls = false,
): boolean {
  return ((isWithoutTls ? httpDownFor : downFor) & bits) === bits
}

/**
 * Returns the base URL of a mirror for https or http clients, given the current statuses.
 *
 * @param isWithoutTls whether the client gets http URLs only
 */
export function urlFor(
  statuses: MirrorStatuses,
  candidate: Candidate,
  secure: boolean,
  isWithoutTls = false,
): string | undefined {
  if (secure) return candidate.secureUrl
  if (isWithoutTls) return candidate.httpUrl
  const status = statuses[candidate.index]
  return status === undefined ? candidate.plainUrl : status.plainUrl
}
