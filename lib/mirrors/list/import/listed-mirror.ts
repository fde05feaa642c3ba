import type { Serves } from '../../../model.js'

/**
 * A mirror as a list has it: its values are not checked yet, and what the list leaves open may be absent, empty or
 * null. `entry.ts` makes a mirror of it.
 */
export interface ListedMirror {
  /** Where it begins, from 1. */
  readonly line?: number | undefined
  /** What the list calls it. A mirror without a name is called by its host. */
  readonly name?: unknown
  /** Base URLs for clients, best first. */
  readonly urls: readonly unknown[]
  readonly rsync?: unknown
  /** A code of ISO 3166-1, or a country's English name. */
  readonly country?: unknown
  /** Others that it serves as its own, likewise. */
  readonly countries?: unknown
  /** Degrees north and east. */
  readonly coordinates?: unknown
  /** One number or several. */
  readonly asn?: unknown
  readonly subnets?: unknown
  readonly ipv6Only?: unknown
  readonly weight?: unknown
  /** The flags that keep a mirror for the clients of its own continent, country, system or subnet. */
  readonly only?: { readonly [S in Exclude<Serves, 'world'>]?: unknown }
  /** Client countries that are never sent there. */
  readonly excludes?: unknown
  readonly sponsor?: { readonly name?: unknown; readonly url?: unknown }
  readonly private?: unknown
  readonly enabled?: unknown
  /** What the list says of it and a mirrors file cannot say. */
  readonly remarks?: readonly string[]
}

/** Something that whoever imports a list should know. */
export interface Remark {
  readonly line?: number | undefined
  /** The mirror's name; absent where the remark is on the list as a whole. */
  readonly name?: string | undefined
  readonly reason: string
  /** The mirror is not imported. */
  readonly leftOut?: boolean
}

/** What a reader makes of a list. */
export interface Reading {
  readonly found: readonly ListedMirror[]
  readonly remarks: readonly Remark[]
}
