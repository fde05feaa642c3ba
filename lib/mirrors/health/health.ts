import type { Clock } from '../../clock.js'
import { Cooldown } from '../../cooldown.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { Awaitable, Mirror, Random } from '../../model.js'
import type { HostResolver } from '../../network/addresses.js'
import { StateReplica } from '../../store/replica.js'
import {
  endpointKey,
  MAX_EVENTS,
  type MirrorEvent,
  type MirrorStateStore,
  type StoredEndpoint,
  type StoredEvent,
  type StoredStates,
} from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import { changeOf, type EndpointsByKey, evaluate } from './evaluate.js'
import type { ProbeClient } from './http.js'
import { LEADS_BACK } from './judge.js'
import { type ProbeRound, type ProvenFamilies, probeMirror } from './probe-mirror.js'
import { BASE_TARGET, ProbeTargets } from './probe-targets.js'
import { Prober } from './prober.js'
import type { StateRules } from './state.js'
import {
  conditionOf,
  healthOf,
  isOutdated,
  type KnownHealth,
  type MirrorHealth,
  mirrorStatusOf,
} from './summary.js'
import { delayAfter, rulesOf, type Timing, timingOf } from './timing.js'

/** How often mirrors are probed, in milliseconds. */
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
  /** Whether a host may resolve to private addresses although its URL does not name one. */
  readonly privateAddresses: boolean
  readonly clock: Clock
  readonly random: Random
}

export interface HealthEvents {
  changed(event: MirrorEvent): void
  /** Another process has requested an early probe of a mirror. */
  probeRequested(mirror: string): void
  warning(error: MirroredByError): void
}

/** How long the endpoints of a mirror that left the list are kept. */
const FORGET_MS = 30 * 86_400_000
const NO_ENDPOINTS: EndpointsByKey = new Map()

/**
 * Health of all mirrors. Of the processes that share a state store, the leader probes; all of them
 * read what it and operators have stored, and pass statuses to the ranking. No request waits for a
 * probe.
 */
export class Health {
  readonly #settings: ProbeSettings | undefined
  readonly #timing: Timing
  readonly #rules: StateRules
  readonly #dependencies: HealthDependencies
  readonly #events: HealthEvents
  readonly #replica: StateReplica
  readonly #targets: ProbeTargets
  readonly #provenFamilies: ProvenFamilies = new Set()
  #prober: Prober | undefined
  /** By id of the mirror. */
  #endpoints = new Map<string, EndpointsByKey>()
  /** By id of the mirror: when an operator disabled it, in milliseconds since 1970. */
  #disabled: ReadonlyMap<string, number> = new Map()
  /** Ids of mirrors whose copy was older than its `maxAge` when that was last checked. */
  readonly #outdated = new Set<string>()
  /** Requested probes as last read from the store; undefined before the first read. */
  #requestedProbes: ReadonlyMap<string, number> | undefined
  /** Ids of mirrors that were found to lead back to this server. */
  readonly #loops = new Set<string>()
  readonly #history = new Map<string, readonly MirrorEvent[]>()
  /** Number of the last event read from the store. */
  #lastEvent = 0
  /** Number of events queued so far: a part of their keys. */
  #queuedEvents = 0
  /** Ids of mirrors that clients have reported since the last poll. */
  #reported: Set<string> | undefined
  readonly #requestCooldown: Cooldown<string>
  #closed = false

  /**
   * @param settings undefined: no mirror is probed, and each counts as up unless an operator
   * disables it
   */
  constructor(settings: ProbeSettings | undefined, dependencies: HealthDependencies, events: HealthEvents) {
    this.#settings = settings
    this.#timing = timingOf(settings?.interval, settings?.timeout)
    this.#rules = rulesOf(this.#timing)
    this.#dependencies = dependencies
    this.#events = events
    const { states, index, clock } = dependencies
    const now = () => clock.steady()
    this.#targets = new ProbeTargets(index, now)
    // The list of mirrors bounds the number of keys.
    const maxKeys = Number.POSITIVE_INFINITY
    this.#requestCooldown = new Cooldown({ milliseconds: this.#timing.early, maxKeys, now })
    this.#replica = new StateReplica(
      {
        poll: () => this.#poll(),
        load: (store, isStart) => this.#load(store, isStart),
        written: async (store, changes) => {
          if (changes.some(({ kind }) => kind === 'event'))
            this.#publishEvents(await store.events(this.#lastEvent))
        },
        failureText: (reason) =>
          `the states of mirrors cannot be used at the moment: ${reason}; they are kept in memory until then`,
      },
      { store: states, clock, warning: (error) => events.warning(error) },
    )
    this.#replica.start()
    this.#updateOutdated()
    this.#publishStatuses()
  }

  /** Returns the health of a mirror in the current list. */
  of(mirror: Mirror): MirrorHealth {
    return healthOf(mirror, this.#known(mirror.id), this.#history.get(mirror.id) ?? [])
  }

  /**
   * Returns false for a mirror that is down or disabled, so that other requests to it are
   * pointless.
   */
  isUp(mirror: Mirror): boolean {
    const { state } = conditionOf(mirror, this.#known(mirror.id))
    return state === 'up' || state === 'unknown'
  }

  /** Starts probing: this process has become the leader. */
  lead(): void {
    if (this.#closed || this.#settings === undefined || this.#prober !== undefined) return
    const { clock, random } = this.#dependencies
    const probe = (mirror: Mirror, signal: AbortSignal) => this.#probe(mirror, signal)
    this.#prober = new Prober(this.#timing, { clock, random, probe })
    this.#forgetOld()
    this.listChanged()
  }

  /** Stops probing: another process is the leader. */
  follow(): void {
    this.#prober?.close()
    this.#prober = undefined
  }

  /** Applies a new list of mirrors. */
  listChanged(): void {
    this.#updateOutdated()
    const { mirrors } = this.#dependencies.registry.snapshot
    this.#prober?.setMirrors(
      mirrors.filter(({ id, enabled, probe }) => enabled && probe && !this.#disabled.has(id)),
    )
  }

  /**
   * Handles a client's report that mirrors are broken: they are probed early, and only the probe
   * changes their state. Runs within requests, so it only adds to a set.
   */
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

  /** Queues everything in memory to be stored again, because stored states were lost. */
  restore(): void {
    this.#lastEvent = 0
    for (const [mirror, at] of this.#disabled)
      this.#replica.queue(`disable ${mirror}`, { kind: 'disable', mirror, at }, true)
    for (const endpoints of this.#endpoints.values())
      for (const [key, endpoint] of endpoints) this.#replica.queue(key, { kind: 'endpoint', endpoint }, false)
    this.#replica.restore()
  }

  /**
   * Aborts running probes and stores what is not stored yet. Leaves the store and the resolver
   * open.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#replica.stop()
    this.follow()
    await this.#replica.close()
  }

  #poll(): void {
    this.#updateOutdated()
    this.#requestProbes()
  }

  #load(store: MirrorStateStore, isStart: boolean): Awaitable<void> {
    const states = store.read()
    const events = store.events(this.#lastEvent)
    if (states instanceof Promise || events instanceof Promise) {
      return Promise.all([states, events]).then(([read, after]) => this.#merge(read, after, isStart))
    }
    this.#merge(states, events, isStart)
  }

  #merge(states: StoredStates, events: readonly StoredEvent[], isStart: boolean): void {
    this.#disabled = states.disabled
    this.#takeRequests(states.requestedProbes)
    // The leader's memory is newer than the store.
    if (isStart || this.#prober === undefined) this.#endpoints = endpointsByMirror(states.endpoints)
    if (isStart) {
      for (const event of events) this.#remember(event)
      this.#updateOutdated()
      this.#publishStatuses()
    } else {
      this.#publishStatuses()
      this.listChanged()
      this.#publishEvents(events)
    }
  }

  /** Expedites probes that have been requested in the store since it was read last. */
  #takeRequests(requested: ReadonlyMap<string, number>): void {
    const before = this.#requestedProbes
    this.#requestedProbes = requested
    if (before === undefined) return
    for (const [id, at] of requested) {
      if (before.get(id) === at) continue
      this.#prober?.expedite(id)
      this.#events.probeRequested(id)
    }
  }

  /**
   * Checks the age of every copy that has a limit. Runs often, because copies become outdated
   * without a probe, and because the wall clock may be set.
   */
  #updateOutdated(): void {
    const now = this.#dependencies.clock.wall()
    for (const mirror of this.#dependencies.registry.snapshot.mirrors) {
      if (mirror.maxAge === undefined && !this.#outdated.has(mirror.id)) continue
      const before = this.#known(mirror.id)
      if (!this.#updateOutdatedOf(mirror, now)) continue
      const { event, isEvent } = changeOf(mirror, before, this.#known(mirror.id), now)
      this.#publishStatuses()
      if (this.#prober !== undefined && isEvent) this.#queueEvent(event)
    }
  }

  /** @returns whether the copy has become outdated, or is outdated no longer */
  #updateOutdatedOf(mirror: Mirror, now: number): boolean {
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

  /** @returns milliseconds until the next probe */
  async #probe(mirror: Mirror, signal: AbortSignal): Promise<number> {
    try {
      return await this.#probeNow(mirror, signal)
    } catch (error) {
      const message = `the mirror ${mirror.id} could not be probed: ${errorMessage(error)}`
      this.#events.warning(new MirroredByError('ERR_PROBE', message, error))
      return this.#timing.period
    }
  }

  /** Warns once of a mirror that leads back to this server. */
  #warnOfLoop({ id }: Mirror, { results }: ProbeRound): void {
    const isLoop = results.some(({ outcome }) => outcome.kind === 'failed' && outcome.reason === LEADS_BACK)
    if (!isLoop || this.#loops.has(id)) return
    this.#loops.add(id)
    const message =
      `the mirror ${id} leads back to this very server, and is given to no client: ` +
      'correct its URL, or remove it from the mirrors'
    this.#events.warning(new MirroredByError('ERR_LOOP', message))
  }

  async #probeNow(mirror: Mirror, signal: AbortSignal): Promise<number> {
    const { client, resolver, clock, random, privateAddresses } = this.#dependencies
    const targets = await this.#targets.of(mirror).catch(() => [BASE_TARGET])
    const known = [...(this.#endpoints.get(mirror.id)?.values() ?? [])]
    const round = await probeMirror(
      { mirror, known, targets, provenFamilies: this.#provenFamilies, timeout: this.#timing.timeout, signal },
      {
        client,
        resolver,
        now: () => clock.steady(),
        wall: () => clock.wall(),
        allowsPrivate: privateAddresses,
      },
    )
    if (signal.aborted) return 0
    this.#warnOfLoop(mirror, round)
    const now = clock.wall()
    const before = this.#known(mirror.id)
    const endpointsBefore = this.#endpoints.get(mirror.id) ?? NO_ENDPOINTS
    const { endpoints, changes, results } = evaluate(endpointsBefore, round, now, this.#rules)
    this.#endpoints.set(mirror.id, endpoints)
    for (const [key, change] of changes) this.#replica.queue(key, change, false)
    this.#updateOutdatedOf(mirror, now)
    const { event, isEvent, isStatus } = changeOf(mirror, before, this.#known(mirror.id), now)
    if (isStatus) this.#publishStatuses()
    if (isEvent) this.#queueEvent(event)
    return delayAfter(results, this.#timing, this.#rules, random())
  }

  /** Stores an event at once. It is published when it is read back, with its number. */
  #queueEvent(event: MirrorEvent): void {
    this.#queuedEvents += 1
    this.#replica.queue(`event ${this.#queuedEvents}`, { kind: 'event', event }, true)
    this.#replica.flush()
  }

  #publishEvents(events: readonly StoredEvent[]): void {
    for (const event of events) this.#events.changed(this.#remember(event))
  }

  #remember({ number, mirror, at, state, reason }: StoredEvent): MirrorEvent {
    const event = { mirror, at, state, reason }
    this.#lastEvent = number
    this.#history.set(mirror, [...(this.#history.get(mirror) ?? []), event].slice(-MAX_EVENTS))
    return event
  }

  /** Makes probes early that clients have requested; a follower requests them from the leader. */
  #requestProbes(): void {
    const reported = this.#reported ?? []
    this.#reported = undefined
    for (const mirror of reported) {
      if (this.#prober !== undefined) this.#prober.expedite(mirror)
      else if (this.#requestCooldown.start(mirror)) {
        const at = this.#dependencies.clock.wall()
        this.#replica.queue(`requestProbe ${mirror}`, { kind: 'requestProbe', mirror, at }, true)
      }
    }
  }

  #forgetOld(): void {
    const ids = new Set(this.#dependencies.registry.snapshot.mirrors.map(({ id }) => id))
    const now = this.#dependencies.clock.wall()
    for (const [id, endpoints] of this.#endpoints) {
      if (ids.has(id)) continue
      const kept = new Map(endpoints)
      for (const [key, endpoint] of endpoints) {
        if (now - endpoint.probed < FORGET_MS) continue
        kept.delete(key)
        this.#replica.queue(key, { kind: 'removeEndpoint', endpoint }, false)
      }
      this.#endpoints.set(id, kept)
    }
  }
}

function endpointsByMirror(endpoints: readonly StoredEndpoint[]): Map<string, EndpointsByKey> {
  const byMirror = new Map<string, Map<string, StoredEndpoint>>()
  for (const endpoint of endpoints) {
    const byKey = byMirror.get(endpoint.mirror) ?? new Map<string, StoredEndpoint>()
    byMirror.set(endpoint.mirror, byKey.set(endpointKey(endpoint), endpoint))
  }
  return byMirror
}
