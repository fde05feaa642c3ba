/** The clocks and timers of a process. A parameter, so that tests need not wait. */
export interface Clock {
  /** Returns milliseconds since 1970. An operator or NTP may set this clock. */
  wall(): number
  /** Returns milliseconds since an arbitrary moment. This clock is never set. */
  steady(): number
  /**
   * Schedules an action.
   *
   * @returns a function that cancels the action
   */
  after(milliseconds: number, action: () => void): () => void
}

/** The clock of the system. */
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
