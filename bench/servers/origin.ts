import { createOrigin, type Mode, type Origin } from '../../lib/index.js'

export interface OriginSetup {
  readonly root: string
  readonly store: string
  readonly mode: Mode
}

/** Equal in the length of every part, so that the answer is as long whichever is drawn. */
const MIRRORS = ['de', 'fr', 'nl', 'se', 'us'].map((location) => ({
  id: location,
  url: `http://${location}.mirror.example/pub/repository/`,
  location,
}))

/** An origin of five mirrors, with its first pass complete and everything else as it is by default. */
export async function startOrigin({ root, store, mode }: OriginSetup): Promise<Origin> {
  const origin = await createOrigin({ root, store, mode, mirrors: MIRRORS, probe: false })
  await origin.ready
  return origin
}
