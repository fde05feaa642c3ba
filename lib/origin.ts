import { EventEmitter } from 'node:events'
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isGone, MirroredByError, reason } from './errors.js'
import { urlPath } from './fields/url.js'
import { identityOf } from './identity.js'
import { Indexer, type Progress } from './indexer.js'
import { explain, type Ranking } from './mirrors/rank.js'
import { Registry } from './mirrors/registry.js'
import type { Awaitable, Client, Identity, IndexedFile, Mirror } from './model.js'
import { type CheckedOptions, checkOptions, type OriginOptions } from './options.js'
import { Entries } from './plan/entries.js'
import { PASS, type Plan } from './plan/plan.js'
import { Planner } from './plan/planner.js'
import type { RequestView } from './plan/view.js'
import { createPathFilter } from './repository/names.js'
import { Scanner } from './repository/scan.js'
import { defaultStoreFile } from './store/location.js'
import { sqliteStore } from './store/sqlite.js'
import type { Store } from './store/store.js'

/** The first pass, when it is complete. */
export interface Indexed {
  /** In the index. */
  readonly files: number
  readonly bytes: number
  /** Hashed in this pass: the rest was known. */
  readonly hashed: number
  readonly seconds: number
}

export interface OriginEvents {
  /** The first pass is complete. */
  indexed: [Indexed]
  /** These paths are stored anew, or no longer. A path that is a folder stands for everything below it. */
  changed: [paths: readonly string[]]
  /** Something does not work; the server goes on without it. Without a listener it is a warning of the process. */
  warning: [MirroredByError]
}

/** A repository, its index and its mirrors: what the adapters mount. Made by `createOrigin`. */
export interface Origin extends EventEmitter<OriginEvents>, AsyncDisposable {
  /** The real path of the repository. */
  readonly root: string
  readonly options: CheckedOptions
  /** Settles when the first pass is complete, or is given up because the origin is closed. Never rejects. */
  readonly ready: Promise<Indexed>
  readonly progress: Progress
  /** What to do with a request: at once, unless the store has to be waited for. Never throws: in trouble, `pass`. */
  plan(view: RequestView): Awaitable<Plan>
  /** What the index knows of a file, by its repository path. */
  lookup(path: string): Promise<IndexedFile | undefined>
  /** Which mirrors a client would be given for a file, and why not the others. */
  rank(path: string, client: Client, secure?: boolean): Ranking
  /** The mirrors in force. */
  mirrors(): readonly Mirror[]
  /** Says that a file is not what the index has of it. Adapters do, when they find out as they answer. */
  touch(path: string): void
  /** Reports trouble once; adapters do too. */
  warn(error: unknown): void
  /** Ends every thread, timer and watch, and closes the store. What was hashed is kept. */
  close(): Promise<void>
}

/**
 * Opens the index, reads the mirrors, and begins to index in the background; serving may begin at once.
 *
 * @throws MirroredByError ERR_OPTIONS, ERR_ROOT, ERR_MIRRORS_FILE, ERR_STORE or ERR_STORE_VERSION
 */
export async function createOrigin(options: OriginOptions): Promise<Origin> {
  const checked = checkOptions(options)
  const root = realRoot(checked.root)
  return new OriginImplementation(root, checked)
}

class OriginImplementation extends EventEmitter<OriginEvents> implements Origin {
  readonly root: string
  readonly options: CheckedOptions
  readonly ready: Promise<Indexed>
  readonly #store: Store
  readonly #registry: Registry
  readonly #entries: Entries
  readonly #planner: Planner
  readonly #indexer: Indexer
  #closing: Promise<void> | undefined

  constructor(root: string, options: CheckedOptions) {
    super()
    this.root = root
    this.options = options
    const includes = createPathFilter(options.ignore)
    // The registry first: it may refuse, and nothing must be left open then.
    this.#registry = new Registry(options.mirrors, options.watch, {
      replaced: () => {},
      warning: (error) => this.warn(error),
    })
    this.#store = this.#openStore()
    this.#entries = new Entries(this.#store, options.etag)
    this.#planner = new Planner(options, {
      entries: this.#entries,
      store: this.#store,
      includes,
      snapshot: () => this.#registry.snapshot,
      identify: (path) => identify(join(root, path)),
      absolute: (path) => join(root, path),
      stale: (path) => this.touch(path),
      draw: Math.random,
    })
    const { algorithms, workers, settle, watch, ignore } = options
    const scanner = new Scanner({ root, ignore })
    this.#indexer = new Indexer(
      { root, store: this.#store, scanner, includes, algorithms, workers, settle, watch },
      {
        changed: (paths) => {
          this.#entries.forget(paths)
          this.#tell('changed', paths)
        },
        removed: (folder) => {
          this.#entries.clear()
          this.#tell('changed', [folder])
        },
        warning: (error) => this.warn(error),
      },
    )
    this.ready = this.#firstPass()
  }

  get progress(): Progress {
    return this.#indexer.progress
  }

  plan(view: RequestView): Awaitable<Plan> {
    try {
      const plan = this.#planner.plan(view)
      return plan instanceof Promise ? plan.catch((error: unknown) => this.#failOpen(error)) : plan
    } catch (error) {
      return this.#failOpen(error)
    }
  }

  async lookup(path: string): Promise<IndexedFile | undefined> {
    return await this.#store.get(path)
  }

  rank(path: string, client: Client, secure = false): Ranking {
    return explain(this.#registry.snapshot, { path, secure }, client, urlPath(path))
  }

  mirrors(): readonly Mirror[] {
    return this.#registry.snapshot.mirrors
  }

  touch(path: string): void {
    if (!this.#indexer.isPending(path)) this.#indexer.touch(path)
  }

  warn(error: unknown): void {
    const warning =
      error instanceof MirroredByError ? error : new MirroredByError('ERR_PLAN', reason(error), error)
    if (this.listenerCount('warning') > 0) this.#tell('warning', warning)
    else process.emitWarning(warning.message, { type: 'MirroredByWarning', code: warning.code })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await Promise.all([this.#registry.close(), this.#indexer.close()])
    await this.ready
    await this.#store.close()
  }

  async #firstPass(): Promise<Indexed> {
    const start = performance.now()
    // A turn later, so that whoever made the origin can listen to its events first.
    await new Promise(setImmediate)
    try {
      await this.#indexer.run()
    } catch (error) {
      if (this.#closing === undefined) this.warn(error)
    }
    const seconds = (performance.now() - start) / 1000
    const { files, bytes } = await this.#store.totals()
    const indexed = { files, bytes, hashed: this.progress.hashed.files, seconds }
    if (this.#closing === undefined) this.#tell('indexed', indexed)
    return indexed
  }

  #openStore(): Store {
    const { store } = this.options
    try {
      if (typeof store === 'object') return store
      return sqliteStore(store === undefined ? defaultStoreFile(this.root) : resolve(store))
    } catch (error) {
      void this.#registry.close()
      throw error
    }
  }

  #failOpen(error: unknown): Plan {
    const message = `a request was answered as if mirrored-by were not there: ${reason(error)}`
    this.warn(new MirroredByError('ERR_PLAN', message, error))
    return PASS
  }

  /** A listener that throws is its author's, and must not stop what we are doing. */
  #tell<E extends keyof OriginEvents>(event: E, ...values: OriginEvents[E]): void {
    try {
      EventEmitter.prototype.emit.call(this, event, ...values)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

function identify(absolute: string): Identity | undefined {
  try {
    const stats = statSync(absolute, { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() ? identityOf(stats) : undefined
  } catch {
    return undefined
  }
}

function realRoot(root: string): string {
  const absolute = resolve(root)
  try {
    const real = realpathSync(absolute)
    if (!statSync(real).isDirectory()) throw new Error('it is not a folder')
    accessSync(real, constants.R_OK | constants.X_OK)
    return real
  } catch (error) {
    const remedy = isGone(error)
      ? 'create it, or name the folder of your files'
      : 'make it a folder this user can read'
    throw new MirroredByError(
      'ERR_ROOT',
      `cannot use ${absolute} as the root: ${reason(error)}; ${remedy}`,
      error,
    )
  }
}
