import type { Client, Draw } from '../model.js'
import { omission, type Ranked, type Snapshot, type Tier } from './snapshot.js'

/** What is asked for. */
export interface Wanted {
  /** Repository path. */
  readonly path: string
  /** Whether the client came by https: it is then never sent to a plain URL. */
  readonly secure: boolean
  /** Whether only URLs will do that a browser can be redirected to. */
  readonly redirectable?: boolean
}

/** Draws that hit a mirror twice, or one that will not do, before the rest is counted out one by one. */
const SPARE_DRAWS = 16

/**
 * The mirrors for one request, best first: tier by tier, and within a tier by weight. Pure: the same arguments give the
 * same answer.
 *
 * @param limit how many at most
 * @param draw where given, the mirrors of a tier are drawn one after the other, each with the chance of its weight among
 * those left, for redirects; without it they come heaviest first, for lists
 */
export function rank(
  snapshot: Snapshot,
  wanted: Wanted,
  client: Client,
  limit: number,
  draw?: Draw,
): readonly Ranked[] {
  const chosen: Ranked[] = []
  for (const tier of snapshot.tiersFor(client)) {
    if (chosen.length >= limit) break
    if (draw === undefined) takeInOrder(tier, wanted, limit, chosen)
    else takeByChance(tier, wanted, limit, draw, chosen)
  }
  return chosen
}

/** The base URL under which a ranked mirror serves such a client. */
export function baseUrl(ranked: Ranked, secure: boolean): string | undefined {
  return secure ? ranked.secureUrl : ranked.plainUrl
}

/** Why a mirror cannot serve this request; undefined where it can. */
function unfit(ranked: Ranked, wanted: Wanted): string | undefined {
  const url = baseUrl(ranked, wanted.secure)
  if (url === undefined) return 'no https URL, and the client came by https'
  if (wanted.redirectable && !url.startsWith('http')) return 'no URL that a browser can follow'
  if (ranked.carries?.(wanted.path) === false) return 'its paths leave the file out'
  return undefined
}

function takeInOrder(tier: Tier, wanted: Wanted, limit: number, chosen: Ranked[]): void {
  for (const ranked of tier.ranked) {
    if (chosen.length >= limit) return
    if (unfit(ranked, wanted) === undefined) chosen.push(ranked)
  }
}

function takeByChance(tier: Tier, wanted: Wanted, limit: number, draw: Draw, chosen: Ranked[]): void {
  const start = chosen.length
  const most = Math.min(limit, start + tier.ranked.length)
  for (let draws = most - start + SPARE_DRAWS; draws > 0 && chosen.length < most; draws -= 1) {
    const ranked = hit(tier, draw)
    if (!chosen.includes(ranked) && unfit(ranked, wanted) === undefined) chosen.push(ranked)
  }
  if (chosen.length >= most) return
  const left = tier.ranked.filter((ranked) => !chosen.includes(ranked) && unfit(ranked, wanted) === undefined)
  while (chosen.length < most && left.length > 0) {
    let point = draw() * left.reduce((sum, { mirror }) => sum + mirror.weight, 0)
    const found = left.findIndex(({ mirror }) => {
      point -= mirror.weight
      return point < 0
    })
    chosen.push(...left.splice(found, 1))
  }
}

/** The mirror on which a random point of the weights, laid end to end, falls. */
function hit(tier: Tier, draw: Draw): Ranked {
  const { cumulative, ranked } = tier
  const last = ranked.length - 1
  const point = draw() * (cumulative[last] ?? 0)
  let low = 0
  let high = last
  while (low < high) {
    const middle = (low + high) >>> 1
    if (point < (cumulative[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  const found = ranked[low]
  if (found === undefined) throw new RangeError('a tier holds at least one mirror')
  return found
}

export interface RankedMirror {
  readonly id: string
  readonly tier: string
  /** Kilometres; absent where unknown. */
  readonly distance?: number
  readonly weight: number
  /** 0 to 1, among its tier. */
  readonly share: number
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
export function explain(snapshot: Snapshot, wanted: Wanted, client: Client, urlPath: string): Ranking {
  const best = rank(snapshot, wanted, client, snapshot.mirrors.length)
  const ranked = best.map((one): RankedMirror => {
    const { mirror, tier, share, distance } = one
    const url = `${baseUrl(one, wanted.secure) ?? ''}${urlPath}`
    return {
      id: mirror.id,
      tier,
      weight: mirror.weight,
      share,
      url,
      ...(distance === undefined ? {} : { distance }),
    }
  })
  const reasons = new Map<string, string>()
  for (const one of snapshot.tiersFor(client).flatMap((tier) => tier.ranked)) {
    const why = unfit(one, wanted)
    if (why !== undefined) reasons.set(one.mirror.id, why)
  }
  const chosen = new Set(ranked.map(({ id }) => id))
  const omitted = snapshot.mirrors
    .filter(({ id }) => !chosen.has(id))
    .map((mirror) => ({
      id: mirror.id,
      reason: omission(mirror) ?? reasons.get(mirror.id) ?? 'not in reach',
    }))
  return { path: wanted.path, client, ranked, omitted }
}
