import type { Dispatcher } from 'undici'
import { errorMessage } from '../../../errors.js'
import { loadUndici } from '../../../network/undici.js'
import { printable } from '../listings/file-names.js'
import { timerTime } from '../listings/listing-reader.js'

/** It cannot be told: there is no answer, or none that says it. */
export interface Unknown {
  readonly state: 'unknown'
  readonly reason: string
  readonly status?: number
}

export interface TimeLimits {
  /** Milliseconds for all of it. */
  readonly timeout: number
  /** Milliseconds without a byte. Default: as long as all of it. */
  readonly silence?: number
}

/** The time that a question to a mirror has. */
export interface Deadline {
  /** Aborts when it is over, or when somebody else has ended it. */
  readonly signal: AbortSignal
  /** Something has come: the silence begins anew. */
  heard(): void
}

/**
 * Asks a mirror something within bounds. Whatever is thrown is a reason why it cannot be told.
 *
 * @param dispatcher is not closed; undefined: one of its own, which goes with the question
 */
export async function within<T>(
  patience: TimeLimits,
  dispatcher: Dispatcher | undefined,
  outside: AbortSignal | undefined,
  ask: (through: Dispatcher, deadline: Deadline) => Promise<T>,
): Promise<T | Unknown> {
  const { timeout, silence } = patience
  const controller = new AbortController()
  const abort = (): void => controller.abort(new Error('it was aborted'))
  const late = (why: string) => (): void => controller.abort(new Error(why))
  const timer = setTimeout(late(`no answer within ${timeout / 1000} s`), timerTime(timeout))
  const quiet =
    silence === undefined
      ? undefined
      : setTimeout(late(`nothing came for ${silence / 1000} s`), timerTime(silence))
  outside?.addEventListener('abort', abort)
  if (outside?.aborted) abort()
  const through = dispatcher ?? new (await loadUndici()).Agent()
  try {
    return await ask(through, { signal: controller.signal, heard: () => void quiet?.refresh() })
  } catch (error) {
    const why = controller.signal.aborted ? controller.signal.reason : error
    return { state: 'unknown', reason: printable(errorMessage(why)) }
  } finally {
    clearTimeout(timer)
    clearTimeout(quiet)
    outside?.removeEventListener('abort', abort)
    // Not waited for: of connections that are not there yet, it ends when they fail.
    if (dispatcher === undefined) void through.destroy().catch(() => {})
  }
}
