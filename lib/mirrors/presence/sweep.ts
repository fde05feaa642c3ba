import type { Clock } from '../../clock.js'
import type { FileState } from './files.js'
import type { IndexedName } from './index-reader.js'

export interface SweepDependencies {
  /** Files a second, at most. */
  readonly rate: number
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly signal: AbortSignal
}

/** What became of asking a mirror for many files. */
export interface SweepResult {
  /** Files that it holds, of those asked for. */
  readonly found: number
  /** Why not all of them could be asked for; undefined where they were. */
  readonly reason?: string
}

/** So many without an answer, one after the other, and it is given up. */
const MAX_FAILURES = 10
/** Files that may be asked for at once before the rate counts: few files are no load. */
const BURST = 100
const MAX_CONCURRENT = 2

/**
 * Asks a mirror for one file after the other, at no more than a rate.
 *
 * @param look undefined where it did not tell
 */
export async function checkAll(
  pages: AsyncIterable<readonly IndexedName[]>,
  isWanted: (file: IndexedName) => boolean,
  look: (file: IndexedName) => Promise<FileState | undefined>,
  { rate, clock, signal }: SweepDependencies,
): Promise<SweepResult> {
  const start = clock.steady()
  const files = wanted(pages, isWanted)
  let asked = 0
  let found = 0
  let untold = 0
  let failures = 0
  const work = async (): Promise<void> => {
    for (let next = await files.next(); !next.done; next = await files.next()) {
      if (signal.aborted || failures >= MAX_FAILURES) return
      const wait = start + ((asked - BURST) / rate) * 1000 - clock.steady()
      asked += 1
      if (wait > 0) await sleep(wait, clock, signal)
      const state = await look(next.value)
      if (state === 'held') found += 1
      failures = state === undefined ? failures + 1 : 0
      if (state === undefined) untold += 1
    }
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, work))
  if (signal.aborted) return { found, reason: 'it was ended' }
  if (failures >= MAX_FAILURES)
    return { found, reason: `it did not answer ${failures} times, one after the other` }
  return untold === 0 ? { found } : { found, reason: `it told nothing of ${untold} files` }
}

async function* wanted(
  pages: AsyncIterable<readonly IndexedName[]>,
  isWanted: (file: IndexedName) => boolean,
): AsyncGenerator<IndexedName, void> {
  for await (const page of pages) yield* page.filter(isWanted)
}

async function sleep(time: number, clock: SweepDependencies['clock'], signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const undo = clock.after(time, done)
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      undo()
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
