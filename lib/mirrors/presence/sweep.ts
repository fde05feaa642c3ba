import type { Clock } from '../../clock.js'
import { TokenBucket } from '../../token-bucket.js'
import type { FileState } from './files.js'
import type { IndexedName } from './index-reader.js'

export interface SweepDependencies {
  /** Maximum number of files per second. */
  readonly rate: number
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly signal: AbortSignal
}

/** Result of checking many files of a mirror one by one. */
export interface SweepResult {
  /** Number of checked files that the mirror holds. */
  readonly found: number
  /** Why not all files were checked; undefined if they were. */
  readonly reason?: string
}

/** Consecutive checks without a result after which the sweep ends. */
const MAX_FAILURES = 10
/** Files that are checked before the rate applies, because few files are little load. */
const BURST_FILES = 100
const MAX_CONCURRENT = 2

/**
 * Checks files of a mirror one by one, within a rate.
 *
 * @param check checks one file; its promise resolves with undefined if the response shows nothing
 */
export async function checkAll(
  pages: AsyncIterable<readonly IndexedName[]>,
  isWanted: (file: IndexedName) => boolean,
  check: (file: IndexedName) => Promise<FileState | undefined>,
  { rate, clock, signal }: SweepDependencies,
): Promise<SweepResult> {
  const now = () => clock.steady()
  const bucket = new TokenBucket({ initial: BURST_FILES, max: Number.POSITIVE_INFINITY, rate, now })
  const files = wantedFiles(pages, isWanted)
  let found = 0
  let unknown = 0
  let failures = 0
  const work = async (): Promise<void> => {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      if (signal.aborted || failures >= MAX_FAILURES) return
      const { waitTime } = bucket
      bucket.take(1)
      if (waitTime > 0) await sleep(waitTime, clock, signal)
      const state = await check(next.value)
      if (state === 'held') found += 1
      failures = state === undefined ? failures + 1 : 0
      if (state === undefined) unknown += 1
    }
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, work))
  if (signal.aborted) return { found, reason: 'it was ended' }
  if (failures >= MAX_FAILURES)
    return { found, reason: `it did not answer ${failures} times, one after the other` }
  return unknown === 0 ? { found } : { found, reason: `it told nothing of ${unknown} files` }
}

async function* wantedFiles(
  pages: AsyncIterable<readonly IndexedName[]>,
  isWanted: (file: IndexedName) => boolean,
): AsyncGenerator<IndexedName, void> {
  for await (const page of pages) yield* page.filter(isWanted)
}

/** Waits, but ends at once if the signal aborts. */
async function sleep(
  milliseconds: number,
  clock: SweepDependencies['clock'],
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(milliseconds, done)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
