import { type RankQuery, rank } from '../../../lib/mirrors/ranking/rank.js'
import type { Snapshot } from '../../../lib/mirrors/ranking/snapshot.js'
import type { Client } from '../../../lib/model.js'
import { assertProportions, countOf, ids, seededDraw } from '../../support/mirrors.js'

/** A request for a file that every mirror holds. */
export const WANTED: RankQuery = { path: 'iso/disk.iso', secure: false }

/** Proximity of a mirror in the country of the client. */
export const OWN = { country: 'own', sameContinent: true } as const
/** Proximity of a mirror elsewhere that serves the country of the client. */
export const OTHER = { country: 'other' } as const
/** Proximity of a mirror on the continent of the client. */
export const REGION = { sameContinent: true } as const

const ROUNDS = 20_000

/**
 * Fails unless each mirror is the first choice for a client in its expected share of many draws.
 */
export function assertFirsts(
  snapshot: Snapshot,
  client: Client,
  seed: number,
  expected: Readonly<Record<string, number>>,
): void {
  const random = seededDraw(seed)
  const firsts = countOf(ROUNDS, () => ids(rank(snapshot, WANTED, client, 1, random)).join())
  assertProportions(firsts, new Map(Object.entries(expected)), ROUNDS)
}
