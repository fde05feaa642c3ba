import { Worker } from 'node:worker_threads'
import { errorMessage, MirroredByError } from '../../errors.js'
import { isWithin } from '../../paths.js'
import type { HashOutcome, HashReply, HashRequest, HashSetup } from './worker.js'

/**
 * Small files are sent together, because a message to a worker costs as much as hashing a small
 * file.
 */
const MAX_BATCH_FILES = 128
const MAX_BATCH_BYTES = 8 * 1024 * 1024

/** Number of threads that may die while they hash a file, before the file is given up. */
const MAX_TRIES = 3

/**
 * Time without a byte read or a file finished after which a thread is given up, because its disk
 * may never respond.
 */
const IDLE_TIMEOUT_MS = 60_000

/** Heap limit of a thread. Its read buffer is outside of the heap. */
const HEAP_MIB = 128

interface Batch {
  readonly paths: readonly string[]
  readonly bytes: number
}

/** The batch of a busy thread. */
interface Task {
  readonly batch: Batch
  /** Bytes that the thread had read at the last progress. */
  bytesRead: bigint
  /** Time of the last progress, in milliseconds of a clock that is never set. */
  lastProgress: number
}

export interface HasherLimits {
  /** Milliseconds without progress after which a thread is given up. Default: 60,000. */
  readonly idleTimeout?: number
  /** Script of the threads. Default: `worker.js`. */
  readonly script?: URL
}

/**
 * A queue of files and the worker threads that hash them. A path that waits already is not queued
 * twice; a path that is being hashed may be queued again.
 */
export class Hasher {
  readonly #setup: Omit<HashSetup, 'counter'>
  readonly #workers: number
  readonly #idleTimeout: number
  readonly #script: URL
  readonly #done: (outcomes: readonly HashOutcome[]) => void
  /** Sizes of waiting files, by path. */
  readonly #waiting = new Map<string, number>()
  /** Waiting files that requests wait for: they come first. */
  readonly #urgent = new Set<string>()
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Task>()
  readonly #counters = new Map<Worker, BigUint64Array>()
  /** Paths that were dropped while a worker had them: their outcomes are not passed on. */
  readonly #dropped = new Set<string>()
  /** Threads that died while they hashed a file, by path. */
  readonly #tries = new Map<string, number>()
  /** Bytes read by threads that have ended. */
  #bytesReadByEnded = 0
  #supervision: NodeJS.Timeout | undefined
  /** Bytes of files that wait or are in the batch of a thread. */
  #pendingBytes = 0
  /** The part of `bytesRead` that belongs to finished batches. */
  #finishedBytes = 0
  #closed = false

  /**
   * @param workers maximum number of threads, which are started when files are queued
   * @param done called with the outcome of every queued file
   */
  constructor(
    setup: Omit<HashSetup, 'counter'>,
    workers: number,
    done: (outcomes: readonly HashOutcome[]) => void,
    { idleTimeout = IDLE_TIMEOUT_MS, script = new URL('./worker.js', import.meta.url) }: HasherLimits = {},
  ) {
    this.#setup = setup
    this.#workers = workers
    this.#done = done
    this.#idleTimeout = idleTimeout
    this.#script = script
  }

  /** Number of files that wait or are being hashed. */
  get files(): number {
    let files = this.#waiting.size
    for (const { batch } of this.#busy.values()) files += batch.paths.length
    return files
  }

  /** Bytes of these files that are not read yet. */
  get bytes(): number {
    return Math.max(0, this.#pendingBytes - Math.max(0, this.bytesRead - this.#finishedBytes))
  }

  /** Bytes read since the start. */
  get bytesRead(): number {
    let bytes = this.#bytesReadByEnded
    for (const counter of this.#counters.values()) bytes += Number(Atomics.load(counter, 0))
    return bytes
  }

  /**
   * Queues a file.
   *
   * @param size last known size in bytes; only used to form batches
   */
  add(path: string, size: number): void {
    // A dropped path may return while its old content is being hashed: that outcome then says
    // that the file changed.
    this.#dropped.delete(path)
    this.#pendingBytes += size - (this.#waiting.get(path) ?? 0)
    this.#waiting.set(path, size)
    if (this.#busy.size < this.#workers) this.#pump()
  }

  /**
   * Hashes a waiting file before all others. While all threads are busy, one more is started:
   * hashing a large file takes minutes.
   */
  expedite(path: string): void {
    if (!this.#waiting.has(path)) return
    this.#urgent.add(path)
    this.#pump()
  }

  /** Returns whether a path waits or is being hashed. */
  has(path: string): boolean {
    return this.#waiting.has(path) || this.#isBusy(path)
  }

  /**
   * Removes a path that is gone from the queue. If it is being hashed, its outcome is discarded.
   */
  drop(path: string): void {
    this.#pendingBytes -= this.#waiting.get(path) ?? 0
    this.#waiting.delete(path)
    this.#urgent.delete(path)
    if (this.#isBusy(path)) this.#dropped.add(path)
  }

  /** Does what `drop` does, for all paths below a folder. */
  dropFolder(folder: string): void {
    const paths = [...this.#busy.values()].flatMap(({ batch }) => batch.paths)
    for (const path of [...this.#waiting.keys(), ...paths]) if (isWithin(path, { folder })) this.drop(path)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    clearInterval(this.#supervision)
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()))
  }

  #pump(): void {
    while (!this.#closed && this.#waiting.size > 0 && this.#busy.size < this.#maxBusy) {
      const worker = this.#idle.pop() ?? this.#start()
      const batch = this.#nextBatch()
      this.#busy.set(worker, { batch, bytesRead: this.#bytesReadBy(worker), lastProgress: performance.now() })
      this.#supervision ??= setInterval(() => this.#supervise(), this.#idleTimeout / 4)
      const request: HashRequest = { paths: batch.paths }
      worker.postMessage(request)
    }
  }

  get #maxBusy(): number {
    return this.#urgent.size > 0 ? this.#workers + 1 : this.#workers
  }

  #nextBatch(): Batch {
    const paths: string[] = []
    let bytes = 0
    const waiting = this.#urgent.size > 0 ? this.#urgent : this.#waiting.keys()
    // A file that was in the batch of a thread that died is sent alone, because it may be the
    // cause.
    for (const path of waiting) {
      const size = this.#waiting.get(path) ?? 0
      const isAlone = this.#tries.has(path)
      if (paths.length > 0 && (isAlone || bytes + size > MAX_BATCH_BYTES)) break
      this.#waiting.delete(path)
      this.#urgent.delete(path)
      paths.push(path)
      bytes += size
      if (isAlone || paths.length === MAX_BATCH_FILES) break
    }
    return { paths, bytes }
  }

  #start(): Worker {
    const counter = new SharedArrayBuffer(8)
    const workerData: HashSetup = { ...this.#setup, counter }
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MIB }
    const worker = new Worker(this.#script, { workerData, execArgv: [], resourceLimits })
    this.#counters.set(worker, new BigUint64Array(counter))
    let failure: unknown = new Error('the thread ended')
    worker.on('message', (reply: HashReply) => {
      // Ignore a thread that replies after it was given up.
      if (this.#release(worker) === undefined) return
      this.#idle.push(worker)
      for (const { path } of reply.outcomes) this.#tries.delete(path)
      this.#pump()
      this.#passOn(reply.outcomes)
    })
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', () => this.#handleEnd(worker, failure))
    return worker
  }

  #handleEnd(worker: Worker, failure: unknown): void {
    const batch = this.#release(worker)
    this.#bytesReadByEnded += Number(this.#bytesReadBy(worker))
    this.#counters.delete(worker)
    const idle = this.#idle.indexOf(worker)
    if (idle !== -1) this.#idle.splice(idle, 1)
    if (batch !== undefined && !this.#closed) this.#retry(batch, failure)
  }

  /**
   * Gives up threads without progress. A thread that is stuck in a system call cannot be ended,
   * but is replaced.
   */
  #supervise(): void {
    const now = performance.now()
    for (const [worker, task] of this.#busy) {
      const bytesRead = this.#bytesReadBy(worker)
      if (bytesRead !== task.bytesRead) {
        task.bytesRead = bytesRead
        task.lastProgress = now
      } else if (now - task.lastProgress > this.#idleTimeout) {
        void worker.terminate()
        this.#handleEnd(worker, new Error(`nothing was read for ${this.#idleTimeout / 1000} s`))
      }
    }
  }

  #bytesReadBy(worker: Worker): bigint {
    const counter = this.#counters.get(worker)
    return counter === undefined ? 0n : Atomics.load(counter, 0)
  }

  #isBusy(path: string): boolean {
    for (const { batch } of this.#busy.values()) if (batch.paths.includes(path)) return true
    return false
  }

  #passOn(outcomes: readonly HashOutcome[]): void {
    const kept = outcomes.filter(({ path }) => !this.#dropped.delete(path))
    if (!this.#closed && kept.length > 0) this.#done(kept)
  }

  #release(worker: Worker): Batch | undefined {
    const batch = this.#busy.get(worker)?.batch
    this.#busy.delete(worker)
    if (this.#busy.size === 0) {
      clearInterval(this.#supervision)
      this.#supervision = undefined
    }
    this.#pendingBytes -= batch?.bytes ?? 0
    this.#finishedBytes = this.#busy.size === 0 ? this.bytesRead : this.#finishedBytes + (batch?.bytes ?? 0)
    return batch
  }

  #retry(batch: Batch, failure: unknown): void {
    const failed: HashOutcome[] = []
    for (const path of batch.paths) {
      const tries = (this.#tries.get(path) ?? 0) + 1
      if (this.#dropped.delete(path)) this.#tries.delete(path)
      else if (tries < MAX_TRIES) {
        this.#tries.set(path, tries)
        this.add(path, batch.bytes / batch.paths.length)
      } else {
        this.#tries.delete(path)
        failed.push({ path, error: `its thread died ${MAX_TRIES} times: ${errorMessage(failure)}` })
      }
    }
    this.#passOn(failed)
    this.#pump()
  }
}

/** Returns the warning for a file that cannot be hashed. */
export function hashError(path: string, reason: string): MirroredByError {
  return new MirroredByError(
    'ERR_HASH',
    `cannot hash ${JSON.stringify(path)}: ${reason}; it is served without digests until it changes`,
  )
}
