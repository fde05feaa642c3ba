import { Recovery, type RecoveryEvents } from './recovery.js'
import { sqliteStore } from './sqlite.js'
import { sqliteStates } from './sqlite-states.js'
import type { MirrorStateStore } from './states.js'
import type { Store } from './store.js'

/**
 * The index in a SQLite file that is set aside and begun anew where it is broken.
 *
 * @throws MirroredByError as `sqliteStore` does, but for broken files
 */
export function recoverableStore(file: string, events: RecoveryEvents): Store {
  const guard = new Recovery(file, sqliteStore, ['the index', 'is built anew'], events)
  return {
    get: (path) => guard.ask((store) => store.get(path)),
    pieces: (path) => guard.ask((store) => store.pieces(path)),
    list: (folder) => guard.ask((store) => store.list(folder)),
    folders: (within) => guard.ask((store) => store.folders(within)),
    sample: (...asked) => guard.ask((store) => store.sample(...asked)),
    totals: () => guard.ask((store) => store.totals()),
    apply: (changes) => guard.ask((store) => store.apply(changes)),
    lease: (...asked) => {
      guard.followFile()
      return guard.ask((store) => store.lease(...asked))
    },
    version: () => guard.ask((store) => store.version()),
    close: () => guard.close(),
  }
}

/**
 * The same for the states of mirrors.
 *
 * @throws MirroredByError as `sqliteStates` does, but for broken files
 */
export function recoverableStates(file: string, events: RecoveryEvents): MirrorStateStore {
  const loss = 'mirrors count as up until they are probed'
  const guard = new Recovery(file, sqliteStates, ['the states of mirrors', loss], events)
  return {
    read: () => guard.ask((store) => store.read()),
    events: (after) => guard.ask((store) => store.events(after)),
    presence: (after) => guard.ask((store) => store.presence(after)),
    apply: (changes) => guard.ask((store) => store.apply(changes)),
    version: () => {
      guard.followFile()
      return guard.ask((store) => store.version())
    },
    close: () => guard.close(),
  }
}
