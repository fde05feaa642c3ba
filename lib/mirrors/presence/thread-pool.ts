import { Worker } from 'node:worker_threads'

export interface ThreadPoolLimits {
  /** Heap of a thread. A listing that needs more ends with its thread, and the server goes on. */
  readonly maxHeapMb: number
  /** Threads that start at the same time. */
  readonly maxStarting: number
  /** Threads that wait for work. */
  readonly maxIdle: number
  /** How long a thread waits for work before it ends, because it takes 0.25 s to start. */
  readonly idleMs: number
}

const DEFAULT_LIMITS: ThreadPoolLimits = { maxHeapMb: 256, maxStarting: 2, maxIdle: 2, idleMs: 10_000 }
const MAX_YOUNG_HEAP_MB = 32

/** Threads for surveys. A thread is used by one survey at a time, and then by the next. */
export class ThreadPool {
  readonly #limits: ThreadPoolLimits
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  /** Surveys that wait until a thread is idle, or until another may start. */
  readonly #waiting: ((thread: Worker | 'none') => void)[] = []
  readonly #starting = new Set<Worker>()

  constructor(limits: Partial<ThreadPoolLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /**
   * Returns a thread. The caller must release it.
   *
   * @returns undefined if the signal aborts before there is a thread
   */
  async take(signal: AbortSignal): Promise<Worker | undefined> {
    if (signal.aborted) return undefined
    const [idle] = this.#idle.keys()
    if (idle !== undefined) return this.#wake(idle)
    if (this.#starting.size < this.#limits.maxStarting) return this.#start()
    const thread = await this.#wait(signal)
    return thread === 'none' && !signal.aborted ? this.#start() : thread === 'none' ? undefined : thread
  }

  /** @returns `none` if another thread may start now, or if the signal aborts */
  #wait(signal: AbortSignal): Promise<Worker | 'none'> {
    return new Promise((resolve) => {
      const take = (thread: Worker | 'none'): void => {
        signal.removeEventListener('abort', abort)
        resolve(thread)
      }
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        resolve('none')
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(take)
    })
  }

  /** @param isUsable false to end the thread, because it may still be at work */
  release(thread: Worker, isUsable: boolean): void {
    this.#started(thread)
    removeListeners(thread)
    // A thread that fails while it is idle is not used again, and harms nothing.
    thread.on('error', () => {})
    if (!isUsable) {
      void thread.terminate()
      return
    }
    const next = this.#waiting.shift()
    if (next !== undefined) {
      removeListeners(thread)
      next(thread)
    } else if (this.#idle.size < this.#limits.maxIdle) this.#keep(thread)
    else void thread.terminate()
  }

  #keep(thread: Worker): void {
    thread.unref()
    const end = (): void => {
      this.#idle.delete(thread)
      void thread.terminate()
    }
    this.#idle.set(thread, setTimeout(end, this.#limits.idleMs).unref())
    thread.on('exit', () => {
      clearTimeout(this.#idle.get(thread))
      this.#idle.delete(thread)
    })
  }

  #wake(thread: Worker): Worker {
    clearTimeout(this.#idle.get(thread))
    this.#idle.delete(thread)
    removeListeners(thread)
    thread.ref()
    return thread
  }

  #start(): Worker {
    const thread = new Worker(new URL('./survey-worker.js', import.meta.url), {
      execArgv: [],
      resourceLimits: {
        maxOldGenerationSizeMb: this.#limits.maxHeapMb,
        maxYoungGenerationSizeMb: MAX_YOUNG_HEAP_MB,
      },
    })
    this.#starting.add(thread)
    // Its first message says that it is ready.
    thread.once('message', () => this.#started(thread))
    return thread
  }

  #started(thread: Worker): void {
    if (this.#starting.delete(thread)) this.#waiting.shift()?.('none')
  }
}

/** The pool of this process. */
export const surveyThreadPool = new ThreadPool()

/** Removes our listeners only: a thread also has listeners of Node, without which it is mute. */
function removeListeners(thread: Worker): void {
  for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event)
}
