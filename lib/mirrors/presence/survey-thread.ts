import { Worker } from 'node:worker_threads'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { MirrorFiles } from './files.js'
import type { BlockPool } from './sets/block-pool.js'
import { type BlockContent, NumberSet } from './sets/number-set.js'
import type { SurveyResult } from './survey.js'
import type { SurveyJob, SurveyMessage } from './survey-work.js'

/** Time in which an aborted thread must end before it is terminated. */
const STOP_TIMEOUT_MS = 5000

/**
 * Surveys a mirror in a worker thread, so that requests are hardly delayed. A thread needs 0.25 s
 * to start, so it is worth while for large indexes only. Files are marked as results arrive.
 *
 * @throws MirroredByError ERR_SURVEY if the thread fails
 */
export async function surveyInThread(
  job: Omit<SurveyJob, 'held'>,
  files: MirrorFiles,
  blocks: BlockPool,
  signal: AbortSignal,
): Promise<SurveyResult> {
  const worker = new Worker(new URL('./survey-worker.js', import.meta.url), {
    workerData: { ...job, held: files.heldContents() } satisfies SurveyJob,
    execArgv: [],
  })
  let stopTimer: NodeJS.Timeout | undefined
  const end = (): void => {
    worker.postMessage('end')
    stopTimer ??= setTimeout(() => void worker.terminate(), STOP_TIMEOUT_MS)
  }
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    return await new Promise<SurveyResult>((resolve, reject) => {
      worker.on('message', (message: SurveyMessage) => {
        if (message.kind === 'done') resolve(message.surveyed)
        else take(message, files, blocks)
      })
      worker.on('error', (error) => reject(failure(errorMessage(error), error)))
      worker.on('exit', () => reject(failure('its thread ended')))
    })
  } finally {
    clearTimeout(stopTimer)
    signal.removeEventListener('abort', end)
  }
}

function take(
  message: Exclude<SurveyMessage, { kind: 'done' }>,
  files: MirrorFiles,
  blocks: BlockPool,
): void {
  if (message.kind === 'marks') {
    for (const number of message.held) files.markListed(number, 'held')
    for (const number of message.stale) files.markListed(number, 'stale')
    return
  }
  const { held, stale, absent } = message.found
  const setOf = (contents: readonly BlockContent[]): NumberSet => {
    const set = new NumberSet(blocks)
    for (const { block, content } of contents) set.put(block, content)
    return set
  }
  files.replace({ held: setOf(held), stale: setOf(stale), absent: setOf(absent) }, message.last)
}

function failure(why: string, cause?: unknown): MirroredByError {
  return new MirroredByError('ERR_SURVEY', `a survey failed: ${why}`, cause)
}
