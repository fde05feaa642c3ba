import { distance, pointOf } from '../../geo/distance.js'
import type { Client, Random } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Inventories } from './inventory.js'
import type { Tier } from './mirror-order.js'
import { clientKindBits, isDownFor, type MirrorStatuses, urlFor } from './mirror-status.js'
import type { Snapshot } from './snapshot.js'

/** A request for mirrors of a file. */
export interface RankQuery {
  /** Repository path. */
  readonly path: string
  /** Time of the last change, in milliseconds since 1970, if known. */
  readonly changed?: number | undefined
  /** Whether the client uses https. https clients only get https URLs. */
  readonly secure: boolean
  /** Whether mirrors need a URL that a browser can be redirected to: http or https. */
  readonly redirectable?: boolean
  /** Whether the client may take parts from several mirrors at once, which needs Range. */
  readonly needsRange?: boolean
  /** Ids and hosts of mirrors to leave out, in lower case. */
  readonly avoid?: ReadonlySet<string> | undefined
  /** `IndexedFile.number` of the content. Without a number, inventories are not read. */
  readonly number?: number | undefined
  /** Receives the first mirrors that are rejected only because their copy is unchecked. */
  readonly unchecked?: Candidate[] | undefined
}

/** Limit of mirrors in `RankQuery.unchecked`. */
export const MAX_UNCHECKED = 5

/**
 * Draws that may hit a chosen or rejected mirror before the slower `takeRemaining` completes the
 * list.
 */
const MAX_WASTED_DRAWS = 16

/**
 * Returns the mirrors for one request, best first. Pure except for `random`.
 *
 * @param limit maximum number of mirrors
 * @param random for redirects: draws mirrors of a tier without replacement, weighted by their
 *   shares. Without it, mirrors come in the order of the tier, as lists name them.
 */
export function rank(
  snapshot: Snapshot,
  query: RankQuery,
  client: Client,
  limit: number,
  random?: Random,
): readonly Candidate[] {
  const { tiers, maxMirrors } = snapshot.orderFor(client, query.secure)
  const conditions = conditionsOf(snapshot, query, client)
  const count = Math.min(limit, maxMirrors)
  const chosen: Candidate[] = []
  for (const tier of tiers) {
    if (chosen.length >= count) break
    if (random === undefined || tier.cumulative === undefined) takeInOrder(tier, conditions, count, chosen)
    else takeWeighted(tier.candidates, tier.cumulative, conditions, count, random, chosen)
  }
  return chosen
}

/** Conditions that mirrors must meet to serve a request. */
interface Conditions {
  readonly query: RankQuery
  readonly statuses: MirrorStatuses
  readonly inventories: Inventories
  /** `clientKindBits` of the client. */
  readonly bits: number
}

function conditionsOf({ statuses, inventories }: Snapshot, query: RankQuery, client: Client): Conditions {
  return { query, statuses, inventories, bits: clientKindBits(client, query.secure) }
}

/** Returns why a mirror cannot serve a request; undefined if it can. */
function rejection(
  candidate: Candidate,
  { query, statuses, inventories, bits }: Conditions,
): string | undefined {
  const { path, changed, secure, redirectable, needsRange, avoid, number, unchecked } = query
  const status = statuses[candidate.index]
  if (status !== undefined) {
    if (isDownFor(status, bits)) return status.reason
    const { outdated } = status
    if (outdated !== undefined && changed !== undefined && changed > outdated.from) return outdated.reason
    if (needsRange && status.ignoresRange) return 'it ignores Range, and so is left out of lists'
  }
  if (redirectable && !urlFor(statuses, candidate, secure)?.startsWith('http'))
    return 'no URL that a browser can follow'
  if (candidate.carries?.(path) === false) return 'its paths leave the file out'
  if (avoid !== undefined && candidate.names.some((name) => avoid.has(name))) return 'the client avoids it'
  const inventory = number === undefined ? undefined : inventories[candidate.index]
  if (inventory === undefined || number === undefined) return undefined
  const whyMissing = inventory.whyMissing(number)
  if (whyMissing === undefined || unchecked === undefined || unchecked.length >= MAX_UNCHECKED)
    return whyMissing
  if (inventory.isUnchecked(number) && !unchecked.includes(candidate)) unchecked.push(candidate)
  return whyMissing
}

function takeInOrder({ candidates }: Tier, conditions: Conditions, count: number, chosen: Candidate[]): void {
  for (const candidate of candidates) {
    if (chosen.length >= count) return
    if (rejection(candidate, conditions) === undefined) chosen.push(candidate)
  }
}

function takeWeighted(
  candidates: readonly Candidate[],
  cumulative: Float64Array,
  conditions: Conditions,
  count: number,
  random: Random,
  chosen: Candidate[],
): void {
  const end = Math.min(count, chosen.length + candidates.length)
  for (let draws = end - chosen.length + MAX_WASTED_DRAWS; draws > 0 && chosen.length < end; draws -= 1) {
    const candidate = candidates[drawIndex(cumulative, random)]
    if (candidate === undefined || chosen.includes(candidate)) continue
    if (rejection(candidate, conditions) === undefined) chosen.push(candidate)
  }
  if (chosen.length < end) takeRemaining(candidates, cumulative, conditions, end, random, chosen)
}

/**
 * Draws among the remaining mirrors. Slow: only for tiers where a few mirrors have nearly all
 * shares.
 */
function takeRemaining(
  candidates: readonly Candidate[],
  cumulative: Float64Array,
  conditions: Conditions,
  count: number,
  random: Random,
  chosen: Candidate[],
): void {
  const remaining = candidates
    .map((candidate, index) => ({
      candidate,
      share: (cumulative[index] ?? 0) - (cumulative[index - 1] ?? 0),
    }))
    .filter(({ candidate }) => !chosen.includes(candidate) && rejection(candidate, conditions) === undefined)
  while (chosen.length < count && remaining.length > 0) {
    let point = random() * remaining.reduce((sum, { share }) => sum + share, 0)
    const index = remaining.findIndex(({ share }) => {
      point -= share
      return point < 0
    })
    chosen.push(...remaining.splice(index, 1).map(({ candidate }) => candidate))
  }
}

/** Returns the index of a mirror, drawn with a probability in proportion to its share. */
function drawIndex(cumulative: Float64Array, random: Random): number {
  const last = cumulative.length - 1
  const point = random() * (cumulative[last] ?? 0)
  let low = 0
  let high = last
  while (low < high) {
    const middle = (low + high) >>> 1
    if (point < (cumulative[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  return low
}

export interface RankedMirror {
  readonly id: string
  readonly tier: string
  /** In kilometres; absent if the place of the client or of the mirror is unknown. */
  readonly distance?: number
  readonly weight: number
  /** Share of the tier's redirects, 0 to 1; absent if redirects take the tier in order. */
  readonly share?: number
  readonly url: string
}

/** The ranked mirrors for a file and a client, and the omitted mirrors with reasons. */
export interface Ranking {
  readonly path: string
  readonly client: Client
  readonly ranked: readonly RankedMirror[]
  readonly omitted: readonly { readonly id: string; readonly reason: string }[]
}

/**
 * Ranks all mirrors for a file and explains the result. For operators: the cost grows with the
 * number of mirrors.
 *
 * @param urlPath the file's path, encoded for a URL
 */
export function explain(snapshot: Snapshot, query: RankQuery, client: Client, urlPath: string): Ranking {
  const { choice, omitted } = snapshot.choose(client, query.secure)
  const reasons = new Map(omitted.map(({ mirror, reason }) => [mirror.id, reason]))
  const maxMirrors = choice.maxMirrors ?? Number.POSITIVE_INFINITY
  const from = client.coordinates && pointOf(client.coordinates)
  const { statuses } = snapshot
  const conditions = conditionsOf(snapshot, query, client)
  const ranked: RankedMirror[] = []
  for (const { name, mirrors, shares } of choice.tiers) {
    const fitting = mirrors.flatMap(({ mirror }, index) => {
      const candidate = snapshot.candidates.get(mirror)
      const reason = candidate && rejection(candidate, conditions)
      if (reason !== undefined) reasons.set(mirror.id, reason)
      return candidate === undefined || reason !== undefined ? [] : [{ candidate, share: shares?.[index] }]
    })
    const total = fitting.reduce((sum, { share = 0 }) => sum + share, 0)
    for (const { candidate, share } of fitting) {
      const { mirror, point } = candidate
      if (ranked.length >= maxMirrors) {
        reasons.set(mirror.id, `the strategy names ${maxMirrors} at most`)
        continue
      }
      ranked.push({
        id: mirror.id,
        tier: name,
        weight: mirror.weight,
        url: `${urlFor(statuses, candidate, query.secure) ?? ''}${urlPath}`,
        ...(from && point ? { distance: distance(from, point) } : {}),
        ...(share === undefined || total === 0 ? {} : { share: share / total }),
      })
    }
  }
  const rankedIds = new Set(ranked.map(({ id }) => id))
  const omittedMirrors = snapshot.mirrors
    .filter(({ id }) => !rankedIds.has(id))
    .map(({ id }) => ({ id, reason: reasons.get(id) ?? 'the strategy leaves it out' }))
  return { path: query.path, client, ranked, omitted: omittedMirrors }
}
