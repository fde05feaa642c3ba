import { createHash } from 'node:crypto'
import type { Mirror } from '../../model.js'
import type { StoredPresence, StoredSurvey } from '../../store/states.js'
import type { MirrorFiles } from './files.js'
import { sourcesOf } from './sources.js'

/** The state of a mirror's files, and the key under which it is stored. */
export interface PersistedMirror {
  readonly mirror: Pick<Mirror, 'id'>
  /** Result of `storageKey`. */
  readonly key: string
  readonly files: MirrorFiles
  survey: StoredSurvey | undefined
}

/** Whether the files of a mirror are checked, rather than assumed to be complete. */
export function isChecked({ enabled, trust, probe, urls, rsync }: Mirror): boolean {
  return enabled && probe && !trust && sourcesOf({ urls, rsync }).length > 0
}

/** Returns the key under which a mirror's files are stored. It differs if the mirror's URLs do. */
export function storageKey(mirror: Pick<Mirror, 'id' | 'urls' | 'rsync'>): string {
  return `${mirror.id} ${createHash('sha256').update(sourceKey(mirror)).digest('hex').slice(0, 8)}`
}

/** Returns a key of the mirror's URLs. Without the same URLs, stored knowledge does not apply. */
export function sourceKey({ urls, rsync }: Pick<Mirror, 'urls' | 'rsync'>): string {
  return JSON.stringify([urls, rsync])
}

/** Returns the storage keys by mirror id; of several, the one that was surveyed last. */
export function storageKeys({
  surveys,
  blocks,
}: Pick<StoredPresence, 'surveys' | 'blocks'>): ReadonlyMap<string, string> {
  const byTime = [...surveys].sort((one, other) => one.at - other.at)
  return new Map([...blocks, ...byTime].map(({ mirror: key }) => [key.slice(0, key.indexOf(' ')), key]))
}

/** Merges stored state into the state of mirrors. */
export function restore(
  mirrors: Iterable<PersistedMirror>,
  { blocks, surveys, corrupt }: Pick<StoredPresence, 'blocks' | 'surveys' | 'corrupt'>,
): void {
  const byKey = new Map<string, PersistedMirror>()
  for (const persisted of mirrors) {
    const { mirror, key, files } = persisted
    byKey.set(key, persisted)
    persisted.survey = surveys.find((survey) => survey.mirror === key) ?? persisted.survey
    files.putCorrupt(
      corrupt.filter((file) => file.mirror === key).map((file) => ({ ...file, mirror: mirror.id })),
    )
  }
  for (const block of blocks) byKey.get(block.mirror)?.files.put(block)
}
