import type { Clock } from '../../clock.js'
import type { Random } from '../../model.js'
import { pieceLength } from '../../pieces.js'
import type { SampledFile, Store } from '../../store/store.js'
import { yieldToRequests } from './yield-to-requests.js'

export interface FileSamplerDependencies {
  readonly clock: Pick<Clock, 'steady'>
  readonly random: Random
  readonly index: Pick<Store, 'sample'>
  /** Ends a read of the index early. */
  readonly signal: AbortSignal
}

/** Files of a page, and so the number of files from which one is drawn. */
const PAGE_FILES = 128
/** Files that are read of a page to which files were added since its start was noted. */
const MAX_PAGE_FILES = 1.5 * PAGE_FILES
/** Time after which the pages are read again, so that new files are spread over pages. */
const PAGES_CACHE_MS = 600_000
/** Pages that one draw reads to find a file that fits. */
const MAX_TRIES = 8
/** A file of many pieces is drawn more often than a file of one piece, up to this many times. */
const MAX_CHANCES = 16
/**
 * Steps of the additive recurrence in two dimensions (R2) whose points lie most evenly. Each point
 * falls where the longest time has passed without one.
 */
const PAGE_STEP = 0.754_877_666_246_692_7
const CHANCE_STEP = 0.569_840_290_998_053_2

/** The index, divided into pages of equal length, except the last one. */
interface Pages {
  /** The path before the first file of each page. */
  readonly starts: readonly string[]
  readonly files: number
}

/** The state of the draws for one mirror. */
interface Sequence {
  /** Random, so that a mirror cannot know which file is next. */
  readonly start: readonly [page: number, chance: number]
  draws: number
}

/**
 * Draws files of the index. Every file has its chance, in proportion to its pieces, and no file is
 * left out for long: of N files of one piece, each is drawn within about 4 N draws.
 */
export class FileSampler {
  readonly #dependencies: FileSamplerDependencies
  /** By id of the mirror. */
  readonly #sequences = new Map<string, Sequence>()
  #pages: Pages = { starts: [], files: 0 }
  /** When `#pages` was read, by the steady clock. */
  #pagesReadAt = 0

  constructor(dependencies: FileSamplerDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Draws the next file for a mirror.
   *
   * @param fits whether the mirror holds a file
   * @returns undefined if the draw met no file that fits; the next draw looks elsewhere
   */
  async next(mirror: string, fits: (file: SampledFile) => boolean): Promise<SampledFile | undefined> {
    const pages = await this.#currentPages()
    const sequence = this.#sequence(mirror)
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      sequence.draws += 1
      const [page, chance] = pointOf(sequence)
      const files = (await this.#filesOf(pages, Math.floor((page * pages.files) / PAGE_FILES))).filter(fits)
      const file = drawn(files, chance)
      if (file !== undefined) return file
    }
    return undefined
  }

  #sequence(mirror: string): Sequence {
    const { random } = this.#dependencies
    const sequence = this.#sequences.get(mirror) ?? { start: [random(), random()], draws: 0 }
    this.#sequences.set(mirror, sequence)
    return sequence
  }

  async #currentPages(): Promise<Pages> {
    const now = this.#dependencies.clock.steady()
    if (this.#pages.starts.length <= 1 || now - this.#pagesReadAt > PAGES_CACHE_MS) {
      this.#pages = await this.#readPages()
      this.#pagesReadAt = now
    }
    return this.#pages
  }

  async #readPages(): Promise<Pages> {
    const { index, signal } = this.#dependencies
    const starts: string[] = []
    let files = 0
    for (let after: string | undefined = ''; after !== undefined && !signal.aborted; ) {
      starts.push(after)
      await yieldToRequests()
      const page = await index.sample(after, PAGE_FILES)
      files += page.length
      after = page.length < PAGE_FILES ? undefined : page.at(-1)?.path
    }
    return { starts, files }
  }

  async #filesOf({ starts }: Pages, page: number): Promise<readonly SampledFile[]> {
    const files = await this.#dependencies.index.sample(starts[page] ?? '', MAX_PAGE_FILES)
    const last = starts[page + 1]
    const end = last === undefined ? -1 : files.findIndex(({ path }) => path === last)
    if (end !== -1) return files.slice(0, end + 1)
    // The last file of the page was removed, or so many files were added that it is not read.
    return last === undefined ? files : files.slice(0, PAGE_FILES)
  }
}

function pointOf({ start: [page, chance], draws }: Sequence): readonly [page: number, chance: number] {
  return [(page + draws * PAGE_STEP) % 1, (chance + draws * CHANCE_STEP) % 1]
}

/** @param chance from 0 to 1 */
function drawn(files: readonly SampledFile[], chance: number): SampledFile | undefined {
  const chances = files.map(({ identity: { size } }) => chancesOf(size))
  let left = chance * chances.reduce((sum, count) => sum + count, 0)
  return files.find((_, index) => {
    left -= chances[index] ?? 0
    return left < 0
  })
}

/** Returns 0 for an empty file, which has no piece. */
function chancesOf(size: number): number {
  return Math.min(MAX_CHANCES, Math.ceil(size / pieceLength(size)))
}
