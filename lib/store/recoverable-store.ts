import { Recovery, type RecoveryEvents } from './recovery.js'
import { sqliteStore } from './sqlite.js'
import { sqliteStates } from './sqlite-states.js'
import type { MirrorStateStore } from './states.js'
import type { Store } from './store.js'

/**
 * Opens the index in a SQLite file. A broken file is set aside and replaced by a new one.
 *
 * @throws MirroredByError as `sqliteStore` does, except for broken files
 */
export function recoverableStore(file: string, events: RecoveryEvents): Store {
  const recovery = new Recovery(file, sqliteStore, ['the index', 'is built again'], events)
  return {
    get: (path) => recovery.use((store) => store.get(path)),
    pieces: (path) => recovery.use((store) => store.pieces(path)),
    list: (folder) => recovery.use((store) => store.list(folder)),
    folders: (within) => recovery.use((store) => store.folders(within)),
    sample: (...args) => recovery.use((store) => store.sample(...args)),
    totals: () => recovery.use((store) => store.totals()),
    apply: (changes) => recovery.use((store) => store.apply(changes)),
    lease: (...args) => {
      recovery.followFile()
      return recovery.use((store) => store.lease(...args))
    },
    version: () => recovery.use((store) => store.version()),
    close: () => recovery.close(),
  }
}

/**
 * Opens the mirror states in a SQLite file. A broken file is set aside and replaced by a new one.
 *
 * @throws MirroredByError as `sqliteStates` does, except for broken files
 */
export function recoverableStates(file: string, events: RecoveryEvents): MirrorStateStore {
  const loss = 'mirrors count as up until they are probed'
  const recovery = new Recovery(file, sqliteStates, ['the states of mirrors', loss], events)
  return {
    read: () => recovery.use((store) => store.read()),
    events: (after) => recovery.use((store) => store.events(after)),
    presence: (after) => recovery.use((store) => store.presence(after)),
    apply: (changes) => recovery.use((store) => store.apply(changes)),
    version: () => {
      recovery.followFile()
      return recovery.use((store) => store.version())
    },
    close: () => recovery.close(),
  }
}
