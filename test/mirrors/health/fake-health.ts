import { Health, type ProbeSettings } from '../../../lib/mirrors/health/health.js'
import type { ProbeClient } from '../../../lib/mirrors/health/http.js'
import { Registry } from '../../../lib/mirrors/list/registry.js'
import { rank } from '../../../lib/mirrors/ranking/rank.js'
import { DEFAULT_SELECTION } from '../../../lib/mirrors/ranking/snapshot.js'
import type { Client, Mirror } from '../../../lib/model.js'
import type { HostAddresses, HostResolver } from '../../../lib/network/addresses.js'
import { memoryStore } from '../../../lib/store/memory.js'
import { memoryStates } from '../../../lib/store/memory-states.js'
import type { MirrorEvent, MirrorStateStore } from '../../../lib/store/states.js'
import type { Store } from '../../../lib/store/store.js'
import { FakeClock } from '../../support/fake-clock.js'

/** Response of a mirror: a status, or an error code. */
export type Doing = number | 'ECONNREFUSED' | 'ENETUNREACH' | 'whole file' | 'hangs'

export interface FakeWorld {
  readonly clock: FakeClock
  readonly health: Health
  readonly registry: Registry
  readonly events: MirrorEvent[]
  readonly warnings: string[]
  /** Requests, each as origin and address family, with its time. */
  readonly asked: { readonly at: number; readonly whom: string }[]
  /** Responses by origin, or by origin and family; default: 206. */
  readonly doing: Record<string, Doing>
  /** Addresses by host; default: one IPv4 address. */
  readonly addresses: Record<string, HostAddresses>
  /** Content of trace files, by origin. */
  readonly traces: Record<string, string>
  /** @param changed when the requested file changed */
  ids(client?: Client, secure?: boolean, changed?: number): string[]
}

export interface FakeChoices {
  readonly mirrors: readonly Mirror[]
  readonly probing?: ProbeSettings | undefined
  readonly privateAddresses?: boolean
  readonly states?: MirrorStateStore
  readonly index?: Store
  readonly clock?: FakeClock
}

export const PROBING: ProbeSettings = { interval: 60_000 }
export const SOMEONE4: Client = { address: '198.51.100.1' }
export const SOMEONE6: Client = { address: '2001:db8::1' }

const PUBLIC: HostAddresses = { ipv4: ['93.184.216.34'], ipv6: [] }

/** Returns a health service whose surroundings are fakes. */
export function fakeWorld(choices: FakeChoices): FakeWorld {
  const { mirrors, states = memoryStates(), index = memoryStore(), clock = new FakeClock() } = choices
  const { privateAddresses = false } = choices
  const probing = 'probing' in choices ? choices.probing : PROBING
  const events: MirrorEvent[] = []
  const warnings: string[] = []
  const asked: { at: number; whom: string }[] = []
  const doing: Record<string, Doing> = {}
  const addresses: Record<string, HostAddresses> = {}
  const traces: Record<string, string> = {}
  const registry = new Registry(mirrors, false, DEFAULT_SELECTION, {
    replaced: () => {},
    warning: (error) => warnings.push(error.message),
  })
  const client: ProbeClient = async (url, [address = ''], signal, read, last = 0) => {
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    asked.push({ at: clock.steady(), whom: `${url.origin} ${family}` })
    const does = doing[`${url.origin} ${family}`] ?? doing[url.origin] ?? 206
    if (does === 'hangs') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    if (does === 'ECONNREFUSED' || does === 'ENETUNREACH')
      throw Object.assign(new Error(does), { code: does })
    const part = last === 0 ? 'bytes 0-0/9' : `bytes 0-${(traces[url.origin] ?? '').length - 1}/*`
    const fields: Record<string, string> = does === 206 ? { 'content-range': part } : {}
    return read({
      status: does === 'whole file' ? 200 : Number(does),
      header: (name) => fields[name],
      count: async () => 1,
      read: async () => Buffer.from(traces[url.origin] ?? ''),
    })
  }
  const resolver: HostResolver = { find: async (host) => addresses[host] ?? PUBLIC, close: () => {} }
  const health = new Health(
    probing,
    { states, index, registry, client, resolver, privateAddresses, clock, random: () => 0 },
    {
      changed: (event) => events.push(event),
      probeRequested: () => {},
      warning: (error) => warnings.push(error.message),
    },
  )
  return {
    clock,
    health,
    registry,
    events,
    warnings,
    asked,
    doing,
    addresses,
    traces,
    ids: (client = SOMEONE4, secure = false, changed = undefined) =>
      rank(registry.snapshot, { path: 'p', changed, secure }, client, 100).map(({ mirror }) => mirror.id),
  }
}
