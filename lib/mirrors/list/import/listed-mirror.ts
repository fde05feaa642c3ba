import type { Serves } from '../../../model.js'

/**
 * A mirror of an imported list. Values are unchecked; missing values may be absent, empty or null.
 * `checkEntry` makes a mirror of a listed mirror.
 */
export interface ListedMirror {
  /** First line in the list, from 1. */
  readonly line?: number | undefined
  /** Name in the list. Without a name, the host of a URL is used. */
  readonly name?: unknown
  /** Base URLs for clients, best first. */
  readonly urls: readonly unknown[]
  readonly rsync?: unknown
  /** Code of ISO 3166-1, or English name. */
  readonly country?: unknown
  /** Other countries that the mirror serves as its own, as codes or English names. */
  readonly countries?: unknown
  /** In degrees north and east. */
  readonly coordinates?: unknown
  /** One or more numbers. */
  readonly asn?: unknown
  readonly subnets?: unknown
  readonly ipv6Only?: unknown
  readonly weight?: unknown
  /** Flags that restrict a mirror to clients of its continent, country, ASN or subnets. */
  readonly only?: { readonly [S in Exclude<Serves, 'world'>]?: unknown }
  /** Countries whose clients never get the mirror. */
  readonly excludes?: unknown
  readonly sponsor?: { readonly name?: unknown; readonly url?: unknown }
  readonly private?: unknown
  readonly enabled?: unknown
  /** Properties that a mirrors file cannot express, in words. */
  readonly remarks?: readonly string[]
}

/** A message for the operator who imports a list. */
export interface Remark {
  readonly line?: number | undefined
  /** Name of the mirror; absent for remarks on the whole list. */
  readonly name?: string | undefined
  readonly reason: string
  /** Whether the mirror is left out. */
  readonly leftOut?: boolean
}

/** The result of reading a list. */
export interface Reading {
  readonly mirrors: readonly ListedMirror[]
  readonly remarks: readonly Remark[]
}
