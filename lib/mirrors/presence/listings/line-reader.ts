/** Cuts text that comes in parts into lines, which end in LF or CRLF. Lines beyond a length are left out. */
export class LineReader {
  readonly #longest: number
  #begun = ''
  #tooLong = false
  /** How many were left out. */
  leftOut = 0

  /** @param longest characters */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** The lines that are complete with this part. */
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

  /** Whether a line has begun and did not end. */
  get unfinished(): boolean {
    return this.#tooLong || this.#begun !== ''
  }

  #append(text: string): void {
    if (this.#tooLong) return
    this.#begun += text
    if (this.#begun.length <= this.#longest) return
    this.#tooLong = true
    this.#begun = ''
    this.leftOut += 1
  }

  #take(): string | undefined {
    const line = this.#tooLong ? undefined : this.#begun
    this.#begun = ''
    this.#tooLong = false
    return line?.endsWith('\r') ? line.slice(0, -1) : line
  }
}
