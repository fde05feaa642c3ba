import type { Clock } from '../../clock.js'
import { MirroredByError, reason } from '../../errors.js'
import type { Awaitable, Draw, Mirror } from '../../model.js'
import type { AddressBook } from '../../network/addresses.js'
import {
  type KnownStates,
  type KnownWay,
  type MirrorEvent,
  MOST_EVENTS,
  type StateChange,
  type StateStore,
  wayKey,
} from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Ask } from './http.js'
import { type Proven, probeMirror } from './probe-mirror.js'
import { BASE, Subjects } from './probe-targets.js'
import { Prober } from './prober.js'
import { nextState, type Rules } from './state.js'
import {
  ailmentOf,
  conditionOf,
  eventOf,
  healthOf,
  isOutdated,
  type Known,
  type MirrorHealth,
  signature,
} from './summary.js'
import { delayAfter, rulesOf, type Timing, type Told, timingOf } from './timing.js'

/** How mirrors are probed. Milliseconds. */
export interface Probing {
  readonly interval: number
  readonly timeout?: number | undefined
}

export interface HealthParts {
  readonly states: StateStore
  readonly index: Pick<Store, 'get' | 'sample'>
  readonly registry: Pick<Registry, 'snapshot' | 'heed'>
  readonly ask: Ask
  readonly book: AddressBook
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly privateAddresses: boolean
  readonly clock: Clock
  readonly draw: Draw
}

export interface HealthEvents {
  changed(event: MirrorEvent): void
  /** Another process asks for an early look at a mirror. */
  asked(mirror: string): void
  warning(error: MirroredByError): void
}

/** Milliseconds between two looks at what others have stored. */
const LOOK_TIME = 500
/** Milliseconds for which what changes nothing waits to be stored with more of its kind. */
const ROUTINE_TIME = 5000
/** Milliseconds after which what is known of a mirror that is gone is forgotten. */
const FORGET_TIME = 30 * 86_400_000

/**
 * Knows how mirrors fare, and lets ranking know. One of the processes that share the states probes; all read what it, and
 * operators, have stored. Requests wait for nothing here.
 */
export class Health {
  readonly #probing: Probing | undefined
  readonly #timing: Timing
  readonly #rules: Rules
  readonly #parts: HealthParts
  readonly #events: HealthEvents
  readonly #subjects: Subjects
  readonly #proven: Proven = new Set()
  #prober: Prober | undefined
  /** By mirror, then by `wayKey`. */
  #ways = new Map<string, Map<string, KnownWay>>()
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
  constructor(probing: Probing | undefined, parts: HealthParts, events: HealthEvents) {
    this.#probing = probing
    this.#timing = timingOf(probing?.interval, probing?.timeout)
    this.#rules = rulesOf(this.#timing)
    this.#parts = parts
    this.#events = events
    this.#subjects = new Subjects(parts.index, () => parts.clock.steady())
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
    if (this.#closed || this.#probing === undefined || this.#prober !== undefined) return
    const { clock, draw } = this.#parts
    const probe = (mirror: Mirror, signal: AbortSignal) => this.#probe(mirror, signal)
    this.#prober = new Prober(this.#timing, { clock, draw, probe })
    this.#forgetOld()
    this.followList()
  }

  /** Another one does. */
  follow(): void {
    this.#prober?.close()
    this.#prober = undefined
  }

  /** The list of mirrors is another one. */
  followList(): void {
    this.#age()
    const { mirrors } = this.#parts.registry.snapshot
    this.#prober?.follow(
      mirrors.filter(({ id, enabled, probe }) => enabled && probe && !this.#disabled.has(id)),
    )
  }

  /** A client says that mirrors are broken: they are probed early, and that alone decides. Costs next to nothing. */
  report(names: ReadonlySet<string>): void {
    if (this.#probing === undefined) return
    const { snapshot } = this.#parts.registry
    for (const name of names) {
      for (const id of snapshot.named(name)) {
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
    for (const ways of this.#ways.values())
      for (const [key, way] of ways) this.#routine.set(key, { kind: 'way', way })
  }

  /** Ends every probe at once, and keeps what is known. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelLook()
    this.follow()
    this.#parts.book.close()
    await this.#working
    try {
      await this.#store(true)
    } catch {
      // It was warned of before; or it is soon told again.
    }
    await this.#parts.states.close()
  }

  /** What is known from before counts from the first request on, where the store answers at once. */
  #begin(): void {
    this.#working = this.#attempt(() => {
      const read = this.#parts.states.read()
      return read instanceof Promise ? read.then((states) => this.#open(states)) : this.#open(read)
    })
    this.#age()
    this.#heed()
    this.#plan()
  }

  #open(states: KnownStates): Awaitable<void> {
    this.#take(states, true)
    const version = this.#parts.states.version()
    const events = this.#parts.states.events(0)
    const keep = (stored: Awaited<typeof events>) => {
      for (const event of stored) this.#remember(event)
      this.#lastEvent = stored.at(-1)?.number ?? 0
    }
    if (version instanceof Promise || events instanceof Promise) {
      return Promise.all([version, events]).then(([number, stored]) => {
        this.#version = number
        keep(stored)
        this.#age()
        this.#heed()
      })
    }
    this.#version = version
    keep(events)
  }

  #plan(): void {
    if (this.#closed) return
    this.#cancelLook = this.#parts.clock.after(LOOK_TIME, () => {
      this.#working = this.#working.then(() => this.#attempt(() => this.#look())).then(() => this.#plan())
    })
  }

  async #attempt(work: () => Awaitable<void>): Promise<void> {
    try {
      const done = work()
      if (done instanceof Promise) await done
    } catch (error) {
      const message = `the states of mirrors cannot be used at the moment: ${reason(error)}; they are kept in memory until then`
      this.#events.warning(new MirroredByError('ERR_STORE', message, error))
    }
  }

  /** Stores what is new here, and reads what is new elsewhere. */
  async #look(): Promise<void> {
    this.#age()
    this.#passOn()
    // First of all, for whoever looks after a file that was lost notices it here.
    const version = await this.#parts.states.version()
    if (this.#isLost) await this.#store(true)
    if (version !== this.#version) {
      this.#take(await this.#parts.states.read(), this.#prober === undefined)
      this.#version = version
      this.#heed()
      this.followList()
      await this.#publish()
    }
    await this.#store(false)
  }

  /** @param isWhole whether what is told of ways is newer than what is known here */
  #take({ ways, disabled, asked }: KnownStates, isWhole: boolean): void {
    this.#disabled = disabled
    const before = this.#asked
    this.#asked = asked
    if (before !== undefined) {
      for (const [id, at] of asked) {
        if (before.get(id) === at) continue
        this.#prober?.hasten(id)
        this.#events.asked(id)
      }
    }
    if (!isWhole) return
    this.#ways = new Map()
    for (const way of ways) this.#waysOf(way.mirror).set(wayKey(way), way)
  }

  /** Copies grow old while nobody probes, and clocks are set: this is looked at again and again. */
  #age(): void {
    const now = this.#parts.clock.wall()
    for (const mirror of this.#parts.registry.snapshot.mirrors) {
      if (mirror.maxAge === undefined && !this.#outdated.has(mirror.id)) continue
      const before = this.#known(mirror.id)
      if (!this.#judgeAge(mirror, now)) continue
      const after = this.#known(mirror.id)
      if (this.#prober !== undefined && signature(mirror, after) !== signature(mirror, before))
        this.#changed(eventOf(mirror, after, now))
      else this.#heed()
    }
  }

  /** Whether that is another answer than before. */
  #judgeAge(mirror: Mirror, now: number): boolean {
    const { ways, outdated } = this.#known(mirror.id)
    const isOld = isOutdated(mirror, ways, now)
    if (isOld) this.#outdated.add(mirror.id)
    else this.#outdated.delete(mirror.id)
    return isOld !== outdated
  }

  #heed(): void {
    this.#parts.registry.heed((candidate: Candidate) =>
      ailmentOf(candidate, this.#known(candidate.mirror.id)),
    )
  }

  #known(id: string): Known {
    const ways = this.#probing === undefined ? undefined : this.#ways.get(id)
    return {
      ways: ways === undefined ? [] : [...ways.values()],
      disabled: this.#disabled.get(id),
      outdated: this.#outdated.has(id),
    }
  }

  #waysOf(id: string): Map<string, KnownWay> {
    const known = this.#ways.get(id) ?? new Map<string, KnownWay>()
    this.#ways.set(id, known)
    return known
  }

  async #probe(mirror: Mirror, signal: AbortSignal): Promise<number> {
    try {
      return await this.#probeNow(mirror, signal)
    } catch (error) {
      const message = `the mirror ${mirror.id} could not be probed: ${reason(error)}`
      this.#events.warning(new MirroredByError('ERR_PROBE', message, error))
      return this.#timing.period
    }
  }

  async #probeNow(mirror: Mirror, signal: AbortSignal): Promise<number> {
    const { ask, book, clock, draw } = this.#parts
    const { timeout } = this.#timing
    const allowsPrivate = this.#parts.privateAddresses
    const parts = { ask, book, now: () => clock.steady(), wall: () => clock.wall(), allowsPrivate }
    const ways = this.#waysOf(mirror.id)
    const subjects = await this.#subjects.of(mirror).catch(() => [BASE])
    const known = [...ways.values()]
    const { told, gone } = await probeMirror(mirror, known, subjects, parts, this.#proven, timeout, signal)
    if (signal.aborted) return 0
    const before = this.#known(mirror.id)
    const now = clock.wall()
    for (const way of gone) {
      ways.delete(wayKey(way))
      this.#routine.set(wayKey(way), { kind: 'removeWay', way })
    }
    const states = told.map(({ way, outcome }): Told => {
      const key = wayKey(way)
      const state = nextState(ways.get(key), outcome, now, this.#rules)
      if (state !== undefined && outcome.kind !== 'nothing') {
        ways.set(key, { ...way, ...state })
        this.#routine.set(key, { kind: 'way', way: { ...way, ...state } })
      }
      return { outcome, state }
    })
    this.#judgeAge(mirror, now)
    const after = this.#known(mirror.id)
    const event = eventOf(mirror, after, now)
    if (signature(mirror, after) !== signature(mirror, before)) this.#changed(event)
    else if (event.reason !== eventOf(mirror, before, now).reason) this.#heed()
    return delayAfter(states, this.#timing, this.#rules, draw())
  }

  /** In force at once, and stored as soon as can be. */
  #changed(event: MirrorEvent): void {
    this.#heed()
    this.#urgent.push({ kind: 'event', event })
    this.#working = this.#working.then(() => this.#attempt(() => this.#store(false)))
  }

  async #store(isLast: boolean): Promise<void> {
    const { clock, states } = this.#parts
    const isDue = isLast || this.#urgent.length > 0 || clock.steady() - this.#storedAt >= ROUTINE_TIME
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
    for (const event of await this.#parts.states.events(this.#lastEvent)) {
      this.#lastEvent = event.number
      this.#remember(event)
      const { mirror, at, state, reason: why } = event
      this.#events.changed({ mirror, at, state, reason: why })
    }
  }

  #remember(event: MirrorEvent): void {
    const { mirror, at, state, reason: why } = event
    const known = this.#history.get(mirror) ?? []
    this.#history.set(mirror, [...known, { mirror, at, state, reason: why }].slice(-MOST_EVENTS))
  }

  /** Early probes that clients asked for: by this process, or by the one that probes. */
  #passOn(): void {
    const reported = this.#reported
    this.#reported = undefined
    if (reported === undefined) return
    const now = this.#parts.clock.steady()
    for (const mirror of reported) {
      if (this.#prober !== undefined) this.#prober.hasten(mirror)
      else if (now - (this.#askedAt.get(mirror) ?? Number.NEGATIVE_INFINITY) >= this.#timing.early) {
        this.#askedAt.set(mirror, now)
        this.#urgent.push({ kind: 'ask', mirror, at: this.#parts.clock.wall() })
      }
    }
  }

  #forgetOld(): void {
    const ids = new Set(this.#parts.registry.snapshot.mirrors.map(({ id }) => id))
    const now = this.#parts.clock.wall()
    for (const [id, ways] of this.#ways) {
      if (ids.has(id)) continue
      for (const [key, way] of ways) {
        if (now - way.probed < FORGET_TIME) continue
        ways.delete(key)
        this.#routine.set(key, { kind: 'removeWay', way })
      }
    }
  }
}
