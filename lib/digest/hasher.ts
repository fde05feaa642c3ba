import { Worker } from 'node:worker_threads'
import { MirroredByError, reason } from '../errors.js'
import type { Algorithm } from '../model.js'
import { isWithin } from '../repository/names.js'
import type { Digested } from './compute.js'

export interface HashSetup {
  /** The real path of the repository's root. */
  readonly root: string
  readonly algorithms: readonly Algorithm[]
  /** One shared 64-bit number: bytes read so far, by all workers. */
  readonly counter: SharedArrayBuffer
}
export interface HashRequest {
  readonly paths: readonly string[]
}
export interface HashReply {
  readonly outcomes: readonly HashOutcome[]
}

/** What became of one file: its digests; or it changed or vanished meanwhile; or the system refused. */
export type HashOutcome =
  | { readonly path: string; readonly digested: Digested; readonly changed?: never; readonly error?: never }
  | { readonly path: string; readonly changed: true; readonly digested?: never; readonly error?: never }
  | { readonly path: string; readonly error: string; readonly digested?: never; readonly changed?: never }

/** A message to a worker costs as much as a small file: send small files together, up to so many or so much. */
const BATCH_FILES = 128
const BATCH_BYTES = 8 * 1024 * 1024

/** How often a file is given to a new thread after the one that had it died. */
const TRIES = 3

interface Batch {
  readonly paths: readonly string[]
  readonly bytes: number
}

/**
 * A queue of files and the worker threads that digest them. A path that waits already is not queued twice; one that is
 * being digested may be queued again.
 */
export class Hasher {
  readonly #setup: HashSetup
  readonly #workers: number
  readonly #settled: (outcomes: readonly HashOutcome[]) => void
  readonly #waiting = new Map<string, number>()
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Batch>()
  /** Taken back while a worker had them: their outcomes are not passed on. */
  readonly #dropped = new Set<string>()
  readonly #tries = new Map<string, number>()
  readonly #bytesRead: BigUint64Array
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
  ) {
    const counter = new SharedArrayBuffer(8)
    this.#bytesRead = new BigUint64Array(counter)
    this.#setup = { ...setup, counter }
    this.#workers = workers
    this.#settled = settled
  }

  /** Files waiting or being digested. */
  get files(): number {
    let files = this.#waiting.size
    for (const batch of this.#busy.values()) files += batch.paths.length
    return files
  }

  /** Bytes of those files that are not read yet. */
  get bytes(): number {
    return Math.max(0, this.#pendingBytes - Math.max(0, this.bytesRead - this.#settledBytes))
  }

  /** Bytes read since the start. */
  get bytesRead(): number {
    return Number(Atomics.load(this.#bytesRead, 0))
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
    const paths = [...this.#busy.values()].flatMap((batch) => batch.paths)
    for (const path of [...this.#waiting.keys(), ...paths]) if (isWithin(folder, path)) this.drop(path)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.clear()
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()))
  }

  #pump(): void {
    while (!this.#closed && this.#waiting.size > 0 && this.#busy.size < this.#workers) {
      const worker = this.#idle.pop() ?? this.#start()
      const batch = this.#nextBatch()
      this.#busy.set(worker, batch)
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
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: this.#setup,
      execArgv: [],
    })
    let failure: unknown = new Error('the thread ended')
    worker.on('message', (reply: HashReply) => {
      this.#release(worker)
      this.#idle.push(worker)
      for (const { path } of reply.outcomes) this.#tries.delete(path)
      this.#pump()
      this.#pass(reply.outcomes)
    })
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', () => {
      const batch = this.#release(worker)
      const idle = this.#idle.indexOf(worker)
      if (idle !== -1) this.#idle.splice(idle, 1)
      if (batch !== undefined && !this.#closed) this.#tryAgain(batch, failure)
    })
    return worker
  }

  #isBusy(path: string): boolean {
    for (const batch of this.#busy.values()) if (batch.paths.includes(path)) return true
    return false
  }

  #pass(outcomes: readonly HashOutcome[]): void {
    const wanted = outcomes.filter(({ path }) => !this.#dropped.delete(path))
    if (!this.#closed && wanted.length > 0) this.#settled(wanted)
  }

  #release(worker: Worker): Batch | undefined {
    const batch = this.#busy.get(worker)
    this.#busy.delete(worker)
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
        lost.push({ path, error: `its thread died ${TRIES} times: ${reason(failure)}` })
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
