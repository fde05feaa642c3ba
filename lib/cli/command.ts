import type { Output, Terminal } from './output.js'

/** What every command gets from the program that runs it. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly output: Output
  /** Sets the exit status to 1 without an error. */
  fail(): void
}
