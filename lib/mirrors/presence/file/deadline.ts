import type { Dispatcher } from 'undici'
import { errorMessage } from '../../../errors.js'
import { replaceUnprintable } from '../../../message-text.js'
import { timerDelay, withTimeLimit } from '../../../network/time-limit.js'
import { loadUndici } from '../../../network/undici.js'

/** A check without a result: no response came, or none that tells. */
export interface Unknown {
  readonly state: 'unknown'
  readonly reason: string
  readonly status?: number
  /** Milliseconds for which the mirror asks to be left alone. */
  readonly retryAfterMs?: number
}

export interface TimeLimits {
  /** Time for the whole exchange. */
  readonly timeoutMs: number
  /** Time without a byte. Default: no limit of its own. */
  readonly silenceMs?: number
}

/** The deadline of an exchange with a mirror. */
export interface Deadline {
  /** Aborts when the time is over, or the outer signal aborts. */
  readonly signal: AbortSignal
  /** Restarts the time without a byte. Call it when data came. */
  restartSilence(): void
}

/**
 * Runs an exchange with a mirror within time limits. An error of the exchange, or its timeout,
 * becomes the reason of an `Unknown`.
 *
 * @param dispatcher sends the requests; the caller closes it. Undefined: a new agent, which is
 * destroyed after the exchange
 */
export async function withDeadline<T>(
  limits: TimeLimits,
  dispatcher: Dispatcher | undefined,
  outer: AbortSignal | undefined,
  exchange: (dispatcher: Dispatcher, deadline: Deadline) => Promise<T>,
): Promise<T | Unknown> {
  const { timeoutMs, silenceMs } = limits
  const timeoutError = new Error(`no answer within ${timeoutMs / 1000} s`)
  return withTimeLimit(timeoutMs, timeoutError, outer, async (controller) => {
    const { signal } = controller
    const silenceTimer =
      silenceMs === undefined
        ? undefined
        : setTimeout(
            () => controller.abort(new Error(`nothing came for ${silenceMs / 1000} s`)),
            timerDelay(silenceMs),
          )
    const usedDispatcher = dispatcher ?? new (await loadUndici()).Agent()
    try {
      return await exchange(usedDispatcher, { signal, restartSilence: () => void silenceTimer?.refresh() })
    } catch (error) {
      return { state: 'unknown', reason: replaceUnprintable(reasonOf(error, signal, outer)) }
    } finally {
      clearTimeout(silenceTimer)
      // Not awaited, because it waits for connections that are still being made until these fail.
      if (dispatcher === undefined) void usedDispatcher.destroy().catch(() => {})
    }
  })
}

function reasonOf(error: unknown, signal: AbortSignal, outer: AbortSignal | undefined): string {
  if (!signal.aborted) return errorMessage(error)
  return outer?.aborted && signal.reason === outer.reason ? 'it was aborted' : errorMessage(signal.reason)
}
