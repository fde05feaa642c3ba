import { distance, pointOf } from '../../geo/distance.js'
import type { Client, Random } from '../../model.js'
import type { Candidate } from './candidate.js'
import type { Inventories } from './inventory.js'
import type { MirrorOrder, OrderBasis, Tier } from './mirror-order.js'
import { clientKindBits, isDownFor, type MirrorStatus, type MirrorStatuses, urlFor } from './mirror-status.js'
import type { Snapshot } from './snapshot.js'

/** A request for mirrors of a file. */
export interface RankQuery {
  /** Repository path. */
  readonly path: string
  /** Time of the last change, in milliseconds since 1970, if known. */
  readonly changed?: number | undefined
  /** Whether the client uses https. https clients only get https URLs. */
  readonly secure: boolean
  /** Whether the client gets http URLs only, because it has no TLS. */
  readonly isWithoutTls?: boolean
  /** Whether mirrors need a URL that a browser can be redirected to: http or https. */
  readonly redirectable?: boolean
  /** Whether the client may take parts from several mirrors at once, which needs Range. */
  readonly needsRange?: boolean
  /** Mirrors that lead back to this server. See `ownMirrors`. */
  readonly own?: ReadonlySet<Candidate> | undefined
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
 * New choices for one request that leave out only what decided the last choice. Then all mirrors
 * that cannot be given are left out at once. The small steps come first, because many files share
 * their results.
 */
const MAX_SMALL_STEPS = 4

/**
 * Returns the mirrors for one request, best first. Pure except for `random`.
 *
 * The result is the strategy's choice among the mirrors that can be given for the request. The
 * order of the place is that choice for most requests. If a mirror that the order was computed from
 * cannot be given, the strategy chooses again without it.
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
  const { secure } = query
  const conditions = conditionsOf(snapshot, query, client)
  let order = snapshot.orderFor(client, secure)
  for (let step = 0; ; step += 1) {
    const chosen: Candidate[] = []
    const unfit = take(order, conditions, limit, random, chosen)
    if (unfit === undefined) return chosen
    if (step === 0) noteUnchecked(order, unfit, conditions, limit, random)
    const excluded = step < MAX_SMALL_STEPS ? unfit : allRejected(order, conditions)
    order = snapshot.orderWithout(client, secure, order, excluded)
  }
}

/**
 * Appends the mirrors of an order that fit a request.
 *
 * @returns mirrors that the order was computed from and that cannot be given; the order does not
 * apply to the request then. Undefined: the order applies.
 */
function take(
  { basis, tiers, maxMirrors, last }: MirrorOrder,
  conditions: Conditions,
  limit: number,
  random: Random | undefined,
  chosen: Candidate[],
): readonly Candidate[] | undefined {
  const unfit = basis && rejectedOf(basis, conditions)
  if (unfit !== undefined) return unfit
  let count = Math.min(limit, maxMirrors)
  for (let index = 0; index < tiers.length; index += 1) {
    const tier = tiers[index]
    if (tier === undefined) break
    if (last?.start === index && chosen.length === 0) count = Math.min(limit, last.maxMirrors)
    if (chosen.length >= count) break
    const unfitOfTier = tier.basis && rejectedOf(tier.basis, conditions)
    if (unfitOfTier !== undefined) return unfitOfTier
    takeFrom(tier, conditions, count, random, chosen)
  }
  return undefined
}

/** Returns the mirrors that make a basis invalid for a request; undefined if it is valid. */
function rejectedOf(
  { candidates, isFirstOnly }: OrderBasis,
  conditions: Conditions,
): readonly Candidate[] | undefined {
  let rejected: Candidate[] | undefined
  for (const candidate of candidates) {
    if (rejection(candidate, conditions, false) !== undefined) {
      rejected ??= []
      rejected.push(candidate)
    } else if (isFirstOnly) break
  }
  return rejected
}

/** Returns all mirrors of an order that cannot be given for a request. */
function allRejected({ tiers }: MirrorOrder, conditions: Conditions): readonly Candidate[] {
  return tiers.flatMap(({ candidates }) =>
    candidates.filter((candidate) => rejection(candidate, conditions, false) !== undefined),
  )
}

/** Notes the unchecked mirrors that an order has before the mirrors that can be given. */
function noteUnchecked(
  { tiers, maxMirrors }: MirrorOrder,
  unfit: readonly Candidate[],
  conditions: Conditions,
  limit: number,
  random: Random | undefined,
): void {
  const { query, inventories } = conditions
  const { number, unchecked } = query
  if (number === undefined || unchecked === undefined) return
  if (!unfit.some(({ index }) => inventories[index]?.isUnchecked(number))) return
  const count = Math.min(limit, maxMirrors)
  const chosen: Candidate[] = []
  for (const tier of tiers) {
    if (chosen.length >= count) return
    takeFrom(tier, conditions, count, random, chosen)
  }
}

/** Appends the mirrors of a tier that fit a request. */
function takeFrom(
  tier: Tier,
  conditions: Conditions,
  count: number,
  random: Random | undefined,
  chosen: Candidate[],
): void {
  if (random === undefined || tier.cumulative === undefined) takeInOrder(tier, conditions, count, chosen)
  else takeWeighted(tier.candidates, tier.cumulative, conditions, count, random, chosen)
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

/**
 * Returns why a mirror cannot serve a request; undefined if it can.
 *
 * @param notes whether to append the mirror to `RankQuery.unchecked`
 */
function rejection(
  candidate: Candidate,
  { query, statuses, inventories, bits }: Conditions,
  notes = true,
): string | undefined {
  const { path, changed, secure, isWithoutTls, redirectable, needsRange, own, avoid, number, unchecked } =
    query
  if (own?.has(candidate)) return 'its URL is that of this very server'
  if (isWithoutTls && candidate.httpUrl === undefined) return 'no http URL, and the client has no TLS'
  const status = statuses[candidate.index]
  if (status !== undefined) {
    if (isDownFor(status, bits, isWithoutTls)) return status.reason
    const { outdated } = status
    if (outdated !== undefined && changed !== undefined && changed > outdated.from) return outdated.reason
    if (needsRange && status.ignoresRange) return 'it ignores Range, and so is left out of lists'
  }
  if (redirectable && !canFollow(candidate, status, secure, isWithoutTls))
    return 'no URL that a browser can follow'
  if (candidate.carries?.(path) === false) return 'its paths leave the file out'
  if (avoid !== undefined && candidate.names.some((name) => avoid.has(name))) return 'the client avoids it'
  const inventory = number === undefined ? undefined : inventories[candidate.index]
  if (inventory === undefined || number === undefined) return undefined
  const whyMissing = inventory.whyMissing(number)
  if (whyMissing === undefined || !notes || unchecked === undefined || unchecked.length >= MAX_UNCHECKED)
    return whyMissing
  if (inventory.isUnchecked(number) && !unchecked.includes(candidate)) unchecked.push(candidate)
  return whyMissing
}

/** Whether a browser can follow a redirect to a mirror, which has an http or https URL then. */
function canFollow(
  { secureUrl, httpUrl, plainUrls }: Candidate,
  status: MirrorStatus | undefined,
  secure: boolean,
  isWithoutTls: boolean | undefined,
): boolean {
  if (secure) return secureUrl !== undefined
  if (isWithoutTls) return httpUrl !== undefined
  // Compares no text in the usual case.
  return status === undefined ? plainUrls.length > 0 : status.plainUrl?.startsWith('http') === true
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
    // Without a share left, mirrors come in the order of the tier.
    chosen.push(...remaining.splice(Math.max(0, index), 1).map(({ candidate }) => candidate))
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

/**
 * Returns the mirrors to leave out, so that the strategy's choice among the rest applies to a
 * request.
 */
function excludedFor(snapshot: Snapshot, conditions: Conditions, client: Client): readonly Candidate[] {
  const { secure } = conditions.query
  let order = snapshot.orderFor(client, secure)
  for (;;) {
    const { basis, tiers, excluded = [] } = order
    const unfit = new Set(
      [basis, ...tiers.map((tier) => tier.basis)].flatMap(
        (part) => (part && rejectedOf(part, conditions)) ?? [],
      ),
    )
    if (unfit.size === 0) return excluded
    order = snapshot.orderWithout(client, secure, order, [...unfit])
  }
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
  const conditions = conditionsOf(snapshot, query, client)
  const excluded = excludedFor(snapshot, conditions, client)
  const { choice, last, omitted } = snapshot.choose(client, query.secure, excluded)
  const reasons = new Map(omitted.map(({ mirror, reason }) => [mirror.id, reason]))
  for (const candidate of excluded) reasons.set(candidate.mirror.id, rejection(candidate, conditions) ?? '')
  let maxMirrors = choice.maxMirrors ?? Number.POSITIVE_INFINITY
  const from = client.coordinates && pointOf(client.coordinates)
  const { statuses } = snapshot
  const ranked: RankedMirror[] = []
  for (const [tierIndex, { name, mirrors, shares }] of choice.tiers.entries()) {
    if (last?.start === tierIndex && ranked.length === 0) maxMirrors = last.maxMirrors
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
        url: `${urlFor(statuses, candidate, query.secure, query.isWithoutTls) ?? ''}${urlPath}`,
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
