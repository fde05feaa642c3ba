import { errorMessage, MirroredByError } from '../errors.js'
import type { Awaitable } from '../model.js'
import { memoryStore } from './memory.js'
import { memoryStates } from './memory-states.js'
import { recoverableStates, recoverableStore } from './recoverable-store.js'
import type { RecoveryEvents } from './recovery.js'
import type { MirrorStateStore } from './states.js'
import type { Store } from './store.js'

/** A kind of store: how to open it in a file and in memory. */
interface StoreKind<S> {
  /** Subject and verb of the warning: what is kept in memory. */
  readonly kept: string
  open(file: string, events: RecoveryEvents): S
  inMemory(): S
}

export const INDEX_STORE: StoreKind<Store> = {
  kept: 'the index is kept',
  open: recoverableStore,
  inMemory: memoryStore,
}

export const STATE_STORE: StoreKind<MirrorStateStore> = {
  kept: 'the states of mirrors are kept',
  open: recoverableStates,
  inMemory: memoryStates,
}

/** A store, and the SQLite file that it is in; undefined if it is in memory. */
export interface OpenedStore<S> {
  readonly store: S
  readonly file: string | undefined
}

/**
 * Opens the SQLite file of a store. Warns and returns a store in memory if the file has no place or
 * cannot be used. The server has to start in any case.
 *
 * @param fileOf returns undefined for a store in memory
 */
export function openStore<S extends { close(): Awaitable<void> }>(
  kind: StoreKind<S>,
  fileOf: () => string | undefined,
  events: RecoveryEvents,
): OpenedStore<S> {
  let file: string | undefined
  try {
    file = fileOf()
    if (file === undefined) return { store: kind.inMemory(), file }
    return { store: kind.open(file, events), file }
  } catch (error) {
    // A cause that names no file concerns both stores: with one message, it is reported once.
    const isOfFile = file !== undefined && errorMessage(error).includes(file)
    const kept = isOfFile ? kind.kept : 'the index and the states of mirrors are kept'
    const message = `${errorMessage(error)}; until the next start ${kept} in memory`
    const code = error instanceof MirroredByError ? error.code : 'ERR_STORE'
    events.warning(new MirroredByError(code, message, error))
    return { store: kind.inMemory(), file: undefined }
  }
}
