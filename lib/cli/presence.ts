import { MirrorFiles } from '../mirrors/presence/files.js'
import { type PersistedMirror, restore } from '../mirrors/presence/persistence.js'
import type { MirrorPresence } from '../mirrors/presence/report.js'
import { BlockPool } from '../mirrors/presence/sets/block-pool.js'
import type { StoredPresence } from '../store/states.js'

/** A mirror, and the key of its files in the state store: see `storageKey`. */
export interface StoredMirror {
  readonly id: string
  /** Undefined if the mirror counts as complete without checks. */
  readonly key: string | undefined
}

/** Returns the stored files of mirrors, by mirror id. Mirrors without a key are left out. */
export function restoreFiles(
  mirrors: readonly StoredMirror[],
  presence: StoredPresence | undefined,
): ReadonlyMap<string, PersistedMirror> {
  const blocks = new BlockPool()
  const restored = mirrors.flatMap(({ id, key }): readonly PersistedMirror[] =>
    key === undefined ? [] : [{ mirror: { id }, key, files: new MirrorFiles(blocks), survey: undefined }],
  )
  if (presence !== undefined) restore(restored, presence)
  return new Map(restored.map((persisted) => [persisted.mirror.id, persisted]))
}

/** Returns the number of files that a mirror holds, for a table. */
export function filesText(presence: MirrorPresence): string {
  if (presence.kind === 'assumed') return 'assumed'
  const { held, stale, absent, survey } = presence
  return survey === undefined && held + stale + absent === 0 ? '-' : String(held)
}

/** Returns the problem of a mirror's files or of the mirror's last survey, if there is one. */
export function troubleText(presence: MirrorPresence): string | undefined {
  if (presence.kind === 'assumed') return undefined
  const { corrupt, survey } = presence
  const count = corrupt.length
  if (count > 0) return count === 1 ? '1 corrupt file' : `${count} corrupt files`
  if (survey === undefined || survey.complete) return undefined
  return `last survey ended early: ${survey.reason ?? 'it is not complete'}`
}
