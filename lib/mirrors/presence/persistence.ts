import { createHash } from 'node:crypto'
import type { Mirror } from '../../model.js'
import type { StoredPresence, StoredSurvey } from '../../store/states.js'
import type { MirrorFiles } from './files.js'
import { sourcesOf } from './sources.js'

/** What is known of the files of a mirror, and by what it is stored. */
export interface PersistedMirror {
  readonly mirror: Pick<Mirror, 'id'>
  /** By which it is stored: see `storedKey`. */
  readonly key: string
  readonly files: MirrorFiles
  survey: StoredSurvey | undefined
}

/** Whether what a mirror holds is looked at: of one that is never asked, nothing can be known. */
export function isChecked({ enabled, trust, probe, urls, rsync }: Mirror): boolean {
  return enabled && probe && !trust && sourcesOf({ urls, rsync }).length > 0
}

/** By what a mirror's files are stored: where it is at another place, nothing is known of it. */
export function storageKey(mirror: Pick<Mirror, 'id' | 'urls' | 'rsync'>): string {
  return `${mirror.id} ${createHash('sha256').update(sourceKey(mirror)).digest('hex').slice(0, 8)}`
}

/** What is known of files holds for this place only. */
export function sourceKey({ urls, rsync }: Pick<Mirror, 'urls' | 'rsync'>): string {
  return JSON.stringify([urls, rsync])
}

/** The keys under which something is stored, by the ids of their mirrors; of several places, the one looked at last. */
export function storageKeys({
  surveys,
  blocks,
}: Pick<StoredPresence, 'surveys' | 'blocks'>): ReadonlyMap<string, string> {
  const byTime = [...surveys].sort((one, other) => one.at - other.at)
  return new Map([...blocks, ...byTime].map(({ mirror: key }) => [key.slice(0, key.indexOf(' ')), key]))
}

/** Adds what is stored of mirrors to what is known of them. */
export function restore(
  kept: Iterable<PersistedMirror>,
  { blocks, surveys, corrupt }: Pick<StoredPresence, 'blocks' | 'surveys' | 'corrupt'>,
): void {
  const byKey = new Map<string, PersistedMirror>()
  for (const one of kept) {
    const { mirror, key, files } = one
    byKey.set(key, one)
    one.survey = surveys.find((survey) => survey.mirror === key) ?? one.survey
    files.putCorrupt(
      corrupt.filter((known) => known.mirror === key).map((known) => ({ ...known, mirror: mirror.id })),
    )
  }
  for (const block of blocks) byKey.get(block.mirror)?.files.put(block)
}
