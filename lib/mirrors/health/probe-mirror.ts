import { FAMILIES, type Family, type Mirror } from '../../model.js'
import { type HostAddresses, hostOf, isLiteral, isPrivate } from '../../network/addresses.js'
import type { Way } from '../../store/states.js'
import { type ProbeParts, probe } from './probe.js'
import type { Subject } from './probe-target.js'
import type { Outcome } from './state.js'

/** What was told of the ways to a mirror, by probing all of them at the same time. */
export interface Round {
  readonly told: readonly { readonly way: Way; readonly outcome: Outcome }[]
  /** Ways that were known, and are none any more. */
  readonly gone: readonly Way[]
}

/** Families by which something on the internet has answered this machine. */
export type Proven = Set<Family>

/** The URLs of a mirror that are probed: those that clients are given, one a scheme. */
export function probedUrls({ urls }: Pick<Mirror, 'urls'>): readonly string[] {
  return ['https:', 'http:'].flatMap((scheme) => urls.find((url) => url.startsWith(scheme)) ?? [])
}

/**
 * Probes every way to a mirror: https and http, by IPv4 and by IPv6 where its hosts have them. Never rejects, and takes no longer
 * than `timeout` milliseconds.
 *
 * @param known ways that were told of before
 */
export async function probeMirror(
  mirror: Mirror,
  known: readonly Way[],
  subjects: readonly Subject[],
  parts: ProbeParts,
  proven: Proven,
  timeout: number,
  signal: AbortSignal,
): Promise<Round> {
  const urls = probedUrls(mirror)
  const rounds = await Promise.all(
    urls.map((url) => {
      const ways = known.filter((way) => way.url === url)
      return probeUrl(mirror, url, ways, subjects, parts, proven, timeout, signal)
    }),
  )
  return {
    told: rounds.flatMap(({ told }) => told),
    gone: [...rounds.flatMap(({ gone }) => gone), ...known.filter((way) => !urls.includes(way.url))],
  }
}

async function probeUrl(
  mirror: Mirror,
  url: string,
  known: readonly Way[],
  subjects: readonly Subject[],
  parts: ProbeParts,
  proven: Proven,
  timeout: number,
  signal: AbortSignal,
): Promise<Round> {
  const start = parts.now()
  const host = hostOf(new URL(url))
  const addresses = await within(timeout, parts.book.find(host), signal)
  const families = FAMILIES.filter((family) => mirror.family === undefined || mirror.family === family)
  const found = families.filter((family) => (addresses[family]?.length ?? 0) > 0)
  if (found.length === 0) return { told: nowhere(mirror, url, host, known, families, addresses), gone: [] }
  const left = Math.max(1, timeout - (parts.now() - start))
  const told = found.map(async (family) => {
    const way: Way = { mirror: mirror.id, url, family }
    const own = addresses[family] ?? []
    const closed = parts.allowsPrivate || isLiteral(host) ? undefined : own.find(isPrivate)
    if (closed !== undefined) {
      const reason = `its host ${host} has the private address ${closed}`
      return { way, outcome: { kind: 'failed', reason, weight: 'certain' } satisfies Outcome }
    }
    const { redirects } = mirror
    const outcome = await probe({ url, family, addresses: own, redirects, subjects }, parts, left, signal)
    return { way, outcome: believed(outcome, family, own, proven) }
  })
  const gone = known.filter(({ family }) => !found.includes(family) && addresses[family] !== undefined)
  return { told: await Promise.all(told), gone }
}

/** A host without addresses. That is said of the ways that were known, or of the first that there could be. */
function nowhere(
  { id }: Mirror,
  url: string,
  host: string,
  known: readonly Way[],
  families: readonly Family[],
  addresses: HostAddresses,
): Round['told'] {
  const isCertain = families.every((family) => addresses[family] !== undefined)
  const outcome: Outcome = isCertain
    ? { kind: 'failed', reason: `its host ${host} has no address`, weight: 'refused' }
    : { kind: 'nothing', reason: 'name servers are silent' }
  const ways = known.length > 0 ? known : [{ mirror: id, url, family: families[0] ?? 'ipv4' }]
  return ways.map((way) => ({ way, outcome }))
}

/**
 * Of a machine that has no IPv6, or no way out at all, every mirror seems to be dead. So what may be its own fault is believed
 * only after somebody has answered it by that family; silence on IPv4 always is, for there is nothing else to go by.
 */
function believed(outcome: Outcome, family: Family, addresses: readonly string[], proven: Proven): Outcome {
  if (addresses.some(isPrivate)) return outcome
  if (outcome.kind === 'answered') proven.add(family)
  if (outcome.kind !== 'failed' || proven.has(family)) return outcome
  const isOurs = outcome.doubt === 'unreachable' || (outcome.doubt === 'silent' && family === 'ipv6')
  return isOurs ? { kind: 'nothing', reason: outcome.reason } : outcome
}

const UNKNOWN: HostAddresses = { ipv4: undefined, ipv6: undefined }

async function within(
  limit: number,
  asked: Promise<HostAddresses>,
  signal: AbortSignal,
): Promise<HostAddresses> {
  let end = (): void => {}
  const ended = new Promise<HostAddresses>((resolve) => {
    end = () => resolve(UNKNOWN)
  })
  const timer = setTimeout(end, limit)
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([asked, ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
