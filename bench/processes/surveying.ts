import { MirrorFiles } from '../../lib/mirrors/presence/files.js'
import { BlockPool } from '../../lib/mirrors/presence/sets/block-pool.js'
import type { SurveySource } from '../../lib/mirrors/presence/sources.js'
import { SurveyThreads } from '../../lib/mirrors/presence/survey-threads.js'
import { memoryStore } from '../../lib/store/memory.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'

export interface SurveySetup {
  /** File of the index. */
  readonly store: string
  /** File for the results. */
  readonly states: string
  readonly source: SurveySource
}

export interface SurveyResult {
  readonly seconds: number
  /** Number of files that the mirror holds. */
  readonly held: number
}

/** Surveys a mirror repeatedly, as presence does. */
export class Surveyor {
  readonly #blocks = new BlockPool()
  readonly #source: SurveySource
  readonly #index: string
  readonly #states
  readonly #threads

  constructor({ store, states, source }: SurveySetup) {
    this.#source = source
    this.#index = store
    this.#states = sqliteStates(states)
    // The threads open the file of the index by themselves.
    this.#threads = new SurveyThreads({ index: memoryStore(), blocks: this.#blocks })
  }

  /**
   * Surveys a mirror without previous knowledge, and stores the result.
   *
   * @throws if the listing is incomplete, unless `signal` ended it
   */
  async run(signal: AbortSignal = new AbortController().signal): Promise<SurveyResult> {
    const start = performance.now()
    const files = new MirrorFiles(this.#blocks)
    const job = {
      index: this.#index,
      source: this.#source,
      ignore: [],
      paths: [],
      previousOffset: undefined,
      allowsPrivate: false,
    }
    const { outcome } = await this.#threads.survey(job, files, signal)
    if (!outcome.complete && !signal.aborted) throw new Error(`it is not complete: ${outcome.reason}`)
    await this.#states.apply(files.takeChanges('mirror'))
    return { seconds: (performance.now() - start) / 1000, held: files.counts.held }
  }

  async close(): Promise<void> {
    await this.#states.close()
  }
}
