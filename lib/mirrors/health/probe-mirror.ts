import { FAMILIES, type Family, type Mirror } from '../../model.js'
import { type HostAddresses, hostOf, isLiteral, isPrivate } from '../../network/addresses.js'
import { whenAborted, withTimeLimit } from '../../network/time-limit.js'
import type { Endpoint } from '../../store/states.js'
import { type ProbeDependencies, probe } from './probe.js'
import type { ProbeTarget } from './probe-target.js'
import type { ProbeOutcome } from './state.js'

/** Outcomes of probing all endpoints of a mirror at the same time. */
export interface ProbeRound {
  readonly results: readonly { readonly endpoint: Endpoint; readonly outcome: ProbeOutcome }[]
  /** Known endpoints that no longer exist. */
  readonly gone: readonly Endpoint[]
}

/** Address families by which this machine has received a response from the internet. */
export type ProvenFamilies = Set<Family>

export interface MirrorProbe {
  readonly mirror: Mirror
  /** Endpoints that earlier probes have reached or tried. */
  readonly known: readonly Endpoint[]
  readonly targets: readonly ProbeTarget[]
  /** Families that respond are added to it. */
  readonly provenFamilies: ProvenFamilies
  /** Milliseconds for the whole round. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Returns the URLs of a mirror that are probed: those given to clients, one per scheme. */
export function probedUrls({ urls }: Pick<Mirror, 'urls'>): readonly string[] {
  return ['https:', 'http:'].flatMap((scheme) => urls.find((url) => url.startsWith(scheme)) ?? [])
}

/**
 * Probes every endpoint of a mirror: https and http, by each address family that its hosts have.
 * Never rejects, and settles within the timeout.
 */
export async function probeMirror(round: MirrorProbe, dependencies: ProbeDependencies): Promise<ProbeRound> {
  const urls = probedUrls(round.mirror)
  const rounds = await Promise.all(
    urls.map((url) => {
      const known = round.known.filter((endpoint) => endpoint.url === url)
      return probeUrl(url, { ...round, known }, dependencies)
    }),
  )
  return {
    results: rounds.flatMap(({ results }) => results),
    gone: [
      ...rounds.flatMap(({ gone }) => gone),
      ...round.known.filter((endpoint) => !urls.includes(endpoint.url)),
    ],
  }
}

/** Probes one URL by each family. All of `known` are endpoints of this URL. */
async function probeUrl(
  url: string,
  { mirror, known, targets, provenFamilies, timeout, signal }: MirrorProbe,
  dependencies: ProbeDependencies,
): Promise<ProbeRound> {
  const start = dependencies.now()
  const host = hostOf(new URL(url))
  const hostAddresses = await within(timeout, dependencies.resolver.find(host), signal)
  const allowed = FAMILIES.filter((family) => mirror.family === undefined || mirror.family === family)
  const families = allowed.filter((family) => (hostAddresses[family]?.length ?? 0) > 0)
  if (families.length === 0)
    return { results: withoutAddress(mirror, url, host, known, allowed, hostAddresses), gone: [] }
  const timeLeft = Math.max(1, timeout - (dependencies.now() - start))
  const results = families.map(async (family) => {
    const endpoint: Endpoint = { mirror: mirror.id, url, family }
    const addresses = hostAddresses[family] ?? []
    const refused = dependencies.allowsPrivate || isLiteral(host) ? undefined : addresses.find(isPrivate)
    if (refused !== undefined) {
      const reason = `its host ${host} has the private address ${refused}`
      return { endpoint, outcome: { kind: 'failed', reason, weight: 'certain' } satisfies ProbeOutcome }
    }
    const { redirects } = mirror
    const probed = { url, family, addresses, redirects, targets }
    const outcome = await probe(probed, dependencies, timeLeft, signal)
    return { endpoint, outcome: judgeLocalFault(outcome, family, addresses, provenFamilies) }
  })
  const gone = known.filter(({ family }) => !families.includes(family) && hostAddresses[family] !== undefined)
  return { results: await Promise.all(results), gone }
}

/**
 * Returns the outcomes for a host without addresses. They apply to the known endpoints; without
 * any, to the first that could exist.
 */
function withoutAddress(
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
 * Discards a failure that may be caused by this machine. Without IPv6, or without any network,
 * every mirror looks down. Such a failure counts only after a response has come from the internet
 * by that family. Silence on IPv4 always counts, because nothing else shows that a mirror is down.
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
  const { localFault } = outcome
  const isLocal = localFault === 'unreachable' || (localFault === 'silent' && family === 'ipv6')
  return isLocal ? { kind: 'nothing', reason: outcome.reason } : outcome
}

const UNKNOWN: HostAddresses = { ipv4: undefined, ipv6: undefined }

/** Returns the addresses, or `UNKNOWN` if the time limit passes or `signal` aborts. */
function within(
  milliseconds: number,
  resolving: Promise<HostAddresses>,
  signal: AbortSignal,
): Promise<HostAddresses> {
  return withTimeLimit(milliseconds, new Error('no addresses'), signal, (controller) =>
    Promise.race([resolving, whenAborted(controller.signal, UNKNOWN)]),
  )
}
