import type { Client, Mirror } from '../model.js'
import { createCarries } from './paths.js'

/** How near a tier is to the client, nearest first. */
export const TIERS = ['world'] as const
export type TierName = (typeof TIERS)[number]

/** A mirror's place for the clients of one location. Made once a snapshot, shared by every answer, never changed. */
export interface Ranked {
  readonly mirror: Mirror
  readonly tier: TierName
  /** Kilometres from the client, where both places are known. */
  readonly distance?: number
  /** Of the tier's first choices, how many it gets: 0 to 1. */
  readonly share: number
  /** Base URL for a client that came by https: never a plain one. */
  readonly secureUrl: string | undefined
  /** Base URL for a client that came by http. */
  readonly plainUrl: string | undefined
  /** Undefined where it carries every file. */
  readonly carries: ((path: string) => boolean) | undefined
}

/** Mirrors among which chance decides, by weight. */
export interface Tier {
  readonly name: TierName
  /** Heaviest first, then by id. */
  readonly ranked: readonly Ranked[]
  /** Sums of the weights up to and with each, for a draw by binary search. */
  readonly cumulative: Float64Array
}

/**
 * Everything that ranking reads, made from one state of the mirrors. It is never changed: a new state is a new
 * snapshot, put in place by one assignment, so that a request in progress sees one or the other.
 */
export interface Snapshot {
  /** Every configured mirror, in the operator's order. */
  readonly mirrors: readonly Mirror[]
  /** The tiers for a client, nearest first; the same arrays for every client of the same location. */
  tiersFor(client: Client): readonly Tier[]
}

export function createSnapshot(mirrors: readonly Mirror[]): Snapshot {
  const world = createTier(
    'world',
    mirrors.filter((mirror) => omission(mirror) === undefined),
  )
  const tiers = world.ranked.length === 0 ? [] : [world]
  return { mirrors, tiersFor: () => tiers }
}

/** Why a mirror is left out for every client whose place is not known; undefined where it is not. */
export function omission(mirror: Mirror): string | undefined {
  if (!mirror.enabled) return 'disabled'
  if (mirror.weight === 0) return 'weight 0'
  if (mirror.private) return 'private: only for its own asn and subnets'
  if (mirror.serves !== 'world') return `serves its ${mirror.serves} only, and the client's is not known`
  return undefined
}

function createTier(name: TierName, mirrors: readonly Mirror[]): Tier {
  const ordered = mirrors.toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))
  const cumulative = new Float64Array(ordered.length)
  let total = 0
  for (const [index, { weight }] of ordered.entries()) {
    total += weight
    cumulative[index] = total
  }
  const ranked = ordered.map(
    (mirror): Ranked => ({
      mirror,
      tier: name,
      share: mirror.weight / total,
      secureUrl: mirror.urls.find((url) => url.startsWith('https:')),
      plainUrl: mirror.urls.find((url) => url.startsWith('http')) ?? mirror.urls[0],
      carries: createCarries(mirror.paths),
    }),
  )
  return { name, ranked, cumulative }
}
