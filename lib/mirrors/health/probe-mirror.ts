import { FAMILIES, type Family, type Mirror } from '../../model.js'
import { type HostAddresses, hostOf, isLiteral, isPrivate } from '../../network/addresses.js'
import { whenAborted, withTimeLimit } from '../../network/time-limit.js'
import type { Endpoint } from '../../store/states.js'
import { type ProbeDependencies, probe } from './probe.js'
import type { ProbeTarget } from './probe-target.js'
import type { ProbeOutcome } from './state.js'

/** What was told of the ways to a mirror, by probing all of them at the same time. */
export interface ProbeRound {
  readonly results: readonly { readonly endpoint: Endpoint; readonly outcome: ProbeOutcome }[]
  /** Ways that were known, and are none any more. */
  readonly gone: readonly Endpoint[]
}

/** Families by which something on the internet has answered this machine. */
export type ProvenFamilies = Set<Family>

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
  known: readonly Endpoint[],
  targets: readonly ProbeTarget[],
  parts: ProbeDependencies,
  provenFamilies: ProvenFamilies,
  timeout: number,
  signal: AbortSignal,
): Promise<ProbeRound> {
  const urls = probedUrls(mirror)
  const rounds = await Promise.all(
    urls.map((url) => {
      const endpoints = known.filter((endpoint) => endpoint.url === url)
      return probeUrl(mirror, url, endpoints, targets, parts, provenFamilies, timeout, signal)
    }),
  )
  return {
    results: rounds.flatMap(({ results }) => results),
    gone: [
      ...rounds.flatMap(({ gone }) => gone),
      ...known.filter((endpoint) => !urls.includes(endpoint.url)),
    ],
  }
}

async function probeUrl(
  mirror: Mirror,
  url: string,
  known: readonly Endpoint[],
  targets: readonly ProbeTarget[],
  parts: ProbeDependencies,
  provenFamilies: ProvenFamilies,
  timeout: number,
  signal: AbortSignal,
): Promise<ProbeRound> {
  const start = parts.now()
  const host = hostOf(new URL(url))
  const addresses = await within(timeout, parts.resolver.find(host), signal)
  const families = FAMILIES.filter((family) => mirror.family === undefined || mirror.family === family)
  const found = families.filter((family) => (addresses[family]?.length ?? 0) > 0)
  if (found.length === 0) return { results: nowhere(mirror, url, host, known, families, addresses), gone: [] }
  const left = Math.max(1, timeout - (parts.now() - start))
  const told = found.map(async (family) => {
    const endpoint: Endpoint = { mirror: mirror.id, url, family }
    const own = addresses[family] ?? []
    const closed = parts.allowsPrivate || isLiteral(host) ? undefined : own.find(isPrivate)
    if (closed !== undefined) {
      const reason = `its host ${host} has the private address ${closed}`
      return { endpoint, outcome: { kind: 'failed', reason, weight: 'certain' } satisfies ProbeOutcome }
    }
    const { redirects } = mirror
    const outcome = await probe({ url, family, addresses: own, redirects, targets }, parts, left, signal)
    return { endpoint, outcome: judgeLocalFault(outcome, family, own, provenFamilies) }
  })
  const gone = known.filter(({ family }) => !found.includes(family) && addresses[family] !== undefined)
  return { results: await Promise.all(told), gone }
}

/** A host without addresses. That is said of the ways that were known, or of the first that there could be. */
function nowhere(
  { id }: Mirror,
  url: string,
  host: string,
  known: readonly Endpoint[],
  families: readonly Family[],
  addresses: HostAddresses,
): ProbeRound['results'] {
  const isCertain = families.every((family) => addresses[family] !== undefined)
  const outcome: ProbeOutcome = isCertain
    ? { kind: 'failed', reason: `its host ${host} has no address`, weight: 'refused' }
    : { kind: 'nothing', reason: 'name servers are silent' }
  const endpoints = known.length > 0 ? known : [{ mirror: id, url, family: families[0] ?? 'ipv4' }]
  return endpoints.map((endpoint) => ({ endpoint, outcome }))
}

/**
 * Of a machine that has no IPv6, or no way out at all, every mirror seems to be dead. So what may be its own fault is believed
 * only after somebody has answered it by that family; silence on IPv4 always is, for there is nothing else to go by.
 */
function judgeLocalFault(
  outcome: ProbeOutcome,
  family: Family,
  addresses: readonly string[],
  provenFamilies: ProvenFamilies,
): ProbeOutcome {
  if (addresses.some(isPrivate)) return outcome
  if (outcome.kind === 'answered') provenFamilies.add(family)
  if (outcome.kind !== 'failed' || provenFamilies.has(family)) return outcome
  const isOurs = outcome.doubt === 'unreachable' || (outcome.doubt === 'silent' && family === 'ipv6')
  return isOurs ? { kind: 'nothing', reason: outcome.reason } : outcome
}

const UNKNOWN: HostAddresses = { ipv4: undefined, ipv6: undefined }

/** Returns the addresses, or `UNKNOWN` if they take longer than `limit` milliseconds or `signal` aborts. */
function within(limit: number, asked: Promise<HostAddresses>, signal: AbortSignal): Promise<HostAddresses> {
  return withTimeLimit(limit, new Error('no addresses'), signal, (controller) =>
    Promise.race([asked, whenAborted(controller.signal, UNKNOWN)]),
  )
}
