import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { MirroredByError } from '../errors.js'
import { realRoot } from '../indexing/repository/on-disk.js'
import type { CheckedOptions } from '../options.js'
import { retryWhileBusy } from '../store/database.js'
import { defaultStatesFile, defaultStoreFile } from '../store/location.js'
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
  return typeof store === 'string' ? resolve(store) : defaultStoreFile(realRoot(root))
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
 * Returns what a server with these options has stored about its mirrors; undefined before the first
 * run of a server.
 *
 * @throws MirroredByError ERR_STORE, ERR_STORE_VERSION
 */
export async function readStates(options: CheckedOptions): Promise<LocalStates | undefined> {
  const file = existingStatesFile(options)
  if (file === undefined) return undefined
  return useStates(file, async (store) => ({
    states: await store.read(),
    events: await store.events(0),
    presence: await store.presence(0),
  }))
}

/** Returns the file of mirror states; undefined if the file or the root does not exist. */
export function existingStatesFile(options: CheckedOptions): string | undefined {
  return existing(() => statesFile(options))
}

/** Returns the index file; undefined if the file or the root does not exist. */
export function existingIndexFile(options: CheckedOptions): string | undefined {
  return existing(() => indexFile(options))
}

function existing(fileOf: () => string): string | undefined {
  try {
    const file = fileOf()
    return existsSync(file) ? file : undefined
  } catch (error) {
    if (error instanceof MirroredByError && error.code === 'ERR_ROOT') return undefined
    throw error
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
