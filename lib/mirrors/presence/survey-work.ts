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

/** What a thread is to survey. */
export interface SurveyJob {
  /** The SQLite file of the index. */
  readonly index: string
  readonly source: SurveySource
  /** Globs of what is not part of the repository, and of what the mirror carries. */
  readonly ignore: readonly string[]
  readonly paths: readonly string[]
  readonly previousOffset: number | undefined
  readonly allowsPrivate: boolean
  /** What the mirror is known to hold. */
  readonly held: readonly BlockContent[]
}

/** What a thread tells. */
export type SurveyMessage =
  | { readonly kind: 'marks'; readonly held: Float64Array; readonly stale: Float64Array }
  | {
      readonly kind: 'found'
      readonly found: { readonly [S in keyof SurveyedSets]: readonly BlockContent[] }
      readonly last: number
    }
  | { readonly kind: 'done'; readonly surveyed: SurveyResult }

/** Marks a message: they cost the thread that answers requests a tenth of a millisecond. */
const MAX_MARKS_PER_MESSAGE = 1000

if (parentPort === null) throw new Error('survey-work runs in a worker thread only')
const port = parentPort
const job: SurveyJob = workerData
const post = (message: SurveyMessage): void => port.postMessage(message)

/** Passes on what is found, and keeps none of it. */
class MessageSink implements SurveyTarget {
  readonly #known: NumberSet
  #marks: { readonly held: number[]; readonly stale: number[] } = { held: [], stale: [] }

  constructor(known: NumberSet) {
    this.#known = known
  }

  stateOf(number: number): FileState {
    return this.#known.has(number) ? 'held' : 'unknown'
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
// The only thing that is ever said: to end.
port.once('message', () => controller.abort())

const { index, source, ignore, paths, previousOffset, allowsPrivate, held } = job
const blocks = new BlockPool()
const known = new NumberSet(blocks)
for (const { block, content } of held) known.put(block, content)
const sink = new MessageSink(known)
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
