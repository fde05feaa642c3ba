import { MirrorFiles } from '../../lib/mirrors/presence/files.js'
import { BlockPool } from '../../lib/mirrors/presence/sets/block-pool.js'
import type { SurveySource } from '../../lib/mirrors/presence/sources.js'
import { surveyInThread } from '../../lib/mirrors/presence/survey-thread.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'

export interface SurveySetup {
  /** The index. */
  readonly store: string
  /** Where what is found is stored. */
  readonly states: string
  readonly source: SurveySource
}

export interface SurveyResult {
  readonly seconds: number
  /** Files that the mirror was found to hold. */
  readonly held: number
}

/** What it takes to survey a mirror again and again, as `Presence` does. */
export class Surveyor {
  readonly #blocks = new BlockPool()
  readonly #source: SurveySource
  readonly #index: string
  readonly #states

  constructor({ store, states, source }: SurveySetup) {
    this.#source = source
    this.#index = store
    this.#states = sqliteStates(states)
  }

  /**
   * From nothing known to everything stored.
   *
   * @throws where the listing was not complete, and was not ended by `signal`
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
    const { outcome } = await surveyInThread(job, files, this.#blocks, signal)
    if (!outcome.complete && !signal.aborted) throw new Error(`it is not complete: ${outcome.reason}`)
    await this.#states.apply(files.takeChanges('mirror'))
    return { seconds: (performance.now() - start) / 1000, held: files.counts.held }
  }

  async close(): Promise<void> {
    await this.#states.close()
  }
}
