import { isMainThread } from 'node:worker_threads'

/**
 * Milliseconds of work in one go: about what a request takes, so that those who come meanwhile
 * hardly notice.
 */
const SLICE_MS = 0.25
/**
 * Milliseconds between two slices, beyond which somebody else had to do there: a request, or
 * another process.
 */
const QUIET_MS = 0.1
/** Milliseconds for which more of that is expected. */
const BUSY_MS = 50
/**
 * Milliseconds of rest between two slices then. Who never rests is taken off the processor when a
 * request comes.
 */
const REST_MS = 1

const waiting: (() => void)[] = []
/** When the slice under way began and when the last one ended, by the steady clock. */
let began = Number.NEGATIVE_INFINITY
let ended = Number.NEGATIVE_INFINITY
let busyUntil = Number.NEGATIVE_INFINITY

/**
 * Lets requests go first: to be asked often by whoever has much to do in the thread that answers
 * them. All of those share one slice of a quarter of a millisecond a turn of the event loop,
 * however many they are. As long as others are busy too, a slice is followed by a rest.
 *
 * @returns what to wait for; undefined where there is time left
 */
export function yieldToRequests(): Promise<void> | undefined {
  const now = performance.now()
  if (now - began < SLICE_MS) return undefined
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) waitForTurn(now)
  })
}

function waitForTurn(now: number): void {
  ended = now
  setImmediate(turn)
}

function turn(): void {
  const now = performance.now()
  if (now - ended > QUIET_MS) busyUntil = now + BUSY_MS
  if (isMainThread && now < busyUntil) setTimeout(resume, REST_MS)
  else resume()
}

/** Begins a slice: who waits longest has as much of it as it needs, and others what is left. */
function resume(): void {
  began = performance.now()
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(() => waitForTurn(performance.now()))
}
