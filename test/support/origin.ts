import { createOrigin, memoryStore, type Origin, type OriginOptions } from '../../lib/index.js'
import type { Scope } from './folder.js'

/** An origin with its first pass complete, in memory and without asking mirrors for anything unless told otherwise, closed when the test ends. */
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
