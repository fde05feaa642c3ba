import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { errorMessage, MirroredByError } from '../../errors.js'
import { unpack } from './listing-codec.js'
import type { FolderDifference, ScanReply, ScanRequest, ScanSetup } from './scan-worker.js'
import type { FolderListing } from './walk.js'

/**
 * Lists a repository in a thread of its own, because a million `lstat` calls would block
 * requests.
 */
export class Scanner {
  readonly #setup: ScanSetup
  #worker: Worker | undefined
  #turn: Promise<void> = Promise.resolve()
  #closed = false

  /**
   * @param setup the real path of the root, and the globs to ignore
   */
  constructor(setup: ScanSetup) {
    this.#setup = setup
  }

  /**
   * Lists a folder and every folder below it, parents first. Scans run one after the other. The
   * walk stays one batch ahead of its consumer.
   *
   * @param foldersOnly whether to leave the files out of the listings
   * @throws MirroredByError ERR_SCAN if the thread fails
   */
  async *scan(folder: string, foldersOnly = false): AsyncGenerator<FolderListing> {
    for await (const { listings } of this.#converse({ from: folder, foldersOnly }, {}))
      for (const listing of listings) yield unpack(listing)
  }

  /**
   * Lists a folder, without what is below it.
   *
   * @returns undefined if there is no such folder
   */
  async list(folder: string): Promise<FolderListing | undefined> {
    let found: FolderListing | undefined
    for await (const { listings } of this.#converse({ from: folder, isShallow: true }, {}))
      for (const listing of listings) found = unpack(listing)
    return found
  }

  /**
   * Compares the state of every folder with its state when it was last listed. Costs one system
   * call for each folder.
   */
  async verify(): Promise<readonly FolderDifference[]> {
    const found: FolderDifference[] = []
    for await (const { differences } of this.#converse({ verify: 'start' }, { verify: 'next' }))
      found.push(...differences)
    return found
  }

  /** Yields the replies to a first request, and to the next ones until the thread is done. */
  async *#converse(first: ScanRequest, next: ScanRequest): AsyncGenerator<ScanReply> {
    const before = this.#turn
    let finish = (): void => {}
    this.#turn = new Promise((resolve) => {
      finish = resolve
    })
    await before
    try {
      let pending = this.#request(first)
      for (;;) {
        const reply = await pending
        if (!reply.done) pending = this.#request(next)
        // A consumer that stops early must not leave an unread reply for the next scan.
        pending.catch(() => {})
        try {
          yield reply
        } finally {
          await pending.catch(() => {})
        }
        if (reply.done) return
      }
    } finally {
      finish()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  async #request(request: ScanRequest): Promise<ScanReply> {
    if (this.#closed) throw new MirroredByError('ERR_CLOSED', 'the scanner is closed')
    this.#worker ??= this.#start()
    const worker = this.#worker
    const ended = new AbortController()
    try {
      worker.postMessage(request)
      const exited = once(worker, 'exit', { signal: ended.signal }).then(() => {
        throw new Error('its thread ended')
      })
      const [reply]: ScanReply[] = await Promise.race([
        once(worker, 'message', { signal: ended.signal }),
        exited,
      ])
      if (reply === undefined) throw new Error('its thread sent nothing')
      return reply
    } catch (error) {
      this.#worker = undefined
      throw new MirroredByError('ERR_SCAN', `cannot scan ${this.#setup.root}: ${errorMessage(error)}`, error)
    } finally {
      ended.abort()
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL('./scan-worker.js', import.meta.url), {
      workerData: this.#setup,
      execArgv: [],
    })
    worker.on('error', () => {}) // `once` in #request rejects on it
    return worker
  }
}
