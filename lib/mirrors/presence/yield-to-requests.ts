import { isMainThread } from 'node:worker_threads'

/** Length of a slice of work: about as long as a request takes, which is then hardly delayed. */
const SLICE_MS = 0.25
/**
 * A longer pause between two slices shows that the event loop or the processor is busy otherwise.
 */
const QUIET_MS = 0.1
/** Time for which the event loop then counts as busy. */
const BUSY_MS = 50
/**
 * Rest after each slice while the event loop is busy. The system preempts a thread that never
 * rests.
 */
const REST_MS = 1

const waiting: (() => void)[] = []
/** Start of the current slice and end of the last one, by the steady clock. */
let startedAt = Number.NEGATIVE_INFINITY
let endedAt = Number.NEGATIVE_INFINITY
let busyUntil = Number.NEGATIVE_INFINITY

/**
 * Yields to pending requests. Call it often in long loops on the main thread. All callers share one
 * 0.25 ms slice per turn of the event loop; while the loop is busy, 1 ms of rest follows each
 * slice.
 *
 * @returns a promise to wait for; undefined while the slice lasts
 */
export function yieldToRequests(): Promise<void> | undefined {
  const now = performance.now()
  if (now - startedAt < SLICE_MS) return undefined
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) waitForTurn(now)
  })
}

function waitForTurn(now: number): void {
  endedAt = now
  setImmediate(turn)
}

function turn(): void {
  const now = performance.now()
  if (now - endedAt > QUIET_MS) busyUntil = now + BUSY_MS
  if (isMainThread && now < busyUntil) setTimeout(resume, REST_MS)
  else resume()
}

/**
 * Starts a slice and resumes the caller that has waited longest. Other waiters are resumed one per
 * turn.
 */
function resume(): void {
  startedAt = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(() => waitForTurn(performance.now()))
}
