import type { Mirror } from '../../model.js'
import { carriesOf } from '../ranking/paths.js'
import { MirrorFiles } from './files.js'
import { type PersistedMirror, storageKey } from './persistence.js'
import type { BlockPool } from './sets/block-pool.js'

/** A mirror whose files are checked, and what is known of them. */
export interface CheckedMirror extends PersistedMirror {
  mirror: Mirror
  /** Whether the stored state of the mirror has not been read yet. */
  isNew: boolean
  /** Returns true for paths that match the globs of a partial mirror. */
  carries: (path: string) => boolean
  /** First problem of the last listing. */
  problem: string | undefined
  /** No file is checked before this time of the steady clock, because a check got no response. */
  silentUntil: number
  /** The mirror has asked to be left alone before this time of the steady clock. */
  busyUntil: number
  /** File after which the next sweep goes on; empty: at the first. */
  sweptTo: string
}

/** Checked mirrors by id. */
export type CheckedMirrors = ReadonlyMap<string, CheckedMirror>

export function createCheckedMirror(mirror: Mirror, blocks: BlockPool): CheckedMirror {
  return {
    mirror,
    key: storageKey(mirror),
    isNew: true,
    files: new MirrorFiles(blocks),
    carries: carriesOf(mirror.paths),
    survey: undefined,
    problem: undefined,
    silentUntil: 0,
    busyUntil: 0,
    sweptTo: '',
  }
}
