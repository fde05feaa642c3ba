/** Time that one turn of the event loop spends on touched paths. */
const SLICE_MS = 5

/**
 * Queue of touched paths. Thousands of changes come at once, for example from `chmod -R`: each is
 * checked by system calls, so they are checked in slices between which requests are answered. A
 * path that is touched again before its turn is checked once.
 */
export class TouchQueue {
  readonly #check: (path: string, renamed: boolean) => void
  /** Whether a path was renamed, by path. */
  readonly #paths = new Map<string, boolean>()
  #timer: NodeJS.Immediate | undefined

  constructor(check: (path: string, renamed: boolean) => void) {
    this.#check = check
  }

  /** Number of paths that wait. */
  get size(): number {
    return this.#paths.size
  }

  add(path: string, renamed: boolean): void {
    this.#paths.set(path, renamed || this.#paths.get(path) === true)
    this.#timer ??= setImmediate(() => this.#next())
  }

  close(): void {
    clearImmediate(this.#timer)
    this.#paths.clear()
  }

  #next(): void {
    const end = performance.now() + SLICE_MS
    for (const [path, renamed] of this.#paths) {
      this.#paths.delete(path)
      this.#check(path, renamed)
      if (performance.now() > end) break
    }
    this.#timer = this.#paths.size > 0 ? setImmediate(() => this.#next()) : undefined
  }
}
