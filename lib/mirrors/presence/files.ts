import {
  type PresenceChange,
  SET_NAMES,
  type SetName,
  type StoredBlock,
  type StoredCorruptFile,
} from '../../store/states.js'
import type { Inventory } from '../ranking/inventory.js'
import type { BlockPool } from './sets/block-pool.js'
import { type BlockContent, NumberSet } from './sets/number-set.js'

/** State of a file on a mirror: see `docs/mirrors.md`. `unknown`: not checked yet. */
export type FileState = 'held' | 'stale' | 'absent' | 'unknown'

type BlockChange = PresenceChange & { readonly kind: 'block' }

/**
 * Number of files with wrong bytes at which no file of the mirror is used any more. So many are no
 * accident.
 */
const MAX_CORRUPT = 2

/**
 * Content numbers up to this far beyond the survey's last one are kept (files indexed during the
 * survey). Higher numbers belong to a discarded index.
 */
const MAX_LATE = 2 ** 20

/** Number of files for which the reason of a check is kept. */
const MAX_REASONS = 1000

const REASONS = {
  corrupt: 'its copy has other bytes',
  broken: 'its copy is not sent to its end',
  allCorrupt: 'several of its copies have other bytes',
  stale: 'its copy is another version',
  absent: 'it does not have the file',
  closed: 'its copy is not readable for other users of its machine',
  unknown: 'it has not been checked for the file yet',
} as const

/** Result of a survey: the content numbers by state. */
export interface SurveyedSets {
  readonly held: NumberSet
  readonly stale: NumberSet
  readonly absent: NumberSet
}

/** The same, in a form that can be sent between threads. */
export type SurveyedContents = { readonly [S in keyof SurveyedSets]: readonly BlockContent[] }

/** What is known of the files of one mirror, by content number. */
export class MirrorFiles implements Inventory {
  readonly #sets: { readonly [S in SetName]: NumberSet }
  readonly #corrupt = new Map<number, StoredCorruptFile>()
  /** Number of corrupt files that were sent completely, with other bytes. */
  #differing = 0
  /**
   * Results of checks during a survey, which are newer than the survey's; undefined without a
   * survey.
   */
  #checkedDuringSurvey: Map<number, FileState> | undefined
  /** Contents that a check has found. They stay held although a listing does not name them. */
  readonly #confirmed: NumberSet
  /**
   * Contents that a check has not found, or has found in another version, although they were
   * listed. A listing does not make them held again; a check does.
   */
  readonly #contradicted: NumberSet
  /** Contents that modes in the last listing deny to other users of the mirror's machine. */
  readonly #closed: NumberSet
  /** Why checked contents count as absent, where the mirror may have them. */
  readonly #reasons = new Map<number, string>()

  /** @param blocks pool of blocks that mirrors with equal contents share */
  constructor(blocks: BlockPool) {
    const set = () => new NumberSet(blocks)
    this.#confirmed = set()
    this.#contradicted = set()
    this.#closed = set()
    this.#sets = { held: set(), stale: set(), absent: set(), preferred: set() }
  }

  get counts(): { readonly [S in keyof SurveyedSets]: number } {
    const { held, stale, absent } = this.#sets
    return { held: held.size, stale: stale.size, absent: absent.size }
  }

  get corrupt(): readonly StoredCorruptFile[] {
    return [...this.#corrupt.values()]
  }

  whyMissing(number: number): string | undefined {
    if (this.#differing >= MAX_CORRUPT) return REASONS.allCorrupt
    const state = this.stateOf(number)
    if (state === 'absent')
      return this.#reasons.get(number) ?? REASONS[this.#closed.has(number) ? 'closed' : 'absent']
    if (state !== 'held') return REASONS[state]
    const corrupt = this.#corrupt.get(number)
    return corrupt && (isDiffering(corrupt) ? REASONS.corrupt : REASONS.broken)
  }

  isUnchecked(number: number): boolean {
    return this.#differing < MAX_CORRUPT && this.stateOf(number) === 'unknown'
  }

  hasOurEtag(number: number): boolean {
    return this.#sets.preferred.has(number)
  }

  stateOf(number: number): FileState {
    const { held, stale, absent } = this.#sets
    if (held.has(number)) return 'held'
    if (stale.has(number)) return 'stale'
    return absent.has(number) ? 'absent' : 'unknown'
  }

  /**
   * Sets the state of a file by a check.
   *
   * @param reason why the mirror does not give the file; default: the usual reason of the state
   */
  mark(number: number, state: FileState, reason?: string): void {
    this.#reasons.delete(number)
    if (reason !== undefined && this.#reasons.size < MAX_REASONS) this.#reasons.set(number, reason)
    this.#checkedDuringSurvey?.set(number, state)
    put(this.#confirmed, number, state === 'held')
    if (state === 'held') put(this.#contradicted, number, false)
    else if (this.#sets.held.has(number)) this.#contradicted.add(number)
    this.#mark(number, state)
  }

  /** Sets the state of a file by a listing that is being read. */
  markListed(number: number, state: 'held' | 'stale'): void {
    if (this.#checkedDuringSurvey?.has(number)) return
    if (state === 'held' && this.#contradicted.has(number)) return
    this.#mark(number, state)
  }

  /** Notes whether the mirror's ETag of a content is ours. */
  prefer(number: number, isSame: boolean): void {
    const { preferred } = this.#sets
    if (isSame) preferred.add(number)
    else preferred.delete(number)
  }

  /** Sets the contents that modes in a listing deny to other users of the mirror's machine. */
  setClosed(closed: NumberSet): void {
    this.#closed.replace(closed)
  }

  /** Number of contents of which the mirror has our ETag. */
  get preferred(): number {
    return this.#sets.preferred.size
  }

  /** Number of contents that were listed and that a check did not find. */
  get contradictions(): number {
    return this.#contradicted.size
  }

  isContradicted(number: number): boolean {
    return this.#contradicted.has(number)
  }

  /** Whether a check has found the content. */
  isConfirmed(number: number): boolean {
    return this.#confirmed.has(number)
  }

  /** Returns everything that a survey needs to know, in a form that can be sent to a thread. */
  contents(): SurveyedContents & { readonly confirmed: readonly BlockContent[] } {
    const { held, stale, absent } = this.#sets
    return {
      held: held.contents(),
      stale: stale.contents(),
      absent: absent.contents(),
      confirmed: this.#confirmed.contents(),
    }
  }

  /** Marks the start of a survey. */
  beginSurvey(): void {
    this.#checkedDuringSurvey = new Map()
  }

  endSurvey(): void {
    this.#checkedDuringSurvey = undefined
  }

  /**
   * Replaces all states by the result of a complete survey, except those of contents that are
   * newer.
   *
   * @param last highest content number of the survey
   */
  replace(found: SurveyedSets, last: number): void {
    const names = ['held', 'stale', 'absent'] as const
    for (const number of [...this.#contradicted]) {
      const state = this.stateOf(number)
      if (!found.held.has(number) || state === 'held') this.#contradicted.delete(number)
      else {
        found.held.delete(number)
        if (state !== 'unknown') found[state].add(number)
      }
    }
    for (const name of names) {
      for (const number of this.#sets[name].from(last + 1)) {
        if (number > last + MAX_LATE) break
        found[name].add(number)
      }
    }
    for (const name of names) this.#sets[name].replace(found[name])
    for (const [number, state] of this.#checkedDuringSurvey ?? []) this.#mark(number, state)
    this.#dropPreferred()
  }

  /** @returns whether the file was not known to be corrupt */
  addCorrupt(corrupt: StoredCorruptFile): boolean {
    const isNew = !this.#corrupt.has(corrupt.number)
    this.#corrupt.set(corrupt.number, corrupt)
    this.#count()
    return isNew
  }

  removeCorrupt(number: number): boolean {
    const isKnown = this.#corrupt.delete(number)
    this.#count()
    return isKnown
  }

  /** Returns the blocks that have changed since the last call. */
  takeChanges(mirror: string): readonly BlockChange[] {
    return SET_NAMES.flatMap((set) =>
      this.#sets[set]
        .takeChanges()
        .map(({ block, content }) => ({ kind: 'block', mirror, set, block, content }) as const),
    )
  }

  /** Makes the next `takeChanges` return all blocks, because stored ones were lost. */
  markAllChanged(): void {
    for (const set of Object.values(this.#sets)) set.markAllChanged()
  }

  /** Forgets everything. */
  clear(): void {
    for (const set of Object.values(this.#sets)) set.keepOnly(0, 0)
    for (const set of [this.#confirmed, this.#contradicted, this.#closed]) set.keepOnly(0, 0)
    this.#reasons.clear()
    this.#corrupt.clear()
    this.#count()
  }

  /** Adds a stored block. A malformed block is ignored, and its files are checked again. */
  put({ set, block, content }: StoredBlock): void {
    this.#sets[set].put(block, content)
  }

  putCorrupt(corrupt: readonly StoredCorruptFile[]): void {
    this.#corrupt.clear()
    for (const file of corrupt) this.#corrupt.set(file.number, file)
    this.#count()
  }

  #count(): void {
    this.#differing = this.corrupt.filter(isDiffering).length
  }

  #mark(number: number, state: FileState): void {
    const { held, stale, absent, preferred } = this.#sets
    put(held, number, state === 'held')
    put(stale, number, state === 'stale')
    put(absent, number, state === 'absent')
    if (state !== 'held' && preferred.has(number)) preferred.delete(number)
  }

  #dropPreferred(): void {
    const { held, preferred } = this.#sets
    preferred.retain(held)
    this.#confirmed.retain(held)
  }
}

/** Whether a complete piece differed, which is not an accident of the network. */
function isDiffering({ got }: StoredCorruptFile): boolean {
  return got !== ''
}

function put(set: NumberSet, number: number, isIn: boolean): void {
  if (isIn) set.add(number)
  else if (set.has(number)) set.delete(number)
}
