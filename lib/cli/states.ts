import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { MirroredByError } from '../errors.js'
import { checkRoot } from '../indexing/repository/on-disk.js'
import type { CheckedOptions } from '../options.js'
import { retryWhileBusy } from '../store/database.js'
import { defaultStatesFile, defaultStoreFile } from '../store/location.js'
import { sqliteStore } from '../store/sqlite.js'
import { sqliteStates } from '../store/sqlite-states.js'
import type {
  MirrorStateStore,
  StateChange,
  StoredEvent,
  StoredPresence,
  StoredStates,
} from '../store/states.js'

/**
 * Returns the index file of a server with these options.
 *
 * @throws MirroredByError ERR_ROOT if the file depends on a root that does not exist
 */
export function indexFile({ root, store }: CheckedOptions): string {
  return typeof store === 'string' ? resolve(store) : defaultStoreFile(checkRoot(root))
}

/**
 * Returns the file of mirror states of a server with these options.
 *
 * @throws MirroredByError ERR_ROOT if the file depends on a root that does not exist
 */
export function statesFile(options: CheckedOptions): string {
  const { mirrorStates } = options
  return typeof mirrorStates === 'string' ? resolve(mirrorStates) : defaultStatesFile(indexFile(options))
}

/** What a server has stored about its mirrors. */
export interface LocalStates {
  readonly states: StoredStates
  readonly events: readonly StoredEvent[]
  readonly presence: StoredPresence
}

/**
 * Returns what a server with these options has stored about its mirrors.
 *
 * @throws MirroredByError ERR_ROOT, ERR_NO_SERVER before the first run of a server, ERR_STORE,
 * ERR_STORE_VERSION
 */
export async function readStates(options: CheckedOptions): Promise<LocalStates> {
  return useStates(requireStatesFile(options), async (store) => ({
    states: await store.read(),
    events: await store.events(0),
    presence: await store.presence(0),
  }))
}

/**
 * Returns the file of mirror states of a server with these options.
 *
 * @throws MirroredByError ERR_NO_SERVER if it does not exist, ERR_ROOT
 */
export function requireStatesFile(options: CheckedOptions): string {
  return requireFile(statesFile(options), 'mirror states')
}

/**
 * Returns the index file of a server with these options.
 *
 * @throws MirroredByError ERR_NO_SERVER if it does not exist, ERR_ROOT
 */
export function requireIndexFile(options: CheckedOptions): string {
  return requireFile(indexFile(options), 'index')
}

function requireFile(file: string, what: string): string {
  if (existsSync(file)) return file
  throw new MirroredByError(
    'ERR_NO_SERVER',
    `there is no ${what} of a server at ${file}: name the server by its --config, or by its --root and --store; ` +
      'without a store, the place also depends on $STATE_DIRECTORY, $XDG_CACHE_HOME and the user',
  )
}

/** Returns whether a server with this index runs now, in any process. */
export async function isServerRunning(options: CheckedOptions): Promise<boolean> {
  const file = indexFile(options)
  if (!existsSync(file)) return false
  const index = sqliteStore(file)
  try {
    // Expiry 0 only reads: it gives back a lease, and this caller has none.
    const { expires } = await retryWhileBusy(() => index.lease('command', 0, false))
    return expires > Date.now()
  } finally {
    await index.close()
  }
}

/** Opens the state store, and closes the store when `use` is done. */
export async function useStates<T>(file: string, use: (states: MirrorStateStore) => T): Promise<Awaited<T>> {
  const states = sqliteStates(file)
  try {
    return await use(states)
  } finally {
    await states.close()
  }
}

/** Stores changes. Waits while a server is writing. */
export async function storeStates(states: MirrorStateStore, changes: readonly StateChange[]): Promise<void> {
  await retryWhileBusy(() => states.apply(changes))
}
