import { Cooldown } from './cooldown.js'
import { errorMessage, MirroredByError } from './errors.js'

/** Time for which the same warning is not repeated, however many requests cause it. */
const REPEAT_COOLDOWN_MS = 60_000
const MAX_REMEMBERED = 1000

/** Turns errors into warnings, and limits how often the same one is repeated. */
export class Warnings {
  readonly #emit: (warning: MirroredByError) => void
  readonly #cooldown: Cooldown<string>

  /**
   * @param now returns the time in milliseconds of a clock that is never set
   */
  constructor(emit: (warning: MirroredByError) => void, now: () => number) {
    this.#emit = emit
    this.#cooldown = new Cooldown({ milliseconds: REPEAT_COOLDOWN_MS, maxKeys: MAX_REMEMBERED, now })
  }

  /** Emits a warning, unless the same code and message were emitted within the last minute. */
  report(error: unknown): void {
    const warning =
      error instanceof MirroredByError ? error : new MirroredByError('ERR_PLAN', errorMessage(error), error)
    if (this.#cooldown.start(`${warning.code} ${warning.message}`)) this.#emit(warning)
  }
}
