import { type MessagePort, parentPort } from 'node:worker_threads'
import { errorMessage } from '../../errors.js'
import { systemResolver } from '../../network/addresses.js'
import { guardedAgent } from '../../network/private-address-guard.js'
import { createPathFilter } from '../../paths.js'
import { sqliteStore } from '../../store/sqlite.js'
import type { SampledFile } from '../../store/store.js'
import { carriesOf } from '../ranking/paths.js'
import type { FileState, SurveyedSets } from './files.js'
import { KnownFolders } from './known-folders.js'
import { BlockPool } from './sets/block-pool.js'
import { type BlockContent, NumberSet } from './sets/number-set.js'
import type { SurveyResult, SurveyTarget } from './survey.js'
import type { SurveyJob, ThreadMessage, ThreadRequest } from './survey-job.js'
import { type SurveyedIndex, surveySource } from './survey-source.js'

/** Marks per message, which the main thread handles in 0.1 ms. */
const MAX_MARKS_PER_MESSAGE = 1000

if (parentPort === null) throw new Error('survey-work runs in a worker thread only')
const port: MessagePort = parentPort

function post(message: ThreadMessage): void {
  port.postMessage(message)
}

/** What the main thread sends while a survey runs. */
class MainThread {
  readonly controller = new AbortController()
  readonly folders = new KnownFolders()
  #marksUnderWay = 0
  #hasRoom = (): void => {}
  #takeFiles = (_: readonly SampledFile[]): void => {}
  #takeFolders = (): void => {}

  receive(request: Exclude<ThreadRequest, { kind: 'survey' }>): void {
    switch (request.kind) {
      case 'end':
        this.controller.abort()
        break
      case 'room':
        this.#marksUnderWay -= 1
        this.#hasRoom()
        break
      case 'files':
        this.#takeFiles(request.files)
        break
      case 'folders':
        this.folders.add(request.folders)
        if (request.isLast) this.#takeFolders()
        break
    }
  }

  /** Reads the index by questions to the main thread, one at a time. */
  async index(): Promise<SurveyedIndex> {
    await new Promise<void>((resolve) => {
      this.#takeFolders = resolve
      post({ kind: 'list folders' })
    })
    const sample = (after: string, maxFiles: number) =>
      new Promise<readonly SampledFile[]>((resolve) => {
        this.#takeFiles = resolve
        post({ kind: 'sample', after, maxFiles })
      })
    return { sample, folders: this.folders }
  }

  mark(held: readonly number[], stale: readonly number[]): void {
    this.#marksUnderWay += 1
    post({ kind: 'marks', held: Float64Array.from(held), stale: Float64Array.from(stale) })
  }

  /** Waits until the main thread has set all marks but the last ones. */
  room(): Promise<void> | undefined {
    if (this.#marksUnderWay < 2) return undefined
    return new Promise((resolve) => {
      this.#hasRoom = resolve
    })
  }
}

/** Sends results to the main thread. */
class MessageSink implements SurveyTarget {
  readonly #main: MainThread
  readonly #known: { readonly [S in keyof SurveyJob['known']]: NumberSet }
  #marks: { readonly held: number[]; readonly stale: number[] } = { held: [], stale: [] }

  constructor(main: MainThread, { held, stale, absent, confirmed }: SurveyJob['known'], blocks: BlockPool) {
    const setOf = (contents: readonly BlockContent[]) => NumberSet.of(contents, blocks)
    this.#main = main
    this.#known = {
      held: setOf(held),
      stale: setOf(stale),
      absent: setOf(absent),
      confirmed: setOf(confirmed),
    }
  }

  stateOf(number: number): FileState {
    const { held, stale, absent } = this.#known
    if (held.has(number)) return 'held'
    if (stale.has(number)) return 'stale'
    return absent.has(number) ? 'absent' : 'unknown'
  }

  isConfirmed(number: number): boolean {
    return this.#known.confirmed.has(number)
  }

  markListed(number: number, state: 'held' | 'stale'): void {
    this.#marks[state].push(number)
    if (this.#marks.held.length + this.#marks.stale.length >= MAX_MARKS_PER_MESSAGE) this.flush()
  }

  room(): Promise<void> | undefined {
    return this.#main.room()
  }

  replace({ held, stale, absent }: SurveyedSets, last: number, unsure: NumberSet, closed: NumberSet): void {
    this.flush()
    const found = { held: held.contents(), stale: stale.contents(), absent: absent.contents() }
    post({ kind: 'found', found, last, unsure: unsure.contents(), closed: closed.contents() })
  }

  flush(): void {
    const { held, stale } = this.#marks
    if (held.length + stale.length === 0) return
    this.#marks = { held: [], stale: [] }
    this.#main.mark(held, stale)
  }
}

let main: MainThread | undefined
port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'survey') {
    main = new MainThread()
    void perform(request.job, main)
  } else main?.receive(request)
})

post({ kind: 'ready' })

async function perform(job: SurveyJob, from: MainThread): Promise<void> {
  try {
    post({ kind: 'done', surveyed: await survey(job, from) })
  } catch (error) {
    post({ kind: 'failed', reason: errorMessage(error) })
  }
}

async function survey(job: SurveyJob, from: MainThread): Promise<SurveyResult> {
  const { source, ignore, paths, previousOffset, allowsPrivate, known } = job
  const blocks = new BlockPool()
  const sink = new MessageSink(from, known, blocks)
  const store = openStore(job.index)
  const resolver = systemResolver()
  const dispatcher = await guardedAgent(resolver, { allowsPrivate })
  try {
    const includes = createPathFilter(ignore)
    const carries = carriesOf(paths)
    const index = store === undefined ? await from.index() : await indexOf(store)
    const surveyed = await surveySource({ source, includes, carries, previousOffset, allowsPrivate }, sink, {
      index,
      resolver,
      dispatcher,
      blocks,
      random: Math.random,
      signal: from.controller.signal,
    })
    sink.flush()
    return surveyed
  } finally {
    await dispatcher.destroy()
    resolver.close()
    await store?.close()
  }
}

/** Returns undefined without a file, or if it cannot be opened: then the main thread is asked. */
function openStore(file: string | undefined): ReturnType<typeof sqliteStore> | undefined {
  try {
    return file === undefined ? undefined : sqliteStore(file)
  } catch {
    return undefined
  }
}

async function indexOf(store: ReturnType<typeof sqliteStore>): Promise<SurveyedIndex> {
  const folders = new KnownFolders()
  folders.add(await store.folders(''))
  return { sample: (after, maxFiles) => store.sample(after, maxFiles), folders }
}
