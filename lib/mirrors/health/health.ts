import type { Clock } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { Awaitable, Mirror, Random } from '../../model.js'
import type { HostResolver } from '../../network/addresses.js'
import {
  endpointKey,
  MAX_EVENTS,
  type MirrorEvent,
  type MirrorStateStore,
  type StateChange,
  type StoredEndpoint,
  type StoredStates,
} from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import type { ProbeClient } from './http.js'
import { type ProvenFamilies, probeMirror } from './probe-mirror.js'
import { BASE_TARGET, ProbeTargets } from './probe-targets.js'
import { Prober } from './prober.js'
import { nextState, type StateRules } from './state.js'
import {
  conditionOf,
  eventOf,
  healthOf,
  isOutdated,
  type KnownHealth,
  type MirrorHealth,
  mirrorStatusOf,
  statusSignature,
} from './summary.js'
import { delayAfter, type ProbeResult, rulesOf, type Timing, timingOf } from './timing.js'

/** How mirrors are probed. Milliseconds. */
export interface ProbeSettings {
  readonly interval: number
  readonly timeout?: number | undefined
}

export interface HealthDependencies {
  readonly states: MirrorStateStore
  readonly index: Pick<Store, 'get' | 'sample'>
  readonly registry: Pick<Registry, 'snapshot' | 'setStatuses'>
  readonly client: ProbeClient
  readonly resolver: HostResolver
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly privateAddresses: boolean
  readonly clock: Clock
  readonly random: Random
}

export interface HealthEvents {
  changed(event: MirrorEvent): void
  /** Another process asks for an early look at a mirror. */
  probeRequested(mirror: string): void
  warning(error: MirroredByError): void
}

/** Milliseconds between two looks at what others have stored. */
const POLL_MS = 500
/** Milliseconds for which what changes nothing waits to be stored with more of its kind. */
const FLUSH_MS = 5000
/** Milliseconds after which what is known of a mirror that is gone is forgotten. */
const FORGET_MS = 30 * 86_400_000

/**
 * Knows how mirrors fare, and lets ranking know. One of the processes that share the states probes; all read what it, and
 * operators, have stored. Requests wait for nothing here.
 */
export class Health {
  readonly #settings: ProbeSettings | undefined
  readonly #timing: Timing
  readonly #rules: StateRules
  readonly #dependencies: HealthDependencies
  readonly #events: HealthEvents
  readonly #targets: ProbeTargets
  readonly #provenFamilies: ProvenFamilies = new Set()
  #prober: Prober | undefined
  /** By mirror, then by `wayKey`. */
  #endpoints = new Map<string, Map<string, StoredEndpoint>>()
  #disabled: ReadonlyMap<string, number> = new Map()
  /** Mirrors whose copy is older than it may be, as of the last look. */
  readonly #outdated = new Set<string>()
  #asked: ReadonlyMap<string, number> | undefined
  readonly #history = new Map<string, readonly MirrorEvent[]>()
  #lastEvent = 0
  #version: number | undefined
  /** What waits to be stored: ways by their keys, and the rest in order. */
  readonly #routine = new Map<string, StateChange>()
  #urgent: StateChange[] = []
  #storedAt: number
  /** Names that clients have reported since the last look. */
  #reported: Set<string> | undefined
  readonly #askedAt = new Map<string, number>()
  #cancelLook: () => void = () => {}
  #working: Promise<void> = Promise.resolve()
  /** Whether what was stored is gone, and not stored again yet. */
  #isLost = false
  #closed = false

  /** @param probing undefined where nothing is probed: every mirror then counts as up that nobody has switched off */
  constructor(probing: ProbeSettings | undefined, parts: HealthDependencies, events: HealthEvents) {
    this.#settings = probing
    this.#timing = timingOf(probing?.interval, probing?.timeout)
    this.#rules = rulesOf(this.#timing)
    this.#dependencies = parts
    this.#events = events
    this.#targets = new ProbeTargets(parts.index, () => parts.clock.steady())
    this.#storedAt = parts.clock.steady()
    this.#begin()
  }

  /** How each mirror in force fares, in the operator's order. */
  of(mirror: Mirror): MirrorHealth {
    return healthOf(mirror, this.#known(mirror.id), this.#history.get(mirror.id) ?? [])
  }

  /** Whether there is any use in asking a mirror for something. */
  isUp(mirror: Mirror): boolean {
    const { state } = conditionOf(mirror, this.#known(mirror.id))
    return state === 'up' || state === 'unknown'
  }

  /** This process probes from now on. */
  lead(): void {
    if (this.#closed || this.#settings === undefined || this.#prober !== undefined) return
    const { clock, random } = this.#dependencies
    const probe = (mirror: Mirror, signal: AbortSignal) => this.#probe(mirror, signal)
    this.#prober = new Prober(this.#timing, { clock, random, probe })
    this.#forgetOld()
    this.listChanged()
  }

  /** Another one does. */
  follow(): void {
    this.#prober?.close()
    this.#prober = undefined
  }

  /** The list of mirrors is another one. */
  listChanged(): void {
    this.#age()
    const { mirrors } = this.#dependencies.registry.snapshot
    this.#prober?.setMirrors(
      mirrors.filter(({ id, enabled, probe }) => enabled && probe && !this.#disabled.has(id)),
    )
  }

  /** A client says that mirrors are broken: they are probed early, and that alone decides. Costs next to nothing. */
  reportBroken(names: ReadonlySet<string>): void {
    if (this.#settings === undefined) return
    const { snapshot } = this.#dependencies.registry
    for (const name of names) {
      for (const id of snapshot.idsByName(name)) {
        this.#reported ??= new Set()
        this.#reported.add(id)
      }
    }
  }

  /** What was stored is gone: it is stored once more. */
  restore(): void {
    this.#isLost = true
    this.#lastEvent = 0
    this.#urgent.push(
      ...[...this.#disabled].map(([mirror, at]) => ({ kind: 'disable', mirror, at }) as const),
    )
    for (const endpoints of this.#endpoints.values())
      for (const [key, endpoint] of endpoints) this.#routine.set(key, { kind: 'endpoint', endpoint })
  }

  /** Ends every probe at once, and keeps what is known. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelLook()
    this.follow()
    await this.#working
    try {
      await this.#store(true)
    } catch {
      // It was warned of before; or it is soon told again.
    }
  }

  /** What is known from before counts from the first request on, where the store answers at once. */
  #begin(): void {
    this.#working = this.#attempt(() => {
      const read = this.#dependencies.states.read()
      return read instanceof Promise ? read.then((states) => this.#open(states)) : this.#open(read)
    })
    this.#age()
    this.#publishStatuses()
    this.#plan()
  }

  #open(states: StoredStates): Awaitable<void> {
    this.#take(states, true)
    const version = this.#dependencies.states.version()
    const events = this.#dependencies.states.events(0)
    const keep = (stored: Awaited<typeof events>) => {
      for (const event of stored) this.#remember(event)
      this.#lastEvent = stored.at(-1)?.number ?? 0
    }
    if (version instanceof Promise || events instanceof Promise) {
      return Promise.all([version, events]).then(([number, stored]) => {
        this.#version = number
        keep(stored)
        this.#age()
        this.#publishStatuses()
      })
    }
    this.#version = version
    keep(events)
  }

  #plan(): void {
    if (this.#closed) return
    this.#cancelLook = this.#dependencies.clock.after(POLL_MS, () => {
      this.#working = this.#working.then(() => this.#attempt(() => this.#look())).then(() => this.#plan())
    })
  }

  async #attempt(work: () => Awaitable<void>): Promise<void> {
    try {
      const done = work()
      if (done instanceof Promise) await done
    } catch (error) {
      const message = `the states of mirrors cannot be used at the moment: ${errorMessage(error)}; they are kept in memory until then`
      this.#events.warning(new MirroredByError('ERR_STORE', message, error))
    }
  }

  /** Stores what is new here, and reads what is new elsewhere. */
  async #look(): Promise<void> {
    this.#age()
    this.#requestProbes()
    // First of all, for whoever looks after a file that was lost notices it here.
    const version = await this.#dependencies.states.version()
    if (this.#isLost) await this.#store(true)
    if (version !== this.#version) {
      this.#take(await this.#dependencies.states.read(), this.#prober === undefined)
      this.#version = version
      this.#publishStatuses()
      this.listChanged()
      await this.#publish()
    }
    await this.#store(false)
  }

  /** @param isWhole whether what is told of ways is newer than what is known here */
  #take({ endpoints, disabled, requestedProbes }: StoredStates, isWhole: boolean): void {
    this.#disabled = disabled
    const before = this.#asked
    this.#asked = requestedProbes
    if (before !== undefined) {
      for (const [id, at] of requestedProbes) {
        if (before.get(id) === at) continue
        this.#prober?.expedite(id)
        this.#events.probeRequested(id)
      }
    }
    if (!isWhole) return
    this.#endpoints = new Map()
    for (const endpoint of endpoints) this.#endpointsOf(endpoint.mirror).set(endpointKey(endpoint), endpoint)
  }

  /** Copies grow old while nobody probes, and clocks are set: this is looked at again and again. */
  #age(): void {
    const now = this.#dependencies.clock.wall()
    for (const mirror of this.#dependencies.registry.snapshot.mirrors) {
      if (mirror.maxAge === undefined && !this.#outdated.has(mirror.id)) continue
      const before = this.#known(mirror.id)
      if (!this.#judgeAge(mirror, now)) continue
      const after = this.#known(mirror.id)
      if (this.#prober !== undefined && statusSignature(mirror, after) !== statusSignature(mirror, before))
        this.#changed(eventOf(mirror, after, now))
      else this.#publishStatuses()
    }
  }

  /** Whether that is another answer than before. */
  #judgeAge(mirror: Mirror, now: number): boolean {
    const { endpoints, outdated } = this.#known(mirror.id)
    const isOld = isOutdated(mirror, endpoints, now)
    if (isOld) this.#outdated.add(mirror.id)
    else this.#outdated.delete(mirror.id)
    return isOld !== outdated
  }

  #publishStatuses(): void {
    this.#dependencies.registry.setStatuses((candidate: Candidate) =>
      mirrorStatusOf(candidate, this.#known(candidate.mirror.id)),
    )
  }

  #known(id: string): KnownHealth {
    const endpoints = this.#settings === undefined ? undefined : this.#endpoints.get(id)
    return {
      endpoints: endpoints === undefined ? [] : [...endpoints.values()],
      disabled: this.#disabled.get(id),
      outdated: this.#outdated.has(id),
    }
  }

  #endpointsOf(id: string): Map<string, StoredEndpoint> {
    const known = this.#endpoints.get(id) ?? new Map<string, StoredEndpoint>()
    this.#endpoints.set(id, known)
    return known
  }

  async #probe(mirror: Mirror, signal: AbortSignal): Promise<number> {
    try {
      return await this.#probeNow(mirror, signal)
    } catch (error) {
      const message = `the mirror ${mirror.id} could not be probed: ${errorMessage(error)}`
      this.#events.warning(new MirroredByError('ERR_PROBE', message, error))
      return this.#timing.period
    }
  }

  async #probeNow(mirror: Mirror, signal: AbortSignal): Promise<number> {
    const { client, resolver, clock, random } = this.#dependencies
    const { timeout } = this.#timing
    const allowsPrivate = this.#dependencies.privateAddresses
    const parts = {
      client,
      resolver,
      now: () => clock.steady(),
      wall: () => clock.wall(),
      allowsPrivate,
    }
    const endpoints = this.#endpointsOf(mirror.id)
    const targets = await this.#targets.of(mirror).catch(() => [BASE_TARGET])
    const known = [...endpoints.values()]
    const { results, gone } = await probeMirror(
      mirror,
      known,
      targets,
      parts,
      this.#provenFamilies,
      timeout,
      signal,
    )
    if (signal.aborted) return 0
    const before = this.#known(mirror.id)
    const now = clock.wall()
    for (const endpoint of gone) {
      endpoints.delete(endpointKey(endpoint))
      this.#routine.set(endpointKey(endpoint), { kind: 'removeEndpoint', endpoint })
    }
    const states = results.map(({ endpoint, outcome }): ProbeResult => {
      const key = endpointKey(endpoint)
      const state = nextState(endpoints.get(key), outcome, now, this.#rules)
      if (state !== undefined && outcome.kind !== 'nothing') {
        endpoints.set(key, { ...endpoint, ...state })
        this.#routine.set(key, { kind: 'endpoint', endpoint: { ...endpoint, ...state } })
      }
      return { outcome, state }
    })
    this.#judgeAge(mirror, now)
    const after = this.#known(mirror.id)
    const event = eventOf(mirror, after, now)
    if (statusSignature(mirror, after) !== statusSignature(mirror, before)) this.#changed(event)
    else if (event.reason !== eventOf(mirror, before, now).reason) this.#publishStatuses()
    return delayAfter(states, this.#timing, this.#rules, random())
  }

  /** In force at once, and stored as soon as can be. */
  #changed(event: MirrorEvent): void {
    this.#publishStatuses()
    this.#urgent.push({ kind: 'event', event })
    this.#working = this.#working.then(() => this.#attempt(() => this.#store(false)))
  }

  async #store(isLast: boolean): Promise<void> {
    const { clock, states } = this.#dependencies
    const isDue = isLast || this.#urgent.length > 0 || clock.steady() - this.#storedAt >= FLUSH_MS
    if (!isDue || this.#urgent.length + this.#routine.size === 0) return
    const [routine, urgent] = [[...this.#routine], this.#urgent]
    await states.apply([...routine.map(([, change]) => change), ...urgent])
    this.#storedAt = clock.steady()
    this.#isLost = false
    // What was added meanwhile stays.
    for (const [key, change] of routine) if (this.#routine.get(key) === change) this.#routine.delete(key)
    this.#urgent = this.#urgent.slice(urgent.length)
    if (urgent.some(({ kind }) => kind === 'event') && !isLast) await this.#publish()
  }

  /** Tells of events that were stored here or elsewhere. */
  async #publish(): Promise<void> {
    for (const event of await this.#dependencies.states.events(this.#lastEvent)) {
      this.#lastEvent = event.number
      this.#remember(event)
      const { mirror, at, state, reason: why } = event
      this.#events.changed({ mirror, at, state, reason: why })
    }
  }

  #remember(event: MirrorEvent): void {
    const { mirror, at, state, reason: why } = event
    const known = this.#history.get(mirror) ?? []
    this.#history.set(mirror, [...known, { mirror, at, state, reason: why }].slice(-MAX_EVENTS))
  }

  /** Early probes that clients asked for: by this process, or by the one that probes. */
  #requestProbes(): void {
    const reported = this.#reported
    this.#reported = undefined
    if (reported === undefined) return
    const now = this.#dependencies.clock.steady()
    for (const mirror of reported) {
      if (this.#prober !== undefined) this.#prober.expedite(mirror)
      else if (now - (this.#askedAt.get(mirror) ?? Number.NEGATIVE_INFINITY) >= this.#timing.early) {
        this.#askedAt.set(mirror, now)
        this.#urgent.push({ kind: 'requestProbe', mirror, at: this.#dependencies.clock.wall() })
      }
    }
  }

  #forgetOld(): void {
    const ids = new Set(this.#dependencies.registry.snapshot.mirrors.map(({ id }) => id))
    const now = this.#dependencies.clock.wall()
    for (const [id, endpoints] of this.#endpoints) {
      if (ids.has(id)) continue
      for (const [key, endpoint] of endpoints) {
        if (now - endpoint.probed < FORGET_MS) continue
        endpoints.delete(key)
        this.#routine.set(key, { kind: 'removeEndpoint', endpoint })
      }
    }
  }
}
