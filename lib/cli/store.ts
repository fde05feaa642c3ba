import { resolve } from 'node:path'
import { checkRoot } from '../indexing/repository/on-disk.js'
import type { OriginOptions } from '../options.js'
import { defaultStoreFile } from '../store/location.js'
import { recoverableStore } from '../store/recoverable-store.js'
import type { Output } from './output.js'

/**
 * Throws if the index cannot be stored. `createOrigin` would continue without a store, but a
 * command exists to write the index.
 *
 * @throws MirroredByError ERR_ROOT, ERR_STORE, ERR_STORE_VERSION
 */
export function requireStore({ root, store }: OriginOptions, output: Output): void {
  if (typeof store === 'object') return
  const file = store === undefined ? defaultStoreFile(checkRoot(root)) : resolve(store)
  const warning = (error: Error) => output.warning(error.message)
  void recoverableStore(file, { rebuilt: () => {}, warning }).close()
}
