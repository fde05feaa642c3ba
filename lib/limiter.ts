/** A limit on tasks that run at the same time, in total and per key (a host, a mirror). */
export class Limiter {
  readonly #max: number
  readonly #maxPerKey: number
  #running = 0
  readonly #runningPerKey = new Map<string, number>()

  constructor(max: number, maxPerKey: number) {
    this.#max = max
    this.#maxPerKey = maxPerKey
  }

  /** Whether a task with this key may start now. */
  hasRoom(key: string): boolean {
    return this.#running < this.#max && (this.#runningPerKey.get(key) ?? 0) < this.#maxPerKey
  }

  /** Runs a task and counts it until it settles. Check `hasRoom` first. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    this.#count(key, 1)
    try {
      return await task()
    } finally {
      this.#count(key, -1)
    }
  }

  #count(key: string, difference: number): void {
    this.#running += difference
    const count = (this.#runningPerKey.get(key) ?? 0) + difference
    if (count > 0) this.#runningPerKey.set(key, count)
    else this.#runningPerKey.delete(key)
  }
}
