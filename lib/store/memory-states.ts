import { MemoryPresence } from './memory-presence.js'
import {
  type KnownWay,
  MOST_EVENTS,
  type PresenceChange,
  type StateStore,
  type StoredEvent,
  wayKey,
} from './states.js'

/** States that are gone with the process. */
export function memoryStates(): StateStore {
  const ways = new Map<string, KnownWay>()
  const disabled = new Map<string, number>()
  const asked = new Map<string, number>()
  let events: readonly StoredEvent[] = []
  let number = 0
  const presence = new MemoryPresence()

  function bounded(mirror: string): readonly StoredEvent[] {
    const own = events.filter((event) => event.mirror === mirror)
    const oldest = own.at(-MOST_EVENTS)?.number ?? 0
    return events.filter((event) => event.mirror !== mirror || event.number >= oldest)
  }

  return {
    read: () => ({ ways: [...ways.values()], disabled: new Map(disabled), asked: new Map(asked) }),
    events: (after) => events.filter((event) => event.number > after),
    presence: (after) => presence.read(after),
    apply: (changes) => {
      const ofPresence: PresenceChange[] = []
      for (const change of changes) {
        switch (change.kind) {
          case 'way':
            ways.set(wayKey(change.way), change.way)
            break
          case 'removeWay':
            ways.delete(wayKey(change.way))
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
          case 'ask':
            asked.set(change.mirror, change.at)
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
