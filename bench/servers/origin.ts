import { createOrigin, type Mode, type Origin } from '../../lib/index.js'

export interface OriginSetup {
  readonly root: string
  readonly store: string
  readonly mode: Mode
}

/** Mirrors with URLs of equal length, so that all responses have the same length. */
const MIRRORS = ['de', 'fr', 'nl', 'se', 'us'].map((location) => ({
  id: location,
  url: `http://${location}.mirror.example/pub/repository/`,
  location,
}))

/** Creates an origin with five mirrors and defaults, and waits for the first pass. */
export async function startOrigin({ root, store, mode }: OriginSetup): Promise<Origin> {
  const origin = await createOrigin({ root, store, mode, mirrors: MIRRORS, probe: false })
  await origin.ready
  return origin
}
