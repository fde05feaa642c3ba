/** Node fires a timer with a longer delay at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Returns the nearest delay in milliseconds that timers of Node and of undici take. */
export function timerDelay(milliseconds: number): number {
  return Math.min(Math.ceil(milliseconds), MAX_TIMER_MS)
}

/**
 * Runs a task with an `AbortController` of its own, which aborts with `timeoutError` after
 * `timeoutMs`, or with the reason of `outer` when that signal aborts.
 *
 * Does not use `AbortSignal.any` and `AbortSignal.timeout`: in Node 20 combined signals pile up at
 * a long-lived `outer`, and a timeout signal does not keep the process alive.
 */
export async function withTimeLimit<T>(
  timeoutMs: number,
  timeoutError: Error,
  outer: AbortSignal | undefined,
  task: (controller: AbortController) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(timeoutError), timerDelay(timeoutMs))
  const abort = (): void => controller.abort(outer?.reason)
  if (outer?.aborted) abort()
  outer?.addEventListener('abort', abort, { once: true })
  try {
    return await task(controller)
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', abort)
  }
}

/** Resolves when a signal aborts, with the given value. Never rejects. */
export function whenAborted<T>(signal: AbortSignal, value: T): Promise<T> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(value)
    else signal.addEventListener('abort', () => resolve(value), { once: true })
  })
}
