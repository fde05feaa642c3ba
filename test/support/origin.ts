import { createOrigin, memoryStore, type Origin, type OriginOptions } from '../../lib/index.js'
import type { Scope } from './folder.js'

/**
 * Starts an origin and waits for its first pass. By default its index is in memory and it does not
 * contact mirrors. It is closed when the test ends.
 */
export async function startOrigin(scope: Scope, options: OriginOptions): Promise<Origin> {
  const origin = await createOrigin({
    store: memoryStore(),
    settle: 50,
    workers: 1,
    probe: false,
    presence: false,
    ...options,
  })
  scope.after(() => origin.close())
  await origin.ready
  return origin
}
