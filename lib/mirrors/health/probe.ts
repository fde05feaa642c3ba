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

/** One way to a mirror, and what to ask for there. */
export interface ProbedEndpoint {
  /** Base URL. */
  readonly url: string
  readonly family: Family
  /** Of its host, in that family. */
  readonly addresses: readonly string[]
  /** Whether it may redirect to other hosts. */
  readonly redirects: boolean
  /** Asked for one after the other, while those before are not there; at least one. */
  readonly targets: readonly ProbeTarget[]
}

export interface ProbeDependencies {
  readonly client: ProbeClient
  readonly resolver: Pick<HostResolver, 'find'>
  /** Milliseconds since some moment. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wall: () => number
  /** Whether a redirect may lead to private addresses. */
  readonly allowsPrivate: boolean
}

/** A mirror answers, and not as it should. */
class Refusal extends Error {}
/** It does not answer at all. */
class Silence extends Error {}

/**
 * Probes one way to a mirror. Never rejects, takes no longer than `timeout` milliseconds, and reads no more than a byte or
 * two of any file but a trace.
 *
 * @param signal ends it at once
 */
export async function probe(
  endpoint: ProbedEndpoint,
  parts: ProbeDependencies,
  timeout: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const seconds = `${Number((timeout / 1000).toFixed(1))} s`
  try {
    return await withTimeLimit(timeout, new Silence(`no answer within ${seconds}`), signal, (controller) => {
      // Each redirect is a connection of its own that listens: more listeners than Node expects.
      setMaxListeners(0, controller.signal)
      return ask(endpoint, parts, controller.signal)
    })
  } catch (error) {
    return signal.aborted ? { kind: 'nothing', reason: 'ended' } : failed(error)
  }
}

function failed(error: unknown): ProbeOutcome {
  if (error instanceof Refusal) return { kind: 'failed', reason: error.message, weight: 'normal' }
  if (error instanceof Silence)
    return { kind: 'failed', reason: error.message, weight: 'normal', doubt: 'silent' }
  const { reason, refused, doubt } = failureOf(error)
  return { kind: 'failed', reason, weight: refused ? 'refused' : 'normal', doubt }
}

async function ask(
  endpoint: ProbedEndpoint,
  parts: ProbeDependencies,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const start = parts.now()
  let roundTrip: number | undefined
  let missing = ''
  for (const target of endpoint.targets) {
    const answered = () => {
      roundTrip ??= parts.now() - start
    }
    const { verdict, redirect } = await askFor(endpoint, target, parts, signal, answered)
    if (verdict.kind === 'failed') return { kind: 'failed', reason: verdict.reason, weight: 'normal' }
    if (verdict.kind === 'answered') {
      const { ranges, note, trace } = verdict
      return { kind: 'answered', roundTrip: roundTrip ?? 0, ranges, redirect, note, trace }
    }
    missing ||= verdict.reason
  }
  return { kind: 'failed', reason: missing, weight: 'normal' }
}

/** How much of something is asked for, and how the answer is judged. */
interface Asking {
  /** Of the bytes that are asked for. */
  readonly last: number
  readonly judge: (target: ProbeTarget, answer: ProbeResponse) => Promise<Verdict>
}

const ONE_BYTE: Asking = { last: 0, judge }

function wholeTrace({ wall }: ProbeDependencies): Asking {
  return { last: MAX_TRACE_BYTES - 1, judge: (target, answer) => judgeTrace(target, answer, wall()) }
}

/** What a thing was found to be, and where, if redirects led there. */
interface Found {
  readonly verdict: Verdict
  readonly redirect: string | undefined
}

/** Asks for one byte; for a trace as a whole, and then for a byte of it where that has not told whether Range is known. */
async function askFor(
  endpoint: ProbedEndpoint,
  target: ProbeTarget,
  parts: ProbeDependencies,
  signal: AbortSignal,
  answered: () => void,
): Promise<Found> {
  if (target.kind !== 'trace') return follow(endpoint, target, ONE_BYTE, parts, signal, answered)
  const whole = await follow(endpoint, target, wholeTrace(parts), parts, signal, answered)
  if (whole.verdict.kind !== 'answered' || whole.verdict.ranges !== undefined) return whole
  const byte = await follow(endpoint, target, ONE_BYTE, parts, signal, answered)
  if (byte.verdict.kind !== 'answered') return byte
  const { trace, note = byte.verdict.note } = whole.verdict
  return { ...whole, verdict: { ...byte.verdict, note, trace } }
}

/** Asks for one thing, wherever redirects lead; what they lead to is noted. */
async function follow(
  endpoint: ProbedEndpoint,
  target: ProbeTarget,
  asking: Asking,
  parts: ProbeDependencies,
  signal: AbortSignal,
  answered: () => void,
): Promise<Found> {
  let url = new URL(endpoint.url + target.urlPath)
  let { addresses } = endpoint
  for (let redirects = 0; ; redirects += 1) {
    const read = async (answer: ProbeResponse) => {
      answered()
      if (!REDIRECT_STATUSES.has(answer.status)) return asking.judge(target, answer)
      return targetOf(url, answer)
    }
    const next = await parts.client(url, addresses, signal, read, asking.last)
    if (!(next instanceof URL))
      return { verdict: next, redirect: redirects === 0 ? undefined : `${url.href}` }
    if (redirects >= MAX_REDIRECTS) throw new Refusal(`more than ${MAX_REDIRECTS} redirects`)
    if (next.hostname !== new URL(endpoint.url).hostname) {
      if (!endpoint.redirects) throw new Refusal(`it redirects to another host, ${next.host}`)
      addresses = await addressesOf(next, endpoint.family, parts)
    } else addresses = endpoint.addresses
    url = next
  }
}

function targetOf(from: URL, answer: ProbeResponse): URL {
  const to = nextLocation(from, answer.header('location'))
  if (to === undefined) throw new Refusal('it redirects to nowhere')
  if (!/^https?:$/.test(to.protocol)) throw new Refusal(`it redirects to ${to.protocol}`)
  return to
}

/** Of another host, to which a mirror redirects: by the same family, where that has it. */
async function addressesOf(to: URL, family: Family, parts: ProbeDependencies): Promise<readonly string[]> {
  const { ipv4, ipv6 } = await parts.resolver.find(hostOf(to))
  const [own, other] = family === 'ipv4' ? [ipv4, ipv6] : [ipv6, ipv4]
  const found = own?.length ? own : (other ?? [])
  if (found.length === 0) throw new Refusal(`it redirects to ${to.host}, which has no address`)
  const closed = parts.allowsPrivate ? undefined : found.find(isPrivate)
  if (closed !== undefined) throw new Refusal(`it redirects to ${to.host}, a private address`)
  return found
}
