import { setMaxListeners } from 'node:events'
import type { Family } from '../../model.js'
import { type HostResolver, hostOf, isPrivate } from '../../network/addresses.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../network/redirects.js'
import { withTimeLimit } from '../../network/time-limit.js'
import { failureOf } from './failure.js'
import type { ProbeClient, ProbeResponse } from './http.js'
import { judge, judgeTrace, type Verdict } from './judge.js'
import type { ProbeTarget } from './probe-target.js'
import type { ProbeOutcome } from './state.js'
import { MAX_TRACE_BYTES } from './trace.js'

/** An endpoint of a mirror, and what to request from it. */
export interface ProbedEndpoint {
  /** Base URL. */
  readonly url: string
  readonly family: Family
  /** Addresses of the host in that family. */
  readonly addresses: readonly string[]
  /** Whether redirects to other hosts are followed. */
  readonly redirects: boolean
  /** At least one. The next is requested only if all before it are missing. */
  readonly targets: readonly ProbeTarget[]
}

export interface ProbeDependencies {
  readonly client: ProbeClient
  readonly resolver: Pick<HostResolver, 'find'>
  /** Returns the time in milliseconds of a clock that is never set. */
  readonly now: () => number
  /** Returns milliseconds since 1970. */
  readonly wall: () => number
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly allowsPrivate: boolean
}

/** The mirror's response is not acceptable. */
class BadResponse extends Error {}
/** No response came within the timeout. */
class NoResponse extends Error {}

/**
 * Probes one endpoint. Never rejects, settles within `timeout` milliseconds, and reads no more than
 * two bytes of a file other than a trace.
 */
export async function probe(
  endpoint: ProbedEndpoint,
  dependencies: ProbeDependencies,
  timeout: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const seconds = `${Number((timeout / 1000).toFixed(1))} s`
  const timedOut = new NoResponse(`no answer within ${seconds}`)
  try {
    return await withTimeLimit(timeout, timedOut, signal, (controller) => {
      // Every redirect opens a connection that listens; Node warns of a leak at eleven listeners.
      setMaxListeners(0, controller.signal)
      return probeTargets(endpoint, dependencies, controller.signal)
    })
  } catch (error) {
    return signal.aborted ? { kind: 'nothing', reason: 'ended' } : failed(error)
  }
}

function failed(error: unknown): ProbeOutcome {
  if (error instanceof BadResponse) return { kind: 'failed', reason: error.message, weight: 'normal' }
  if (error instanceof NoResponse)
    return { kind: 'failed', reason: error.message, weight: 'normal', localFault: 'silent' }
  const { reason, refused, localFault } = failureOf(error)
  return { kind: 'failed', reason, weight: refused ? 'refused' : 'normal', localFault }
}

async function probeTargets(
  endpoint: ProbedEndpoint,
  dependencies: ProbeDependencies,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const start = dependencies.now()
  let roundTrip: number | undefined
  let missing = ''
  const responded = () => {
    roundTrip ??= dependencies.now() - start
  }
  const session: Session = { endpoint, dependencies, signal, responded }
  for (const target of endpoint.targets) {
    const { verdict, redirect } = await probeTarget(target, session)
    if (verdict.kind === 'failed') return { kind: 'failed', reason: verdict.reason, weight: 'normal' }
    if (verdict.kind === 'answered') {
      const { ranges, note, trace } = verdict
      return { kind: 'answered', roundTrip: roundTrip ?? 0, ranges, redirect, note, trace }
    }
    missing ||= verdict.reason
  }
  return { kind: 'failed', reason: missing, weight: 'normal' }
}

/** What all requests of one probe share. */
interface Session {
  readonly endpoint: ProbedEndpoint
  readonly dependencies: ProbeDependencies
  readonly signal: AbortSignal
  /** Called at the head of each response. */
  readonly responded: () => void
}

/** The range that is requested, and the function that judges the response. */
interface RangeProbe {
  /** Last byte of the range, which starts at 0. */
  readonly last: number
  readonly judge: (target: ProbeTarget, response: ProbeResponse) => Promise<Verdict>
}

const ONE_BYTE: RangeProbe = { last: 0, judge }

function wholeTrace({ wall }: ProbeDependencies): RangeProbe {
  return { last: MAX_TRACE_BYTES - 1, judge: (target, response) => judgeTrace(target, response, wall()) }
}

interface TargetResult {
  readonly verdict: Verdict
  /** Final URL; undefined without redirects. */
  readonly redirect: string | undefined
}

/**
 * Requests one byte of a file. Of a trace, requests all of it, and then one byte if the first
 * response did not show whether the server supports Range.
 */
async function probeTarget(target: ProbeTarget, session: Session): Promise<TargetResult> {
  if (target.kind !== 'trace') return request(target, ONE_BYTE, session)
  const whole = await request(target, wholeTrace(session.dependencies), session)
  if (whole.verdict.kind !== 'answered' || whole.verdict.ranges !== undefined) return whole
  const byte = await request(target, ONE_BYTE, session)
  if (byte.verdict.kind !== 'answered') return byte
  const { trace, note = byte.verdict.note } = whole.verdict
  return { ...whole, verdict: { ...byte.verdict, note, trace } }
}

/** Sends one request and follows its redirects. */
async function request(
  target: ProbeTarget,
  rangeProbe: RangeProbe,
  { endpoint, dependencies, signal, responded }: Session,
): Promise<TargetResult> {
  let url = new URL(endpoint.url + target.urlPath)
  let { addresses } = endpoint
  for (let redirects = 0; ; redirects += 1) {
    const read = async (response: ProbeResponse) => {
      responded()
      if (!REDIRECT_STATUSES.has(response.status)) return rangeProbe.judge(target, response)
      return locationOf(url, response)
    }
    const result = await dependencies.client(url, addresses, signal, read, rangeProbe.last)
    if (!(result instanceof URL)) return { verdict: result, redirect: redirects === 0 ? undefined : url.href }
    if (redirects >= MAX_REDIRECTS) throw new BadResponse(`more than ${MAX_REDIRECTS} redirects`)
    if (result.hostname !== new URL(endpoint.url).hostname) {
      if (!endpoint.redirects) return elsewhere(target, result)
      addresses = await addressesOf(result, endpoint.family, dependencies)
    } else addresses = endpoint.addresses
    url = result
  }
}

/**
 * Returns the verdict on a redirect to another host that is not followed. Some mirrors send clients
 * elsewhere for single files that they lack.
 */
function elsewhere({ kind }: ProbeTarget, { host }: URL): TargetResult {
  const reason = `it redirects to another host, ${host}`
  return { verdict: { kind: kind === 'file' ? 'missing' : 'failed', reason }, redirect: undefined }
}

function locationOf(from: URL, response: ProbeResponse): URL {
  const url = nextLocation(from, response.header('location'))
  if (url === undefined) throw new BadResponse('it redirects to nowhere')
  if (!/^https?:$/.test(url.protocol)) throw new BadResponse(`it redirects to ${url.protocol}`)
  return url
}

/** Returns the addresses of another host, of the probed family if it has any. */
async function addressesOf(
  url: URL,
  family: Family,
  dependencies: ProbeDependencies,
): Promise<readonly string[]> {
  const { ipv4, ipv6 } = await dependencies.resolver.find(hostOf(url))
  const [preferred, other] = family === 'ipv4' ? [ipv4, ipv6] : [ipv6, ipv4]
  const addresses = preferred?.length ? preferred : (other ?? [])
  if (addresses.length === 0) throw new BadResponse(`it redirects to ${url.host}, which has no address`)
  const refused = dependencies.allowsPrivate ? undefined : addresses.find(isPrivate)
  if (refused !== undefined) throw new BadResponse(`it redirects to ${url.host}, a private address`)
  return addresses
}
