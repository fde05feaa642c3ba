/** The streams that a program writes to. */
export interface Terminal {
  /** Writes results and help. */
  out(text: string): void
  /** Writes warnings and errors. */
  err(text: string): void
  readonly progress: NodeJS.WriteStream
}

/** What a command prints, line by line. */
export interface Output {
  line(text: string): void
  warning(text: string): void
}

/** Returns an output that writes to a terminal. */
export function outputOf(terminal: Terminal): Output {
  return {
    line: (text) => terminal.out(`${text}\n`),
    warning: (text) => terminal.err(`warning: ${text}\n`),
  }
}
