import type { Client, Family } from '../../model.js'
import type { Candidate } from './candidate.js'
import { familyOf } from './proximity.js'

/**
 * What ails a mirror at the moment, in the form that costs least to read. It is apart from candidates and orders, which take
 * long to prepare and stay as they are while mirrors come and go.
 */
export interface MirrorStatus {
  /** For which clients it is down: bits of `wayBit`. */
  readonly downFor: number
  /** Why: `down since 2026-11-21T20:00:00Z: connection refused`. */
  readonly reason: string
  /** Base URL for a client that came by http, in the place of the candidate's. */
  readonly plainUrl: string | undefined
  /** Whether it sends whole files only: no use for a client that takes parts from several. */
  readonly ignoresRange: boolean
  /** Where its copy is older than it may be. */
  readonly outdated?: OutdatedCopy | undefined
}

/** An old copy: what changed at the origin since it was made is sought elsewhere. */
export interface OutdatedCopy {
  /** When it was made, in milliseconds since 1970. */
  readonly from: number
  /** `its copy is from 2026-11-20T06:12:40Z, before the file changed`. */
  readonly reason: string
}

/** By the place of each candidate; undefined where nothing ails it. */
export type MirrorStatuses = readonly (MirrorStatus | undefined)[]

/** For no client at all. */
export const DOWN_FOR_ALL = 0b1111

/** The kind of clients that come by a family, by https or not. */
export function clientKindBit(secure: boolean, family: Family): number {
  return 1 << ((secure ? 2 : 0) + (family === 'ipv6' ? 1 : 0))
}

/** All the bits of a client: both families, where it is not known by which it comes. */
export function clientKindBits(client: Client, secure: boolean): number {
  const family = familyOf(client)
  return family === undefined
    ? clientKindBit(secure, 'ipv4') | clientKindBit(secure, 'ipv6')
    : clientKindBit(secure, family)
}

/** Whether a mirror is down for a client, by whichever family that may come. */
export function isDownFor({ downFor }: MirrorStatus, bits: number): boolean {
  return (downFor & bits) === bits
}

/** The base URL under which a mirror serves such a client at the moment. */
export function urlFor(statuses: MirrorStatuses, candidate: Candidate, secure: boolean): string | undefined {
  if (secure) return candidate.secureUrl
  const status = statuses[candidate.index]
  return status === undefined ? candidate.plainUrl : status.plainUrl
}
