import { distance, pointOf } from '../../geo/distance.js'
import type { Client, Random } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Inventories } from './inventory.js'
import type { Tier } from './mirror-order.js'
import { clientKindBits, isDownFor, type MirrorStatuses, urlFor } from './mirror-status.js'
import type { Snapshot } from './snapshot.js'

/** What is asked for. */
export interface RankQuery {
  /** Repository path. */
  readonly path: string
  /** When the file changed last, in milliseconds since 1970; absent where that is not known. */
  readonly changed?: number | undefined
  /** Whether the client came by https: it is then never sent to a plain URL. */
  readonly secure: boolean
  /** Whether only URLs will do that a browser can be redirected to. */
  readonly redirectable?: boolean
  /** Whether the client may take parts from several mirrors at once: one that ignores Range is no use for that. */
  readonly several?: boolean
  /** Ids and hosts, in lower case, of mirrors to leave out. */
  readonly avoid?: ReadonlySet<string> | undefined
  /** Of the content (`IndexedFile.number`): without it nobody asks who holds it. */
  readonly number?: number | undefined
  /** Filled with the first few mirrors that were passed over only because nobody has looked for the file there. */
  readonly unchecked?: Candidate[] | undefined
}

/** Mirrors of which `Wanted.unseen` tells. */
export const MAX_UNCHECKED = 5

/** Draws that hit a mirror twice, or one that will not do, before the rest is counted out one by one. */
const SPARE_DRAWS = 16

/**
 * The mirrors for one request, best first. Pure: the same arguments give the same answer.
 *
 * @param limit how many at most
 * @param draw where given, the mirrors of a tier that have shares are drawn one after the other, each with the chance of its
 * share among those left, for redirects; without it all come in the order of the tier, for lists
 */
export function rank(
  snapshot: Snapshot,
  wanted: RankQuery,
  client: Client,
  limit: number,
  random?: Random,
): readonly Candidate[] {
  const { tiers, most } = snapshot.orderFor(client, wanted.secure)
  const passing = passingOf(snapshot, wanted, client)
  const wantedMost = Math.min(limit, most)
  const chosen: Candidate[] = []
  for (const tier of tiers) {
    if (chosen.length >= wantedMost) break
    if (random === undefined || tier.cumulative === undefined) takeInOrder(tier, passing, wantedMost, chosen)
    else takeWeighted(tier.candidates, tier.cumulative, passing, wantedMost, random, chosen)
  }
  return chosen
}

/** What mirrors are passed over by. */
interface Passing {
  readonly wanted: RankQuery
  readonly statuses: MirrorStatuses
  readonly inventories: Inventories
  /** Of the client: see `wayBits`. */
  readonly bits: number
}

function passingOf({ statuses, inventories }: Snapshot, wanted: RankQuery, client: Client): Passing {
  return { wanted, statuses: statuses, inventories: inventories, bits: clientKindBits(client, wanted.secure) }
}

/** Why a mirror cannot serve this request; undefined where it can. */
function rejection(
  candidate: Candidate,
  { wanted, statuses, inventories, bits }: Passing,
): string | undefined {
  const { path, changed, secure, redirectable, several, avoid, number, unchecked } = wanted
  const status = statuses[candidate.index]
  if (status !== undefined) {
    if (isDownFor(status, bits)) return status.reason
    const { outdated } = status
    if (outdated !== undefined && changed !== undefined && changed > outdated.from) return outdated.reason
    if (several && status.ignoresRange) return 'it ignores Range, and so is left out of lists'
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

function takeInOrder({ candidates }: Tier, passing: Passing, most: number, chosen: Candidate[]): void {
  for (const candidate of candidates) {
    if (chosen.length >= most) return
    if (rejection(candidate, passing) === undefined) chosen.push(candidate)
  }
}

function takeWeighted(
  candidates: readonly Candidate[],
  cumulative: Float64Array,
  passing: Passing,
  most: number,
  random: Random,
  chosen: Candidate[],
): void {
  const full = Math.min(most, chosen.length + candidates.length)
  for (let draws = full - chosen.length + SPARE_DRAWS; draws > 0 && chosen.length < full; draws -= 1) {
    const candidate = candidates[drawIndex(cumulative, random)]
    if (candidate === undefined || chosen.includes(candidate)) continue
    if (rejection(candidate, passing) === undefined) chosen.push(candidate)
  }
  if (chosen.length < full) takeRemaining(candidates, cumulative, passing, full, random, chosen)
}

/** Draws among those that chance has not hit: slow, and only where a few heavy mirrors get nearly everything. */
function takeRemaining(
  candidates: readonly Candidate[],
  cumulative: Float64Array,
  passing: Passing,
  most: number,
  random: Random,
  chosen: Candidate[],
): void {
  const left = candidates
    .map((candidate, index) => ({
      candidate,
      share: (cumulative[index] ?? 0) - (cumulative[index - 1] ?? 0),
    }))
    .filter(({ candidate }) => !chosen.includes(candidate) && rejection(candidate, passing) === undefined)
  while (chosen.length < most && left.length > 0) {
    let point = random() * left.reduce((sum, { share }) => sum + share, 0)
    const found = left.findIndex(({ share }) => {
      point -= share
      return point < 0
    })
    chosen.push(...left.splice(found, 1).map(({ candidate }) => candidate))
  }
}

/** The mirror on which a random point of the shares, laid end to end, falls. */
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
  /** Kilometres; absent where either place is not known. */
  readonly distance?: number
  readonly weight: number
  /** 0 to 1, of the redirects to its tier; absent where chance does not decide. */
  readonly share?: number
  readonly url: string
}

/** The whole choice for one file and client, and what was left out of it. */
export interface Ranking {
  readonly path: string
  readonly client: Client
  readonly ranked: readonly RankedMirror[]
  readonly omitted: readonly { readonly id: string; readonly reason: string }[]
}

/**
 * Ranks every mirror and says why. For people: it costs as much as there are mirrors.
 *
 * @param urlPath the file's path as it is written in a URL
 */
export function explain(snapshot: Snapshot, wanted: RankQuery, client: Client, urlPath: string): Ranking {
  const { choice, omitted } = snapshot.choose(client, wanted.secure)
  const reasons = new Map(omitted.map(({ mirror, reason }) => [mirror.id, reason]))
  const most = choice.most ?? Number.POSITIVE_INFINITY
  const from = client.coordinates && pointOf(client.coordinates)
  const { statuses } = snapshot
  const passing = passingOf(snapshot, wanted, client)
  const ranked: RankedMirror[] = []
  for (const { name, mirrors, shares } of choice.tiers) {
    const fit = mirrors.flatMap(({ mirror }, index) => {
      const candidate = snapshot.candidates.get(mirror)
      const why = candidate && rejection(candidate, passing)
      if (why !== undefined) reasons.set(mirror.id, why)
      return candidate === undefined || why !== undefined ? [] : [{ candidate, share: shares?.[index] }]
    })
    const total = fit.reduce((sum, { share = 0 }) => sum + share, 0)
    for (const { candidate, share } of fit) {
      const { mirror, point } = candidate
      if (ranked.length >= most) {
        reasons.set(mirror.id, `the strategy names ${most} at most`)
        continue
      }
      ranked.push({
        id: mirror.id,
        tier: name,
        weight: mirror.weight,
        url: `${urlFor(statuses, candidate, wanted.secure) ?? ''}${urlPath}`,
        ...(from && point ? { distance: distance(from, point) } : {}),
        ...(share === undefined || total === 0 ? {} : { share: share / total }),
      })
    }
  }
  const chosen = new Set(ranked.map(({ id }) => id))
  const left = snapshot.mirrors
    .filter(({ id }) => !chosen.has(id))
    .map(({ id }) => ({ id, reason: reasons.get(id) ?? 'the strategy leaves it out' }))
  return { path: wanted.path, client, ranked, omitted: left }
}
