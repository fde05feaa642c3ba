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

/** What is known of a file on a mirror: see `docs/mirrors.md`. `unknown`: nobody has looked. */
export type FileState = 'held' | 'stale' | 'absent' | 'unknown'

type BlockChange = PresenceChange & { readonly kind: 'block' }

/**
 * Found by so many files, wrong bytes are no accident of one of them: nothing of the mirror is
 * believed.
 */
const MAX_CORRUPT = 2

/**
 * Contents that may come while everything is looked at; numbers further on are of an index that is
 * gone.
 */
const MAX_LATE = 2 ** 20

const REASONS = {
  corrupt: 'its copy has other bytes',
  broken: 'its copy is not sent to its end',
  allCorrupt: 'several of its copies have other bytes',
  stale: 'its copy is another version',
  absent: 'it does not have the file',
  unknown: 'nobody has looked yet whether it has the file',
} as const

/** What a survey found, by the numbers of contents. */
export interface SurveyedSets {
  readonly held: NumberSet
  readonly stale: NumberSet
  readonly absent: NumberSet
}

/** What is known of the files of one mirror, by the numbers of their contents. */
export class MirrorFiles implements Inventory {
  readonly #sets: { readonly [S in SetName]: NumberSet }
  readonly #corrupt = new Map<number, StoredCorruptFile>()
  /** How many of those were sent whole, with other bytes. */
  #differing = 0
  /** What single looks told while the mirror is surveyed: newer than what the survey was told. */
  #lately: Map<number, FileState> | undefined

  /** @param blocks what mirrors that hold the same share */
  constructor(blocks: BlockPool) {
    const set = () => new NumberSet(blocks)
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

  /** What somebody has seen just now. */
  mark(number: number, state: FileState): void {
    this.#lately?.set(number, state)
    this.#mark(number, state)
  }

  /** What a listing says, while it is read. */
  markListed(number: number, state: 'held' | 'stale'): void {
    if (this.#lately?.has(number) !== true) this.#mark(number, state)
  }

  /** Whether the mirror's ETag of a content is ours. */
  prefer(number: number, isSame: boolean): void {
    const { preferred } = this.#sets
    if (isSame) preferred.add(number)
    else preferred.delete(number)
  }

  /** What it holds, for another thread. */
  heldContents(): readonly BlockContent[] {
    return this.#sets.held.contents()
  }

  /** From here on a survey is going on. */
  beginSurvey(): void {
    this.#lately = new Map()
  }

  endSurvey(): void {
    this.#lately = undefined
  }

  /**
   * Everything was looked at: what is not in it is forgotten, but for contents that came after.
   *
   * @param last the highest number that was looked at
   */
  replace(found: SurveyedSets, last: number): void {
    const names = ['held', 'stale', 'absent'] as const
    for (const name of names) {
      for (const number of this.#sets[name].from(last + 1)) {
        if (number > last + MAX_LATE) break
        found[name].add(number)
      }
    }
    for (const name of names) this.#sets[name].replace(found[name])
    for (const [number, state] of this.#lately ?? []) this.#mark(number, state)
    this.#dropPreferred()
  }

  /** @returns whether that is news: the first time that this file was found so */
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

  /** What is to be stored since the last time. */
  takeChanges(mirror: string): readonly BlockChange[] {
    return SET_NAMES.flatMap((set) =>
      this.#sets[set]
        .takeChanges()
        .map(({ block, content }) => ({ kind: 'block', mirror, set, block, content }) as const),
    )
  }

  /** All of it is to be stored, for what was stored is lost. */
  markAllChanged(): void {
    for (const set of Object.values(this.#sets)) set.markAllChanged()
  }

  /** Nothing is known any more. */
  clear(): void {
    for (const set of Object.values(this.#sets)) set.keepOnly(0, 0)
    this.#corrupt.clear()
    this.#count()
  }

  /** From the store. What is malformed is left out, and looked for again. */
  put({ set, block, content }: StoredBlock): void {
    this.#sets[set].put(block, content)
  }

  putCorrupt(corrupt: readonly StoredCorruptFile[]): void {
    this.#corrupt.clear()
    for (const one of corrupt) this.#corrupt.set(one.number, one)
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
    for (const number of [...preferred]) if (!held.has(number)) preferred.delete(number)
  }
}

/** Whether all of a piece came, and was another one: no accident of the way there. */
function isDiffering({ got }: StoredCorruptFile): boolean {
  return got !== ''
}

function put(set: NumberSet, number: number, isIn: boolean): void {
  if (isIn) set.add(number)
  else if (set.has(number)) set.delete(number)
}
