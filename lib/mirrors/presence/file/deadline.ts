import type { Dispatcher } from 'undici'
import { errorMessage } from '../../../errors.js'
import { replaceUnprintable } from '../../../message-text.js'
import { timerDelay, withTimeLimit } from '../../../network/time-limit.js'
import { loadUndici } from '../../../network/undici.js'

/** It cannot be told: there is no answer, or none that says it. */
export interface Unknown {
  readonly state: 'unknown'
  readonly reason: string
  readonly status?: number
}

export interface TimeLimits {
  /** Milliseconds for all of it. */
  readonly timeoutMs: number
  /** Milliseconds without a byte. Default: as long as all of it. */
  readonly silenceMs?: number
}

/** The time that a question to a mirror has. */
export interface Deadline {
  /** Aborts when it is over, or when somebody else has ended it. */
  readonly signal: AbortSignal
  /** Something has come: the silence begins anew. */
  restartSilence(): void
}

/**
 * Asks a mirror something within bounds. Whatever is thrown is a reason why it cannot be told.
 *
 * @param dispatcher is not closed; undefined: one of its own, which goes with the question
 */
export async function withDeadline<T>(
  patience: TimeLimits,
  dispatcher: Dispatcher | undefined,
  outside: AbortSignal | undefined,
  ask: (through: Dispatcher, deadline: Deadline) => Promise<T>,
): Promise<T | Unknown> {
  const { timeoutMs, silenceMs } = patience
  const late = new Error(`no answer within ${timeoutMs / 1000} s`)
  return withTimeLimit(timeoutMs, late, outside, async (controller) => {
    const { signal } = controller
    const quiet =
      silenceMs === undefined
        ? undefined
        : setTimeout(
            () => controller.abort(new Error(`nothing came for ${silenceMs / 1000} s`)),
            timerDelay(silenceMs),
          )
    const through = dispatcher ?? new (await loadUndici()).Agent()
    try {
      return await ask(through, { signal, restartSilence: () => void quiet?.refresh() })
    } catch (error) {
      return { state: 'unknown', reason: replaceUnprintable(reasonOf(error, signal, outside)) }
    } finally {
      clearTimeout(quiet)
      // Not waited for: of connections that are not there yet, it ends when they fail.
      if (dispatcher === undefined) void through.destroy().catch(() => {})
    }
  })
}

function reasonOf(error: unknown, signal: AbortSignal, outer: AbortSignal | undefined): string {
  if (!signal.aborted) return errorMessage(error)
  return outer?.aborted && signal.reason === outer.reason ? 'it was aborted' : errorMessage(signal.reason)
}
