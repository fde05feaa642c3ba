import type { Clock } from '../../clock.js'
import { TokenBucket } from '../../token-bucket.js'
import type { FileState } from './files.js'

export interface SweepDependencies {
  /** Maximum number of files per second. */
  readonly rate: number
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly signal: AbortSignal
  /** Returns for how many milliseconds the mirror has asked to be left alone. */
  readonly busyFor?: () => number
}

/** Result of checking many files of a mirror one by one. */
export interface SweepResult {
  /** Number of checked files that the mirror holds. */
  readonly found: number
  /** Why not all files were checked; undefined if they were. */
  readonly reason?: string
  /** Path of the last checked file, after which the next sweep goes on; undefined without one. */
  readonly last?: string
}

/** Consecutive checks without a result after which the sweep ends. */
const MAX_FAILURES = 10
/** Files that are checked before the rate applies, because few files are little load. */
const BURST_FILES = 100
const MAX_CONCURRENT = 2
/** Times that a mirror may ask to be left alone before one file is checked. */
const MAX_BUSY = 8
/** Longest rest between two files of a mirror that has asked to be left alone. */
const MAX_REST_MS = 10_000

/**
 * Checks files of a mirror one by one, within a rate. If the mirror asks for fewer requests, goes
 * on later, more slowly.
 *
 * @param check checks one file; its promise resolves with undefined if the response shows nothing
 */
export async function checkAll<File extends { readonly path: string }>(
  pages: AsyncIterable<readonly File[]>,
  isWanted: (file: File) => boolean,
  check: (file: File) => Promise<FileState | undefined>,
  { rate, clock, signal, busyFor = () => 0 }: SweepDependencies,
): Promise<SweepResult> {
  const now = () => clock.steady()
  const bucket = new TokenBucket({ initial: BURST_FILES, max: Number.POSITIVE_INFINITY, rate, now })
  const files = wantedFiles(pages, isWanted)
  let found = 0
  let unknown = 0
  let failures = 0
  let last: string | undefined
  let rest = 0
  let isBusy = false
  const checkPatiently = async (file: File): Promise<FileState | undefined> => {
    for (let attempt = 0; ; attempt += 1) {
      const pause = Math.max(busyFor(), rest)
      if (pause > 0) await sleep(pause, clock, signal)
      const state = signal.aborted ? undefined : await check(file)
      if (state !== undefined || signal.aborted || busyFor() === 0) return state
      isBusy = attempt >= MAX_BUSY
      if (isBusy) return undefined
      rest = Math.min(MAX_REST_MS, Math.max(1000 / rate, rest * 2))
    }
  }
  const work = async (): Promise<void> => {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      if (signal.aborted || isBusy || failures >= MAX_FAILURES) return
      const { waitTime } = bucket
      bucket.take(1)
      if (waitTime > 0) await sleep(waitTime, clock, signal)
      const state = await checkPatiently(next.value)
      if (state === 'held') found += 1
      if (state !== undefined) last = next.value.path
      failures = state === undefined ? failures + 1 : 0
      if (state === undefined) unknown += 1
    }
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, work))
  const place = last === undefined ? {} : { last }
  if (signal.aborted) return { found, reason: 'it was ended', ...place }
  if (isBusy) return { found, reason: 'it goes on asking for fewer requests', ...place }
  if (failures >= MAX_FAILURES)
    return { found, reason: `it did not answer ${failures} times, one after the other`, ...place }
  return unknown === 0 ? { found } : { found, reason: `it told nothing of ${unknown} files` }
}

async function* wantedFiles<File>(
  pages: AsyncIterable<readonly File[]>,
  isWanted: (file: File) => boolean,
): AsyncGenerator<File, void> {
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
