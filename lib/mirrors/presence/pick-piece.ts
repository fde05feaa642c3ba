import type { Clock } from '../../clock.js'
import type { IndexedFile, Mirror, Random } from '../../model.js'
import type { SampledFile, Store } from '../../store/store.js'
import type { Confirmations } from './confirmations.js'
import { choosePiece } from './file/challenge.js'
import { FileSampler } from './file-sampler.js'
import type { MirrorFiles } from './files.js'

/** The part of a checked mirror that challenges use. */
export interface ChallengedMirror {
  readonly mirror: Mirror
  readonly files: MirrorFiles
  readonly carries: (path: string) => boolean
}

/** A piece of a file on a mirror. */
export interface Piece {
  readonly challenged: ChallengedMirror
  readonly file: IndexedFile
  /** Counted from 0. */
  readonly piece: number
}

export interface PiecePickerDependencies {
  readonly clock: Pick<Clock, 'steady'>
  readonly random: Random
  readonly index: Pick<Store, 'get' | 'sample'>
  /** Returns the mirrors that can be reached at the moment. */
  readonly mirrors: () => readonly ChallengedMirror[]
  readonly confirmations: Confirmations
  /** Ends a choice early. */
  readonly signal: AbortSignal
  /** Called for a corrupt copy whose file has changed here, so that it no longer matters. */
  readonly outdated: (mirror: string, number: number) => void
}

/** A file on a mirror that is challenged before random ones. */
interface Suspect {
  readonly mirror: string
  /** Undefined: any file of the mirror. */
  readonly path: string | undefined
}

const MAX_SUSPECTS = 100

/** Chooses which piece of which file is fetched next, and from which mirror. */
export class PiecePicker {
  readonly #recheckInterval: number
  readonly #dependencies: PiecePickerDependencies
  readonly #suspects: Suspect[] = []
  /** When corrupt files were last fetched, by mirror and content, by the steady clock. */
  readonly #lastFetched = new Map<string, number>()
  /** Ids of mirrors that have not had their turn in this round. */
  #round: string[] = []
  readonly #sampler: FileSampler

  /** @param recheckInterval milliseconds after which a corrupt file is fetched again */
  constructor(recheckInterval: number, dependencies: PiecePickerDependencies) {
    this.#recheckInterval = recheckInterval
    this.#dependencies = dependencies
    this.#sampler = new FileSampler(dependencies)
  }

  /** Puts a file of a mirror before random ones. */
  suspect(mirror: string, path: string | undefined): void {
    if (this.#suspects.length < MAX_SUSPECTS) this.#suspects.push({ mirror, path })
  }

  /** Notes that a corrupt file was fetched. */
  fetched(mirror: string, number: number): void {
    this.#lastFetched.set(keyOf(mirror, number), this.#dependencies.clock.steady())
  }

  /** Forgets a file that is corrupt no longer. */
  forget(mirror: string, number: number): void {
    this.#lastFetched.delete(keyOf(mirror, number))
  }

  async next(): Promise<Piece | undefined> {
    return (
      (await this.#overdue()) ??
      (await this.#unconfirmed()) ??
      (await this.#suspected()) ??
      (await this.#random())
    )
  }

  /** Returns the piece of a corrupt file that was not fetched for `recheckInterval`. */
  async #overdue(): Promise<Piece | undefined> {
    const now = this.#dependencies.clock.steady()
    for (const challenged of this.#dependencies.mirrors()) {
      for (const { mirror, number, path, piece } of challenged.files.corrupt) {
        const key = keyOf(mirror, number)
        const fetchedAt = this.#lastFetched.get(key)
        if (fetchedAt === undefined) this.#lastFetched.set(key, now)
        if (fetchedAt === undefined || now - fetchedAt < this.#recheckInterval) continue
        this.#lastFetched.set(key, now)
        const file = await this.#dependencies.index.get(path)
        if (file?.number === number) return { challenged, file, piece }
        // The file has another content here by now, which the mirror must be seen to hold first.
        this.#dependencies.outdated(mirror, number)
      }
    }
    return undefined
  }

  /** Returns a piece that was incomplete some time ago. */
  async #unconfirmed(): Promise<Piece | undefined> {
    const { confirmations, index } = this.#dependencies
    for (const { mirror, path, number, piece } of confirmations.due()) {
      const challenged = this.#mirror(mirror)
      const file = await index.get(path)
      if (challenged !== undefined && file?.number === number) return { challenged, file, piece }
      // The mirror is down, or the file has another content here by now.
      confirmations.clear(mirror, number)
    }
    return undefined
  }

  async #suspected(): Promise<Piece | undefined> {
    const suspect = this.#suspects.shift()
    const challenged = suspect && this.#mirror(suspect.mirror)
    if (suspect === undefined || challenged === undefined) return undefined
    if (suspect.path === undefined) return this.#randomOf(challenged)
    const file = await this.#dependencies.index.get(suspect.path)
    return file && this.#pieceOf(challenged, file)
  }

  /** Returns a random piece. Rounds give each mirror the same number of turns. */
  async #random(): Promise<Piece | undefined> {
    const { mirrors, random } = this.#dependencies
    const byId = new Map(mirrors().map((challenged) => [challenged.mirror.id, challenged]))
    if (this.#round.length === 0) this.#round = shuffled([...byId.keys()], random)
    const challenged = byId.get(this.#round.pop() ?? '')
    return challenged && this.#randomOf(challenged)
  }

  /** Returns a random piece of a drawn file that the mirror holds. */
  async #randomOf(challenged: ChallengedMirror): Promise<Piece | undefined> {
    const { mirror, files, carries } = challenged
    const isHeld = ({ path, number }: SampledFile) => carries(path) && files.stateOf(number) === 'held'
    const drawn = await this.#sampler.next(mirror.id, isHeld)
    const file = drawn && (await this.#dependencies.index.get(drawn.path))
    return file && this.#pieceOf(challenged, file)
  }

  /** Returns a random piece of a file, if the mirror is known to hold the file. */
  #pieceOf(challenged: ChallengedMirror, file: IndexedFile): Piece | undefined {
    if (challenged.files.stateOf(file.number) !== 'held') return undefined
    const piece = choosePiece(file.identity.size, this.#dependencies.random)
    return piece === undefined ? undefined : { challenged, file, piece }
  }

  #mirror(id: string): ChallengedMirror | undefined {
    return this.#dependencies.mirrors().find(({ mirror }) => mirror.id === id)
  }
}

function keyOf(mirror: string, number: number): string {
  return `${mirror} ${number}`
}

/** Shuffles an array in place (Fisher–Yates). */
function shuffled(ids: string[], random: Random): string[] {
  for (let last = ids.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [one, two] = [ids[last] ?? '', ids[other] ?? '']
    ids[last] = two
    ids[other] = one
  }
  return ids
}
