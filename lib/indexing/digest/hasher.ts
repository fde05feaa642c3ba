import { Worker } from 'node:worker_threads'
import { errorMessage, MirroredByError } from '../../errors.js'
import { isWithin } from '../../paths.js'
import type { HashOutcome, HashReply, HashRequest, HashSetup } from './worker.js'

/** A message to a worker costs as much as a small file: send small files together, up to so many or so much. */
const BATCH_FILES = 128
const BATCH_BYTES = 8 * 1024 * 1024

/** How often a file is given to a new thread after the one that had it died. */
const TRIES = 3

/** Milliseconds without a byte read or a file finished, after which a thread is given up: its disk may never answer. */
const START_TIMEOUT_MS = 60_000

/** Of a thread's heap; what it reads lies outside of it. */
const HEAP_MIB = 128

interface Batch {
  readonly paths: readonly string[]
  readonly bytes: number
}

/** A thread that has something to do. */
interface Task {
  readonly batch: Batch
  /** Bytes that the thread had read when it was last seen to read, and when that was. */
  bytesRead: bigint
  since: number
}

export interface HasherLimits {
  /** Milliseconds; default 60,000. */
  readonly patience?: number
  /** What the threads run; default `worker.js`. */
  readonly script?: URL
}

/**
 * A queue of files and the worker threads that digest them. A path that waits already is not queued twice; one that is
 * being digested may be queued again.
 */
export class Hasher {
  readonly #setup: Omit<HashSetup, 'counter'>
  readonly #workers: number
  readonly #patience: number
  readonly #script: URL
  readonly #settled: (outcomes: readonly HashOutcome[]) => void
  readonly #waiting = new Map<string, number>()
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Task>()
  readonly #counters = new Map<Worker, BigUint64Array>()
  /** Taken back while a worker had them: their outcomes are not passed on. */
  readonly #dropped = new Set<string>()
  readonly #tries = new Map<string, number>()
  /** Read by threads that are gone. */
  #bytesReadBefore = 0
  #supervision: NodeJS.Timeout | undefined
  /** Of what waits and what is being digested, as far as it is not settled. */
  #pendingBytes = 0
  /** Of `bytesRead`, those of batches that are settled. */
  #settledBytes = 0
  #closed = false

  /**
   * @param workers number of threads, started when there is work
   * @param settled told the outcome of every queued file
   */
  constructor(
    setup: Omit<HashSetup, 'counter'>,
    workers: number,
    settled: (outcomes: readonly HashOutcome[]) => void,
    { patience = START_TIMEOUT_MS, script = new URL('./worker.js', import.meta.url) }: HasherLimits = {},
  ) {
    this.#setup = setup
    this.#workers = workers
    this.#settled = settled
    this.#patience = patience
    this.#script = script
  }

  /** Files waiting or being digested. */
  get files(): number {
    let files = this.#waiting.size
    for (const { batch } of this.#busy.values()) files += batch.paths.length
    return files
  }

  /** Bytes of those files that are not read yet. */
  get bytes(): number {
    return Math.max(0, this.#pendingBytes - Math.max(0, this.bytesRead - this.#settledBytes))
  }

  /** Bytes read since the start. */
  get bytesRead(): number {
    let bytes = this.#bytesReadBefore
    for (const counter of this.#counters.values()) bytes += Number(Atomics.load(counter, 0))
    return bytes
  }

  /** @param size in bytes, as last seen: only used to share out the work */
  add(path: string, size: number): void {
    // A dropped path that comes back while its old content is being digested: that outcome tells of itself.
    this.#dropped.delete(path)
    this.#pendingBytes += size - (this.#waiting.get(path) ?? 0)
    this.#waiting.set(path, size)
    if (this.#busy.size < this.#workers) this.#pump()
  }

  /** Whether a path waits or is being digested. */
  has(path: string): boolean {
    return this.#waiting.has(path) || this.#isBusy(path)
  }

  /** Forgets a path that is gone: it is not digested, and if it is being digested, nothing is said of it. */
  drop(path: string): void {
    this.#pendingBytes -= this.#waiting.get(path) ?? 0
    this.#waiting.delete(path)
    if (this.#isBusy(path)) this.#dropped.add(path)
  }

  /** The same for everything below a folder. */
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
    while (!this.#closed && this.#waiting.size > 0 && this.#busy.size < this.#workers) {
      const worker = this.#idle.pop() ?? this.#start()
      const batch = this.#nextBatch()
      this.#busy.set(worker, { batch, bytesRead: this.#bytesReadBy(worker), since: performance.now() })
      this.#supervision ??= setInterval(() => this.#supervise(), this.#patience / 4)
      const request: HashRequest = { paths: batch.paths }
      worker.postMessage(request)
    }
  }

  #nextBatch(): Batch {
    const paths: string[] = []
    let bytes = 0
    // Whatever killed a thread may do so again: those files go one by one.
    for (const [path, size] of this.#waiting) {
      const alone = this.#tries.has(path)
      if (paths.length > 0 && (alone || bytes + size > BATCH_BYTES)) break
      this.#waiting.delete(path)
      paths.push(path)
      bytes += size
      if (alone || paths.length === BATCH_FILES) break
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
      // One that was given up, and answers after all.
      if (this.#release(worker) === undefined) return
      this.#idle.push(worker)
      for (const { path } of reply.outcomes) this.#tries.delete(path)
      this.#pump()
      this.#pass(reply.outcomes)
    })
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', () => this.#ended(worker, failure))
    return worker
  }

  #ended(worker: Worker, failure: unknown): void {
    const batch = this.#release(worker)
    this.#bytesReadBefore += Number(this.#bytesReadBy(worker))
    this.#counters.delete(worker)
    const idle = this.#idle.indexOf(worker)
    if (idle !== -1) this.#idle.splice(idle, 1)
    if (batch !== undefined && !this.#closed) this.#tryAgain(batch, failure)
  }

  /** Gives up threads that neither read nor finish. What is stuck in the system cannot be ended, but can be left. */
  #supervise(): void {
    const now = performance.now()
    for (const [worker, task] of this.#busy) {
      const bytesRead = this.#bytesReadBy(worker)
      if (bytesRead !== task.bytesRead) {
        task.bytesRead = bytesRead
        task.since = now
      } else if (now - task.since > this.#patience) {
        void worker.terminate()
        this.#ended(worker, new Error(`nothing was read for ${this.#patience / 1000} s`))
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

  #pass(outcomes: readonly HashOutcome[]): void {
    const wanted = outcomes.filter(({ path }) => !this.#dropped.delete(path))
    if (!this.#closed && wanted.length > 0) this.#settled(wanted)
  }

  #release(worker: Worker): Batch | undefined {
    const batch = this.#busy.get(worker)?.batch
    this.#busy.delete(worker)
    if (this.#busy.size === 0) {
      clearInterval(this.#supervision)
      this.#supervision = undefined
    }
    this.#pendingBytes -= batch?.bytes ?? 0
    this.#settledBytes = this.#busy.size === 0 ? this.bytesRead : this.#settledBytes + (batch?.bytes ?? 0)
    return batch
  }

  #tryAgain(batch: Batch, failure: unknown): void {
    const lost: HashOutcome[] = []
    for (const path of batch.paths) {
      const tries = (this.#tries.get(path) ?? 0) + 1
      if (this.#dropped.delete(path)) this.#tries.delete(path)
      else if (tries < TRIES) {
        this.#tries.set(path, tries)
        this.add(path, batch.bytes / batch.paths.length)
      } else {
        this.#tries.delete(path)
        lost.push({ path, error: `its thread died ${TRIES} times: ${errorMessage(failure)}` })
      }
    }
    this.#pass(lost)
    this.#pump()
  }
}

/** The warning for a file that could not be digested. */
export function hashError(path: string, why: string): MirroredByError {
  return new MirroredByError(
    'ERR_HASH',
    `cannot hash ${JSON.stringify(path)}: ${why}; it is served without digests until it changes`,
  )
}
