import { EventEmitter } from 'node:events'
import { errorMessage, MirroredByError } from './errors.js'
import { urlPath } from './fields/url.js'
import { openLocator } from './geo/locator.js'
import type { Indexed } from './indexing/first-pass.js'
import type { Progress } from './indexing/indexer.js'
import { changedOnDisk, checkRoot } from './indexing/repository/on-disk.js'
import type { MirrorHealth } from './mirrors/health/summary.js'
import type { MirrorPresence } from './mirrors/presence/report.js'
import { ownMirrors } from './mirrors/ranking/own-mirrors.js'
import { explain, type Ranking } from './mirrors/ranking/rank.js'
import type { Awaitable, Client, IndexedFile, Mirror } from './model.js'
import { type CheckedOptions, checkOptions, type OriginOptions } from './options.js'
import type { OriginEvents } from './origin-events.js'
import { PASS, type Plan } from './request/plan.js'
import type { RequestView } from './request/view.js'
import { storeError } from './store/store.js'
import { type OriginParts, wire } from './wiring.js'

/** A mirror, its health, and what is known of its files. */
export interface MirrorReport extends Mirror {
  readonly health: MirrorHealth
  readonly presence: MirrorPresence
}

/** A repository, its index and its mirrors. Made by `createOrigin`, and mounted by adapters. */
export interface Origin extends EventEmitter<OriginEvents>, AsyncDisposable {
  /**
   * The absolute path of the repository, as configured. Its symbolic links are followed at each
   * use, so it may lead to another folder later.
   */
  readonly root: string
  readonly options: CheckedOptions
  /** Settles when the first pass is complete, or is given up because of `close`. Never rejects. */
  readonly ready: Promise<Indexed>
  readonly progress: Progress
  /**
   * Returns what to do with a request: at once, unless the store returns a promise. Never throws:
   * returns `pass` on an error.
   */
  plan(view: RequestView): Awaitable<Plan>
  /** Returns what the index knows of a file, by its repository path. */
  lookup(path: string): Promise<IndexedFile | undefined>
  /**
   * Returns which mirrors a client would be given for a file, and why others are left out.
   * Inventories of mirrors count if the store returns the file at once.
   *
   * @param client a client, or its address
   */
  rank(path: string, client: Client | string, secure?: boolean): Ranking
  /**
   * Returns the client at an address, and its place. Never throws: unknown properties are left
   * out.
   */
  locate(address: string): Client
  /**
   * Returns the mirrors in force, in the operator's order. With `adaptiveWeights`, each `weight`
   * is already multiplied by the measured performance.
   */
  mirrors(): readonly MirrorReport[]
  /**
   * Reports that a file on disk differs from the index. Adapters call this when they notice it in
   * a response.
   */
  invalidate(path: string): void
  /**
   * Reads the mirrors file and the geo databases again, also with `watch: false`. Those that cannot
   * be used cause a warning, and the previous ones stay in force.
   */
  reload(): Promise<void>
  /** Emits an error as a `warning`, at most once a minute for the same message. */
  warn(error: unknown): void
  /** Ends every thread, timer and watch, and closes the stores. What was hashed is kept. */
  close(): Promise<void>
}

/**
 * Opens the index, reads the mirrors and the geo databases, and starts to index in the
 * background. Serving may start at once. If it throws, everything that it opened is closed again;
 * a store that was passed as an object stays open.
 *
 * @throws MirroredByError ERR_OPTIONS, ERR_ROOT, ERR_MIRRORS_FILE or ERR_GEO
 */
export async function createOrigin(options: OriginOptions): Promise<Origin> {
  const checked = checkOptions(options)
  const root = checkRoot(checked.root)
  const locator = await openLocator(checked)
  return new OriginFacade(root, checked, await wire(root, checked, locator))
}

class OriginFacade extends EventEmitter<OriginEvents> implements Origin {
  readonly root: string
  readonly options: CheckedOptions
  readonly #parts: OriginParts
  #closing: Promise<void> | undefined

  constructor(root: string, options: CheckedOptions, parts: OriginParts) {
    super()
    this.root = root
    this.options = options
    this.#parts = parts
    parts.events.deliverTo(this)
    // A turn later, so that the caller of `createOrigin` can add listeners first.
    setImmediate(() => void parts.leader.start())
  }

  get ready(): Promise<Indexed> {
    return this.#parts.firstPass.ready
  }

  get progress(): Progress {
    return this.#parts.firstPass.progress
  }

  plan(view: RequestView): Awaitable<Plan> {
    try {
      const plan = this.#parts.planner.plan(view)
      return plan instanceof Promise ? plan.catch((error: unknown) => this.#failOpen(error)) : plan
    } catch (error) {
      return this.#failOpen(error)
    }
  }

  async lookup(path: string): Promise<IndexedFile | undefined> {
    return await this.#parts.store.get(path)
  }

  rank(path: string, client: Client | string, secure = false): Ranking {
    const { registry, includes } = this.#parts
    const located = typeof client === 'string' ? this.locate(client) : client
    const changed = changedOnDisk(this.root, path, includes)
    const { snapshot } = registry
    const own = ownMirrors(snapshot.candidates, this.options.baseUrl)
    const query = { path, changed, secure, own, number: this.#numberOf(path) }
    return explain(snapshot, query, located, urlPath(path))
  }

  locate(address: string): Client {
    return this.#parts.locator.locate(address)
  }

  mirrors(): readonly MirrorReport[] {
    const { registry, health, presence } = this.#parts
    return registry.snapshot.mirrors.map((mirror) => ({
      ...mirror,
      health: health.of(mirror),
      presence: presence.of(mirror),
    }))
  }

  invalidate(path: string): void {
    this.#parts.firstPass.invalidate(path)
  }

  async reload(): Promise<void> {
    const { registry, locator } = this.#parts
    registry.reload()
    await locator.reload()
  }

  warn(error: unknown): void {
    this.#parts.warnings.report(error)
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Returns the number of the indexed content; undefined if the store returns a promise. */
  #numberOf(path: string): number | undefined {
    try {
      const file = this.#parts.store.get(path)
      if (!(file instanceof Promise)) return file?.number
      // The promise is not awaited; its rejection must not end the process.
      file.catch(() => {})
      return undefined
    } catch (error) {
      this.warn(storeError('cannot be read', error))
      return undefined
    }
  }

  /** Lets a request pass that could not be planned: the server works as without mirrored-by. */
  #failOpen(error: unknown): Plan {
    const message = `a request was answered as if mirrored-by were not there: ${errorMessage(error)}`
    this.warn(new MirroredByError('ERR_PLAN', message, error))
    return PASS
  }
}
