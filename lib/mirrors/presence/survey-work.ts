import { parentPort, workerData } from 'node:worker_threads'
import { systemResolver } from '../../network/addresses.js'
import { guardedAgent } from '../../network/private-address-guard.js'
import { createPathFilter } from '../../paths.js'
import { sqliteStore } from '../../store/sqlite.js'
import { carriesOf } from '../ranking/paths.js'
import type { FileState, SurveyedSets } from './files.js'
import { BlockPool } from './sets/block-pool.js'
import { type BlockContent, NumberSet } from './sets/number-set.js'
import type { SurveySource } from './sources.js'
import type { SurveyResult, SurveyTarget } from './survey.js'
import { surveySource } from './survey-source.js'

/** The survey that a thread performs. */
export interface SurveyJob {
  /** The SQLite file of the index. */
  readonly index: string
  readonly source: SurveySource
  /** Globs of ignored files. */
  readonly ignore: readonly string[]
  /** Globs of a partial mirror. */
  readonly paths: readonly string[]
  readonly previousOffset: number | undefined
  readonly allowsPrivate: boolean
  /** Contents that the mirror is known to hold. */
  readonly held: readonly BlockContent[]
}

/** Message from the thread. */
export type SurveyMessage =
  | { readonly kind: 'marks'; readonly held: Float64Array; readonly stale: Float64Array }
  | {
      readonly kind: 'found'
      readonly found: { readonly [S in keyof SurveyedSets]: readonly BlockContent[] }
      readonly last: number
    }
  | { readonly kind: 'done'; readonly surveyed: SurveyResult }

/** Marks per message, which the main thread handles in 0.1 ms. */
const MAX_MARKS_PER_MESSAGE = 1000

if (parentPort === null) throw new Error('survey-work runs in a worker thread only')
const port = parentPort
const job: SurveyJob = workerData
const post = (message: SurveyMessage): void => port.postMessage(message)

/** Sends results to the main thread. */
class MessageSink implements SurveyTarget {
  readonly #held: NumberSet
  #marks: { readonly held: number[]; readonly stale: number[] } = { held: [], stale: [] }

  constructor(held: NumberSet) {
    this.#held = held
  }

  stateOf(number: number): FileState {
    return this.#held.has(number) ? 'held' : 'unknown'
  }

  markListed(number: number, state: 'held' | 'stale'): void {
    this.#marks[state].push(number)
    if (this.#marks.held.length + this.#marks.stale.length >= MAX_MARKS_PER_MESSAGE) this.flush()
  }

  replace({ held, stale, absent }: SurveyedSets, last: number): void {
    this.flush()
    const found = { held: held.contents(), stale: stale.contents(), absent: absent.contents() }
    post({ kind: 'found', found, last })
  }

  flush(): void {
    const { held, stale } = this.#marks
    this.#marks = { held: [], stale: [] }
    post({ kind: 'marks', held: Float64Array.from(held), stale: Float64Array.from(stale) })
  }
}

const controller = new AbortController()
// The only message to this thread is the request to end.
port.once('message', () => controller.abort())

const { index, source, ignore, paths, previousOffset, allowsPrivate, held } = job
const blocks = new BlockPool()
const heldSet = new NumberSet(blocks)
for (const { block, content } of held) heldSet.put(block, content)
const sink = new MessageSink(heldSet)
const store = sqliteStore(index)
const resolver = systemResolver()
const dispatcher = await guardedAgent(resolver, { allowsPrivate })
try {
  const includes = createPathFilter(ignore)
  const carries = carriesOf(paths)
  const surveyed = await surveySource({ source, includes, carries, previousOffset, allowsPrivate }, sink, {
    index: store,
    resolver,
    dispatcher,
    blocks,
    random: Math.random,
    signal: controller.signal,
  })
  sink.flush()
  post({ kind: 'done', surveyed })
} finally {
  await dispatcher.destroy()
  resolver.close()
  await store.close()
  port.close()
}
