import { MirrorFiles } from '../mirrors/presence/files.js'
import { type PersistedMirror, restore } from '../mirrors/presence/persistence.js'
import type { MirrorPresence } from '../mirrors/presence/report.js'
import { Blocks } from '../mirrors/presence/sets/blocks.js'
import type { StoredPresence } from '../store/states.js'

/** A mirror, and by what its files are stored: see `storedKey`. */
export interface StoredMirror {
  readonly id: string
  /** Undefined where it is taken to hold everything. */
  readonly key: string | undefined
}

/** What is stored of the files of mirrors, by their ids, without those that are taken to hold everything. */
export function readKept(
  mirrors: readonly StoredMirror[],
  presence: StoredPresence | undefined,
): ReadonlyMap<string, PersistedMirror> {
  const blocks = new Blocks()
  const kept = mirrors.flatMap(({ id, key }): readonly PersistedMirror[] =>
    key === undefined ? [] : [{ mirror: { id }, key, files: new MirrorFiles(blocks), survey: undefined }],
  )
  if (presence !== undefined) restore(kept, presence)
  return new Map(kept.map((one) => [one.mirror.id, one]))
}

/** How many files a mirror holds, for a table. */
export function filesText(presence: MirrorPresence): string {
  if (presence.kind === 'assumed') return 'assumed'
  const { held, stale, absent, survey } = presence
  return survey === undefined && held + stale + absent === 0 ? '-' : String(held)
}

/** What is wrong with what a mirror holds, or with how that was looked at; undefined where nothing is. */
export function troubleText(presence: MirrorPresence): string | undefined {
  if (presence.kind === 'assumed') return undefined
  const { corrupt, survey } = presence
  const count = corrupt.length
  if (count > 0) return count === 1 ? '1 corrupt file' : `${count} corrupt files`
  if (survey === undefined || survey.complete) return undefined
  return `last survey ended early: ${survey.reason ?? 'it is not complete'}`
}
