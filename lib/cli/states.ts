import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MirroredByError, systemCode } from '../errors.js'
import type { CheckedOptions } from '../options.js'
import { realRoot } from '../origin.js'
import { defaultStatesFile, defaultStoreFile } from '../store/location.js'
import { sqliteStates } from '../store/sqlite-states.js'
import type { KnownPresence, KnownStates, StateChange, StateStore, StoredEvent } from '../store/states.js'

/** Milliseconds for which a server that writes at the moment is waited for. */
const PATIENCE = 5000
const PAUSE = 20

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
  const { states } = options
  return typeof states === 'string' ? resolve(states) : defaultStatesFile(indexFile(options))
}

/** What a server has stored of its mirrors. */
export interface StoredHere {
  readonly states: KnownStates
  readonly events: readonly StoredEvent[]
  readonly presence: KnownPresence
}

/**
 * What a server with these options knows of its mirrors; undefined where there was none yet.
 *
 * @throws MirroredByError ERR_STORE, ERR_STORE_VERSION
 */
export async function readStates(options: CheckedOptions): Promise<StoredHere | undefined> {
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
export async function useStates<T>(file: string, use: (states: StateStore) => T): Promise<Awaited<T>> {
  const states = sqliteStates(file)
  try {
    return await use(states)
  } finally {
    await states.close()
  }
}

/** Stores changes, as soon as a server that writes at the moment is done. */
export async function storeStates(states: StateStore, changes: readonly StateChange[]): Promise<void> {
  const end = performance.now() + PATIENCE
  for (;;) {
    try {
      await states.apply(changes)
      return
    } catch (error) {
      if (systemCode(error)?.startsWith('SQLITE_BUSY') !== true || performance.now() > end) throw error
      await sleep(PAUSE)
    }
  }
}
