/** A single file on a single mirror, to be looked at. */
export interface QueuedCheck {
  /** Id of the mirror. */
  readonly mirror: string
  readonly path: string
}

export interface CheckQueueDependencies {
  /** Looks. Never rejects. */
  readonly look: (look: QueuedCheck) => Promise<unknown>
}

const MAX_WAITING = 2000
const MAX_CONCURRENT = 8
const MAX_PER_MIRROR = 2

/** A queue of single looks: bounded, each look once, a few at the same time, and fewer at one mirror. */
export class CheckQueue {
  readonly #look: CheckQueueDependencies['look']
  /** By what they are; those that somebody waits for, and the others. */
  readonly #waiting: readonly [urgent: Map<string, QueuedCheck>, rest: Map<string, QueuedCheck>] = [
    new Map(),
    new Map(),
  ]
  readonly #running = new Set<string>()
  readonly #perMirror = new Map<string, number>()
  #closed = false

  constructor({ look }: CheckQueueDependencies) {
    this.#look = look
  }

  get size(): number {
    return this.#running.size + this.#waiting[0].size + this.#waiting[1].size
  }

  /** @returns whether it will be looked at; not where too many wait */
  add(look: QueuedCheck, isUrgent: boolean): boolean {
    const key = keyOf(look)
    const [urgent, rest] = this.#waiting
    if (this.#closed) return false
    if (urgent.has(key) || this.#running.has(key)) return true
    if (isUrgent) rest.delete(key)
    const queue = isUrgent ? urgent : rest
    if (queue.size >= MAX_WAITING) return false
    queue.set(key, look)
    this.#start()
    return true
  }

  close(): void {
    this.#closed = true
    for (const queue of this.#waiting) queue.clear()
  }

  #start(): void {
    for (const queue of this.#waiting) {
      for (const [key, look] of queue) {
        if (this.#running.size >= MAX_CONCURRENT) return
        if ((this.#perMirror.get(look.mirror) ?? 0) >= MAX_PER_MIRROR) continue
        queue.delete(key)
        void this.#run(key, look)
      }
    }
  }

  async #run(key: string, look: QueuedCheck): Promise<void> {
    const { mirror } = look
    this.#running.add(key)
    this.#perMirror.set(mirror, (this.#perMirror.get(mirror) ?? 0) + 1)
    await this.#look(look)
    this.#running.delete(key)
    const left = (this.#perMirror.get(mirror) ?? 1) - 1
    if (left > 0) this.#perMirror.set(mirror, left)
    else this.#perMirror.delete(mirror)
    if (!this.#closed) this.#start()
  }
}

function keyOf({ mirror, path }: QueuedCheck): string {
  return `${mirror} ${path}`
}
