import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import type { Store } from '../../store/store.js'
import type { MirrorFiles } from './files.js'
import type { BlockPool } from './sets/block-pool.js'
import { type BlockContent, NumberSet } from './sets/number-set.js'
import type { SurveyResult } from './survey.js'
import type { SurveyJob, ThreadMessage, ThreadRequest } from './survey-job.js'
import { surveyThreadPool, type ThreadPool } from './thread-pool.js'
import { yieldToRequests } from './yield-to-requests.js'

/** Time in which an aborted thread must end its survey before it is terminated. */
const STOP_TIMEOUT_MS = 5000
/**
 * Time after which a thread is terminated. A listing ends earlier, unless its thread no longer
 * reaches its timers.
 */
const MAX_SURVEY_MS = 3_900_000
/** Folders per message, which the main thread prepares in 0.3 ms. */
const FOLDERS_PER_MESSAGE = 1000

export interface SurveyThreadsDependencies {
  /** Read for threads that cannot open the index themselves. */
  readonly index: Pick<Store, 'sample' | 'folders'>
  readonly blocks: BlockPool
  /** Default: the pool of this process. */
  readonly pool?: ThreadPool
}

/** Result of a survey, with the contents of which the listing gives no certain result. */
export interface ThreadResult extends SurveyResult {
  readonly unsureContents: NumberSet
}

/**
 * Threads in which mirrors are surveyed, because mirrors decide how much work that is. Requests
 * hardly wait: the main thread only sets marks and reads pages of the index, in small steps.
 */
export class SurveyThreads {
  readonly #dependencies: SurveyThreadsDependencies

  constructor(dependencies: SurveyThreadsDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Surveys a mirror. Files are marked as results arrive.
   *
   * @throws MirroredByError ERR_SURVEY if the thread fails
   */
  async survey(
    job: Omit<SurveyJob, 'known'>,
    files: MirrorFiles,
    signal: AbortSignal,
  ): Promise<ThreadResult> {
    const { pool = surveyThreadPool } = this.#dependencies
    const worker = await pool.take(signal)
    if (worker === undefined) throw failure('it was ended')
    const post = (request: ThreadRequest): void => worker.postMessage(request)
    let stopTimer: NodeJS.Timeout | undefined
    const end = (): void => {
      post({ kind: 'end' })
      stopTimer ??= setTimeout(() => void worker.terminate(), STOP_TIMEOUT_MS)
    }
    const timer = setTimeout(() => void worker.terminate(), MAX_SURVEY_MS)
    let isUsable = false
    try {
      const result = await new Promise<ThreadResult>((resolve, reject) => {
        let unsure = new NumberSet(this.#dependencies.blocks)
        worker.on('message', (message: ThreadMessage) => {
          if (message.kind === 'done') resolve({ ...message.surveyed, unsureContents: unsure })
          else if (message.kind === 'failed') reject(failure(message.reason))
          else if (message.kind === 'found') unsure = this.#replace(message, files)
          else this.#answer(message, files, post).catch(reject)
        })
        worker.on('error', (error) => reject(failure(reasonOf(error), error)))
        worker.on('exit', () => reject(failure('its thread was ended')))
        post({ kind: 'survey', job: { ...job, known: files.contents() } })
        signal.addEventListener('abort', end, { once: true })
        if (signal.aborted) end()
      })
      isUsable = !signal.aborted
      return result
    } finally {
      clearTimeout(timer)
      clearTimeout(stopTimer)
      signal.removeEventListener('abort', end)
      pool.release(worker, isUsable)
    }
  }

  /** @returns the contents of which the listing gives no certain result */
  #replace(
    { found: { held, stale, absent }, last, unsure, closed }: ThreadMessage & { readonly kind: 'found' },
    files: MirrorFiles,
  ): NumberSet {
    const setOf = (contents: readonly BlockContent[]) => NumberSet.of(contents, this.#dependencies.blocks)
    files.replace({ held: setOf(held), stale: setOf(stale), absent: setOf(absent) }, last)
    files.setClosed(setOf(closed))
    return setOf(unsure)
  }

  /** Answers a message of a thread, which waits for it: no thread can ask for more at a time. */
  async #answer(
    message: Exclude<ThreadMessage, { kind: 'done' | 'failed' | 'found' }>,
    files: MirrorFiles,
    post: (request: ThreadRequest) => void,
  ): Promise<void> {
    const { index } = this.#dependencies
    switch (message.kind) {
      case 'ready':
        return
      case 'marks':
        for (const number of message.held) files.markListed(number, 'held')
        for (const number of message.stale) files.markListed(number, 'stale')
        return post({ kind: 'room' })
      case 'sample':
        await yieldToRequests()
        return post({ kind: 'files', files: await index.sample(message.after, message.maxFiles) })
      case 'list folders': {
        const folders = await index.folders('')
        for (let at = 0; at < folders.length; at += FOLDERS_PER_MESSAGE) {
          await yieldToRequests()
          post({ kind: 'folders', folders: folders.slice(at, at + FOLDERS_PER_MESSAGE), isLast: false })
        }
        return post({ kind: 'folders', folders: [], isLast: true })
      }
    }
  }
}

function reasonOf(error: unknown): string {
  const isMemory = systemCode(error) === 'ERR_WORKER_OUT_OF_MEMORY'
  return isMemory ? 'its listing takes more memory than a survey may use' : errorMessage(error)
}

function failure(why: string, cause?: unknown): MirroredByError {
  return new MirroredByError('ERR_SURVEY', `a survey failed: ${why}`, cause)
}
