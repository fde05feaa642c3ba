import { EventEmitter } from 'node:events'
import type { MirroredByError } from './errors.js'
import type { Indexed } from './indexing/first-pass.js'
import type { MirrorChange } from './mirrors/health/summary.js'
import type { CorruptFile } from './mirrors/presence/report.js'

export interface OriginEvents {
  /** The first pass is complete. */
  indexed: [Indexed]
  /** These paths were stored or removed. The path of a folder stands for everything below it. */
  changed: [paths: readonly string[]]
  /** A mirror went down, came up, was disabled or enabled, or can be reached by other endpoints. */
  mirror: [MirrorChange]
  /**
   * A survey of a mirror has ended; `mirrors()` has its result. Only in the process that indexes.
   */
  surveyed: [id: string]
  /**
   * A mirror sends other bytes than the origin. A warning is emitted too. Only in the process
   * that indexes.
   */
  corrupt: [CorruptFile]
  /** A part does not work; the server goes on without it. Without a listener: a process warning. */
  warning: [MirroredByError]
}

/**
 * Passes events of the parts to the origin. Parts may emit before the origin exists: such events
 * are held, and are dropped if construction fails.
 */
export class EventOutbox {
  #target: EventEmitter<OriginEvents> | undefined
  #held: ((target: EventEmitter<OriginEvents>) => void)[] = []

  /**
   * Delivers to an emitter from now on. Held events follow a turn of the event loop later, so
   * that the caller of `createOrigin` can add listeners first.
   */
  deliverTo(target: EventEmitter<OriginEvents>): void {
    this.#target = target
    const held = this.#held
    this.#held = []
    if (held.length > 0)
      setImmediate(() => {
        for (const deliver of held) deliver(target)
      })
  }

  emit<E extends keyof OriginEvents>(event: E, ...values: OriginEvents[E]): void {
    this.#deliver((target) => emitTo(target, event, ...values))
  }

  /** Emits a warning of the origin, or of the process if the origin has no listener. */
  warn(warning: MirroredByError): void {
    this.#deliver((target) => {
      if (target.listenerCount('warning') > 0) emitTo(target, 'warning', warning)
      else process.emitWarning(warning.message, { type: 'MirroredByWarning', code: warning.code })
    })
  }

  #deliver(deliver: (target: EventEmitter<OriginEvents>) => void): void {
    if (this.#target === undefined) this.#held.push(deliver)
    else deliver(this.#target)
  }
}

/**
 * Emits an event. An error of a listener becomes an uncaught exception and does not stop the part
 * that emitted.
 */
function emitTo<E extends keyof OriginEvents>(
  target: EventEmitter<OriginEvents>,
  event: E,
  ...values: OriginEvents[E]
): void {
  try {
    EventEmitter.prototype.emit.call(target, event, ...values)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
