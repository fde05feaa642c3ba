import { Agent } from 'undici'
import { Catalog } from '../../lib/presence/catalog.js'
import { MirrorFiles } from '../../lib/presence/files.js'
import { Blocks } from '../../lib/presence/sets/blocks.js'
import { listSource, type Source } from '../../lib/presence/sources.js'
import { survey } from '../../lib/presence/survey.js'
import { createPathFilter } from '../../lib/repository/names.js'
import { sqliteStore } from '../../lib/store/sqlite.js'
import { sqliteStates } from '../../lib/store/sqlite-states.js'

export interface SurveySetup {
  /** The index. */
  readonly store: string
  /** Where what is found is stored. */
  readonly states: string
  readonly source: Source
}

export interface SurveyResult {
  readonly seconds: number
  /** Files that the mirror was found to hold. */
  readonly held: number
}

/** What it takes to survey a mirror again and again, as `Presence` does. */
export class Surveyor {
  readonly #blocks = new Blocks()
  readonly #agent = new Agent()
  readonly #includes = createPathFilter([])
  readonly #source: Source
  readonly #store
  readonly #states

  constructor({ store, states, source }: SurveySetup) {
    this.#source = source
    this.#store = sqliteStore(store)
    this.#states = sqliteStates(states)
  }

  /**
   * From nothing known to everything stored.
   *
   * @throws where the listing was not complete, and was not ended by `signal`
   */
  async run(signal?: AbortSignal): Promise<SurveyResult> {
    const start = performance.now()
    const files = new MirrorFiles(this.#blocks)
    const options = { includes: this.#includes, ...(signal === undefined ? {} : { signal }) }
    const { outcome } = await survey(listSource(this.#source, options, this.#agent), files, undefined, {
      catalog: new Catalog(this.#store),
      carries: () => true,
      tellsAll: this.#source.kind !== 'http',
      isUtc: this.#source.kind === 'rsync',
      blocks: this.#blocks,
      draw: Math.random,
    })
    if (!outcome.complete && signal?.aborted !== true)
      throw new Error(`it is not complete: ${outcome.reason}`)
    await this.#states.apply(files.takeChanges('mirror'))
    return { seconds: (performance.now() - start) / 1000, held: files.counts.held }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
    await this.#store.close()
    await this.#states.close()
  }
}
