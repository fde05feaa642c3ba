/** Time as it passes here: a parameter, so that what takes minutes is tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970. Somebody may set it. */
  wall(): number
  /** Milliseconds since some moment. Nobody sets it. */
  steady(): number
  /**
   * Does something later.
   *
   * @returns what makes that undone
   */
  after(milliseconds: number, action: () => void): () => void
}

export const SYSTEM_CLOCK: Clock = {
  wall: () => Date.now(),
  steady: () => performance.now(),
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds)
    return () => clearTimeout(timer)
  },
}

/** The clock of the system, with timers that do not keep the process alive. */
export const BACKGROUND_CLOCK: Clock = {
  ...SYSTEM_CLOCK,
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds).unref()
    return () => clearTimeout(timer)
  },
}
