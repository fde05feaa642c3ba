import { MemoryPresence } from './memory-presence.js'
import {
  endpointKey,
  MAX_EVENTS,
  type MirrorStateStore,
  type PresenceChange,
  type StoredEndpoint,
  type StoredEvent,
} from './states.js'

/** States that are gone with the process. */
export function memoryStates(): MirrorStateStore {
  const endpoints = new Map<string, StoredEndpoint>()
  const disabled = new Map<string, number>()
  const requestedProbes = new Map<string, number>()
  let events: readonly StoredEvent[] = []
  let number = 0
  const presence = new MemoryPresence()

  function bounded(mirror: string): readonly StoredEvent[] {
    const own = events.filter((event) => event.mirror === mirror)
    const oldest = own.at(-MAX_EVENTS)?.number ?? 0
    return events.filter((event) => event.mirror !== mirror || event.number >= oldest)
  }

  return {
    read: () => ({
      endpoints: [...endpoints.values()],
      disabled: new Map(disabled),
      requestedProbes: new Map(requestedProbes),
    }),
    events: (after) => events.filter((event) => event.number > after),
    presence: (after) => presence.read(after),
    apply: (changes) => {
      const ofPresence: PresenceChange[] = []
      for (const change of changes) {
        switch (change.kind) {
          case 'endpoint':
            endpoints.set(endpointKey(change.endpoint), change.endpoint)
            break
          case 'removeEndpoint':
            endpoints.delete(endpointKey(change.endpoint))
            break
          case 'event':
            number += 1
            events = [...events, { ...change.event, number }]
            events = bounded(change.event.mirror)
            break
          case 'disable':
            if (change.at === undefined) disabled.delete(change.mirror)
            else disabled.set(change.mirror, change.at)
            break
          case 'requestProbe':
            requestedProbes.set(change.mirror, change.at)
            break
          default:
            ofPresence.push(change)
        }
      }
      if (ofPresence.length > 0) presence.apply(ofPresence)
    },
    // Nobody else can see it.
    version: () => 0,
    close: () => {},
  }
}
