import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MirroredByError, systemCode } from '../errors.js'
import { realRoot } from '../indexing/repository/on-disk.js'
import type { CheckedOptions } from '../options.js'
import { defaultStatesFile, defaultStoreFile } from '../store/location.js'
import { sqliteStates } from '../store/sqlite-states.js'
import type {
  MirrorStateStore,
  StateChange,
  StoredEvent,
  StoredPresence,
  StoredStates,
} from '../store/states.js'

/** Milliseconds for which a server that writes at the moment is waited for. */
const BUSY_TIMEOUT_MS = 5000
const RETRY_PAUSE_MS = 20

/**
 * The file of the index that a server with these options uses.
 *
 * @throws MirroredByError ERR_ROOT where that depends on a root that is not there
 */
export function indexFile({ root, store }: CheckedOptions): string {
  return typeof store === 'string' ? resolve(store) : defaultStoreFile(realRoot(root))
}

/**
 * The same of the states of mirrors.
 *
 * @throws MirroredByError ERR_ROOT
 */
export function statesFile(options: CheckedOptions): string {
  const { mirrorStates } = options
  return typeof mirrorStates === 'string' ? resolve(mirrorStates) : defaultStatesFile(indexFile(options))
}

/** What a server has stored of its mirrors. */
export interface LocalStates {
  readonly states: StoredStates
  readonly events: readonly StoredEvent[]
  readonly presence: StoredPresence
}

/**
 * What a server with these options knows of its mirrors; undefined where there was none yet.
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

/** Undefined where nobody has stored any states yet, or the root is not there. */
export function existingStatesFile(options: CheckedOptions): string | undefined {
  return existing(() => statesFile(options))
}

/** The same of the index. */
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

/** Opens the states for as long as something is done with them. */
export async function useStates<T>(file: string, use: (states: MirrorStateStore) => T): Promise<Awaited<T>> {
  const states = sqliteStates(file)
  try {
    return await use(states)
  } finally {
    await states.close()
  }
}

/** Stores changes, as soon as a server that writes at the moment is done. */
export async function storeStates(states: MirrorStateStore, changes: readonly StateChange[]): Promise<void> {
  const end = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    try {
      await states.apply(changes)
      return
    } catch (error) {
      if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true || performance.now() > end) throw error
      await sleep(RETRY_PAUSE_MS)
    }
  }
}
