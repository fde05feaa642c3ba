/**
 * Splits text that comes in parts into lines, which end in LF or CRLF. Skips lines that are too
 * long.
 */
export class LineReader {
  readonly #maxLength: number
  #partial = ''
  #tooLong = false
  /** Number of lines that were skipped. */
  skippedLines = 0

  /** @param maxLength characters of a line */
  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  /** Yields the lines that are complete with this part. */
  *feed(part: string): Generator<string> {
    let from = 0
    for (let end = part.indexOf('\n'); end !== -1; end = part.indexOf('\n', from)) {
      this.#append(part.slice(from, end))
      from = end + 1
      const line = this.#take()
      if (line !== undefined) yield line
    }
    this.#append(part.slice(from))
  }

  /** Whether the text so far ends within a line. */
  get endsWithinLine(): boolean {
    return this.#tooLong || this.#partial !== ''
  }

  #append(text: string): void {
    if (this.#tooLong) return
    this.#partial += text
    if (this.#partial.length <= this.#maxLength) return
    this.#tooLong = true
    this.#partial = ''
    this.skippedLines += 1
  }

  #take(): string | undefined {
    const line = this.#tooLong ? undefined : this.#partial
    this.#partial = ''
    this.#tooLong = false
    return line?.endsWith('\r') ? line.slice(0, -1) : line
  }
}
