import { MemoryPresence } from './memory-presence.js'
import {
  endpointKey,
  MAX_EVENTS,
  type MirrorEvent,
  type MirrorStateStore,
  type PresenceChange,
  type StateChange,
  type StoredEndpoint,
  type StoredEvent,
  type StoredPresence,
  type StoredStates,
} from './states.js'

/** Returns a store that keeps the states of mirrors in memory. */
export function memoryStates(): MirrorStateStore {
  return new MemoryStates()
}

class MemoryStates implements MirrorStateStore {
  readonly #endpoints = new Map<string, StoredEndpoint>()
  readonly #disabled = new Map<string, number>()
  readonly #requestedProbes = new Map<string, number>()
  #events: readonly StoredEvent[] = []
  #lastEvent = 0
  readonly #presence = new MemoryPresence()

  read(): StoredStates {
    return {
      endpoints: [...this.#endpoints.values()],
      disabled: new Map(this.#disabled),
      requestedProbes: new Map(this.#requestedProbes),
    }
  }

  events(after: number): readonly StoredEvent[] {
    return this.#events.filter((event) => event.number > after)
  }

  presence(after: number): StoredPresence {
    return this.#presence.read(after)
  }

  apply(changes: readonly StateChange[]): void {
    const presenceChanges: PresenceChange[] = []
    for (const change of changes) {
      switch (change.kind) {
        case 'endpoint':
          this.#endpoints.set(endpointKey(change.endpoint), change.endpoint)
          break
        case 'removeEndpoint':
          this.#endpoints.delete(endpointKey(change.endpoint))
          break
        case 'event':
          this.#addEvent(change.event)
          break
        case 'disable':
          if (change.at === undefined) this.#disabled.delete(change.mirror)
          else this.#disabled.set(change.mirror, change.at)
          break
        case 'requestProbe':
          this.#requestedProbes.set(change.mirror, change.at)
          break
        default:
          presenceChanges.push(change)
      }
    }
    if (presenceChanges.length > 0) this.#presence.apply(presenceChanges)
  }

  /** Returns 0, because other processes cannot change this store. */
  version(): number {
    return 0
  }

  close(): void {}

  /** Adds an event and keeps the last `MAX_EVENTS` of its mirror. */
  #addEvent(event: MirrorEvent): void {
    this.#lastEvent += 1
    const events = [...this.#events, { ...event, number: this.#lastEvent }]
    const oldest = events.filter(({ mirror }) => mirror === event.mirror).at(-MAX_EVENTS)?.number ?? 0
    this.#events = events.filter(({ mirror, number }) => mirror !== event.mirror || number >= oldest)
  }
}
