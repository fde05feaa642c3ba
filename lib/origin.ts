import { EventEmitter } from 'node:events'
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { SYSTEM_CLOCK } from './clock.js'
import { errorMessage, isNotFound, MirroredByError } from './errors.js'
import { etagOf } from './fields/etag.js'
import { urlPath } from './fields/url.js'
import { type Locator, openLocator } from './geo/locator.js'
import { changedAt, identityOf, sameIdentity } from './identity.js'
import { Indexer, type Progress } from './indexing/indexer.js'
import { Scanner } from './indexing/repository/scan.js'
import { Health } from './mirrors/health/health.js'
import { undiciProbeClient } from './mirrors/health/http.js'
import type { MirrorChange, MirrorHealth } from './mirrors/health/summary.js'
import { TraceWriter } from './mirrors/health/trace-writer.js'
import { nameServers } from './mirrors/list/hosts.js'
import { Registry } from './mirrors/list/registry.js'
import { Presence } from './mirrors/presence/presence.js'
import type { CorruptFile, MirrorPresence } from './mirrors/presence/report.js'
import { weightFactors } from './mirrors/ranking/adaptive-weights.js'
import { explain, type Ranking } from './mirrors/ranking/rank.js'
import type { Awaitable, Client, Identity, IndexedFile, Mirror } from './model.js'
import { type HostResolver, systemResolver } from './network/addresses.js'
import { loadUndici } from './network/undici.js'
import { type CheckedOptions, checkOptions, type OriginOptions, presenceSettingsOf } from './options.js'
import { createPathFilter, includesWholePath, type PathFilter } from './paths.js'
import { FileCache } from './request/file-cache.js'
import { PASS, type Plan } from './request/plan.js'
import { Planner } from './request/planner.js'
import { representationsNamed } from './request/representations/representation-set.js'
import type { RequestView } from './request/view.js'
import { Leader } from './store/leader.js'
import { defaultStatesFile, defaultStoreFile } from './store/location.js'
import { memoryStore } from './store/memory.js'
import { memoryStates } from './store/memory-states.js'
import { recoverableStates, recoverableStore } from './store/recoverable-store.js'
import type { MirrorStateStore } from './store/states.js'
import { type Store, storeError, type Totals } from './store/store.js'

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
  /** A mirror went down, came up, or was switched off or on, or the ways by which it is reached are others. */
  mirror: [MirrorChange]
  /** A mirror was looked through, as far as that went; `mirrors()` tells what came of it. In the process that indexes. */
  surveyed: [id: string]
  /** A mirror sends other bytes than ours. There is a warning too. In the process that indexes. */
  corrupt: [CorruptFile]
  /** Something does not work; the server goes on without it. Without a listener it is a warning of the process. */
  warning: [MirroredByError]
}

/** A mirror, how it fares, and what it holds. */
export interface MirrorReport extends Mirror {
  readonly health: MirrorHealth
  /** What it holds, as far as that is known. */
  readonly presence: MirrorPresence
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
  /**
   * Which mirrors a client, or whoever has an address, would be given for a file, and why not the others. What mirrors hold
   * counts where the store answers at once.
   */
  rank(path: string, client: Client | string, secure?: boolean): Ranking
  /** Who has an address, and where that is. Never throws: what is not known is left out. */
  locate(address: string): Client
  /** The mirrors in force, in the operator's order. Weights are those that count: with `measured`, multiplied by that. */
  mirrors(): readonly MirrorReport[]
  /** Says that a file is not what the index has of it. Adapters do, when they find out as they answer. */
  invalidate(path: string): void
  /** Reports trouble once; adapters do too. */
  warn(error: unknown): void
  /** Ends every thread, timer and watch, and closes the store. What was hashed is kept. */
  close(): Promise<void>
}

/**
 * Opens the index, reads the mirrors and the geo databases, and begins to index in the background; serving may begin at once.
 *
 * @throws MirroredByError ERR_OPTIONS, ERR_ROOT, ERR_MIRRORS_FILE or ERR_GEO
 */
export async function createOrigin(options: OriginOptions): Promise<Origin> {
  const checked = checkOptions(options)
  const root = realRoot(checked.root)
  return new OriginImplementation(root, checked, await openLocator(checked))
}

const NO_PROGRESS: Progress = {
  seen: { files: 0, bytes: 0 },
  pending: { files: 0, bytes: 0 },
  hashed: { files: 0, bytes: 0 },
}

/** Milliseconds for which the same trouble is not told again. */
const WARN_AGAIN_MS = 60_000
/** Kinds of trouble that are remembered. */
const MAX_WARNED = 1000

/** Milliseconds between two looks at how mirrors perform. */
const WEIGH_MS = 60_000

/** Milliseconds for which a file is taken to be as it was. */
const STAT_CACHE_MS = 1

class OriginImplementation extends EventEmitter<OriginEvents> implements Origin {
  readonly root: string
  readonly options: CheckedOptions
  readonly ready: Promise<Indexed>
  readonly #includes: PathFilter
  readonly #store: Store
  /** The SQLite file that it is in, if it is. */
  #indexFile: string | undefined
  readonly #registry: Registry
  readonly #locator: Locator
  readonly #entries: FileCache
  readonly #planner: Planner
  readonly #leader: Leader
  readonly #states: MirrorStateStore
  readonly #resolver: HostResolver
  readonly #health: Health
  readonly #presence: Presence
  readonly #traceWriter: TraceWriter | undefined
  /** Identities of files asked for since then, by `performance.now()`. */
  readonly #seen = new Map<string, Identity>()
  #seenSince = 0
  readonly #warned = new Map<string, number>()
  /** Only in the process that indexes. */
  #indexer: Indexer | undefined
  #passing: Promise<void> = Promise.resolve()
  #stopping: Promise<void> = Promise.resolve()
  /** Whether this process is the one that indexes, and asks mirrors. */
  #leads = false
  #becomeReady: (indexed: Indexed) => void = () => {}
  #isReady = false
  #closing: Promise<void> | undefined
  #cancelWeighing: () => void = () => {}

  constructor(root: string, options: CheckedOptions, locator: Locator) {
    super()
    this.root = root
    this.options = options
    const includes = createPathFilter(options.ignore)
    this.#includes = includes
    // Paths of the index have no dots to resolve, and `join` costs a request as much as all of ranking.
    const below = root.endsWith(sep) ? root : root + sep
    // The registry first: it may refuse, and nothing must be left open then.
    this.#registry = new Registry(
      options.mirrors,
      options.watch,
      options,
      {
        replaced: () => {
          this.#entries.clear()
          this.#health.listChanged()
          this.#presence.listChanged()
        },
        warning: (error) => this.warn(error),
      },
      options.lookupHosts ? { ...nameServers(), locate: (address) => locator.locate(address) } : undefined,
    )
    this.#locator = locator
    locator.begin(options.watch !== false, (error) => this.warn(error))
    this.#store = this.#openStore()
    this.#entries = new FileCache(this.#store, options.etag, representationsNamed(options.representations))
    const states = this.#openStates()
    this.#states = states
    const resolver = systemResolver()
    this.#resolver = resolver
    this.#health = new Health(
      options.probe,
      {
        states,
        index: this.#store,
        registry: this.#registry,
        client: undiciProbeClient,
        resolver,
        privateAddresses: options.privateAddresses,
        clock: SYSTEM_CLOCK,
        random: Math.random,
      },
      {
        changed: ({ mirror, at, state, reason }) =>
          this.#tell('mirror', { id: mirror, at: new Date(at), state, reason }),
        probeRequested: (id) => this.#presence.expedite(id),
        warning: (error) => this.warn(error),
      },
    )
    this.#presence = new Presence(
      presenceSettingsOf(options),
      {
        states,
        index: this.#store,
        registry: this.#registry,
        includes,
        ignore: options.ignore,
        indexFile: this.#indexFile,
        resolver,
        clock: SYSTEM_CLOCK,
        random: Math.random,
        isUp: (mirror) => this.#health.isUp(mirror),
        etagOf: ({ identity, digests }) => etagOf(options.etag, identity, digests),
      },
      {
        corrupt: (corrupt) => this.#foundCorrupt(corrupt),
        surveyed: (id) => {
          this.#weigh()
          this.#tell('surveyed', id)
        },
        warning: (error) => this.warn(error),
      },
    )
    this.#traceWriter =
      options.writeTrace &&
      new TraceWriter(root, options.writeTrace, SYSTEM_CLOCK, (error) => this.warn(error))
    this.#planner = new Planner(options, {
      files: this.#entries,
      store: this.#store,
      includes,
      snapshot: () => this.#registry.snapshot,
      locate: (address) => locator.locate(address),
      identify: (path) => this.#identify(below + path),
      absolute: (path) => below + path,
      invalidate: (path) => this.invalidate(path),
      reportBroken: (names, path) => {
        this.#health.reportBroken(names)
        this.#presence.reportBroken(names, path)
      },
      reportUnchecked: (file, candidates) => this.#presence.requestCheck(file, candidates),
      random: Math.random,
    })
    this.#leader = new Leader(this.#store, {
      lead: () => {
        this.#leads = true
        this.#lead(includes)
        this.#probe().catch((error: unknown) => this.warn(error))
        this.#presence.lead()
        this.#traceWriter?.lead()
      },
      follow: () => {
        this.#leads = false
        this.#follow()
        this.#health.follow()
        this.#presence.follow()
        this.#traceWriter?.follow()
      },
      complete: () => void this.#completed(0, 0),
      changed: () => this.#entries.clear(),
      failed: (error) => this.warn(storeError('cannot be used at the moment', error)),
    })
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
    if (options.adaptiveWeights) this.#planWeighing()
    // A turn later, so that whoever made the origin can listen to its events first.
    setImmediate(() => void this.#leader.start())
  }

  get progress(): Progress {
    return this.#indexer?.progress ?? NO_PROGRESS
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

  rank(path: string, client: Client | string, secure = false): Ranking {
    const located = typeof client === 'string' ? this.locate(client) : client
    const changed = changedBelow(this.root, path, this.#includes)
    const wanted = { path, changed, secure, number: this.#numberOf(path) }
    return explain(this.#registry.snapshot, wanted, located, urlPath(path))
  }

  locate(address: string): Client {
    return this.#locator.locate(address)
  }

  mirrors(): readonly MirrorReport[] {
    return this.#registry.snapshot.mirrors.map((mirror) => ({
      ...mirror,
      health: this.#health.of(mirror),
      presence: this.#presence.of(mirror),
    }))
  }

  invalidate(path: string): void {
    const indexer = this.#indexer
    if (indexer?.isPending(path) === false) void this.#touch(indexer, path).catch(() => indexer.touch(path))
  }

  warn(error: unknown): void {
    const warning =
      error instanceof MirroredByError ? error : new MirroredByError('ERR_PLAN', errorMessage(error), error)
    if (this.#saidLately(`${warning.code} ${warning.message}`)) return
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
    this.#cancelWeighing()
    await this.#presence.close()
    this.#resolver.close()
    await Promise.all([
      this.#health.close(),
      this.#traceWriter?.close(),
      this.#registry.close(),
      this.#locator.close(),
    ])
    await this.#states.close()
    await this.#indexer?.close()
    await Promise.all([this.#passing, this.#stopping])
    await this.#leader.close()
    this.#becomeReady({ files: 0, bytes: 0, hashed: 0, seconds: 0 })
    await this.#store.close()
  }

  #planWeighing(): void {
    this.#cancelWeighing = SYSTEM_CLOCK.after(WEIGH_MS, () => {
      this.#weigh()
      this.#planWeighing()
    })
  }

  /** Takes notice of how mirrors perform, where that is to count. */
  #weigh(): void {
    if (!this.options.adaptiveWeights) return
    const measures = this.#registry.snapshot.mirrors.map((mirror) => {
      const { state, roundTrip } = this.#health.of(mirror)
      const presence = this.#presence.of(mirror)
      return {
        id: mirror.id,
        roundTrip: state === 'up' ? roundTrip : undefined,
        speed: presence.kind === 'checked' ? presence.speed : undefined,
      }
    })
    this.#registry.setWeightFactors(weightFactors(measures))
  }

  /**
   * What is there now, or was a millisecond ago: the file system is asked no more often, for its answer costs a redirect
   * as much as all the rest of it. For answers that carry no bytes of the file, and that are longer under way than that;
   * whoever sends bytes looks at what is sent.
   */
  #identify(absolute: string): Identity | undefined {
    const now = performance.now()
    if (now - this.#seenSince > STAT_CACHE_MS) {
      this.#seen.clear()
      this.#seenSince = now
    }
    const seen = this.#seen.get(absolute)
    if (seen !== undefined) return seen
    const identity = identify(absolute)
    if (identity !== undefined) this.#seen.set(absolute, identity)
    return identity
  }

  /** A request may have been planned just before a change was stored: what is indexed by now is not hashed once more. */
  async #touch(indexer: Indexer, path: string): Promise<void> {
    const known = await this.#store.get(path)
    const present = identify(join(this.root, path))
    if (known === undefined || present === undefined || !sameIdentity(known.identity, present))
      indexer.touch(path)
  }

  #lead(includes: PathFilter): void {
    if (this.#closing !== undefined) return
    this.#passing = this.#firstPass(includes)
  }

  /** From when the client of HTTP is loaded: that must not count against the first mirrors. */
  async #probe(): Promise<void> {
    if (this.options.probe === undefined) return
    await loadUndici()
    if (this.#leads && this.#closing === undefined) this.#health.lead()
  }

  #follow(): void {
    const indexer = this.#indexer
    this.#indexer = undefined
    if (indexer !== undefined) this.#stopping = Promise.all([this.#stopping, indexer.close()]).then(() => {})
  }

  async #firstPass(includes: PathFilter): Promise<void> {
    const start = performance.now()
    await this.#stopping
    if (this.#closing !== undefined) return
    const { root } = this
    const { algorithms, workers, settle, watch, rescan, ignore } = this.options
    const scanner = new Scanner({ root, ignore })
    const indexer = new Indexer(
      { root, store: this.#store, scanner, includes, algorithms, workers, settle, watch, rescan },
      {
        changed: (paths) => {
          this.#entries.forget(paths)
          this.#presence.changed(paths)
          this.#tell('changed', paths)
        },
        removed: (folder) => {
          this.#entries.clear()
          this.#tell('changed', [folder])
        },
        warning: (error) => this.warn(error),
      },
    )
    this.#indexer = indexer
    try {
      await indexer.run()
    } catch (error) {
      if (this.#closing === undefined) this.warn(error)
    }
    if (this.#closing !== undefined || this.#indexer !== indexer) return
    await this.#leader.completed()
    await this.#completed(indexer.progress.hashed.files, (performance.now() - start) / 1000)
  }

  /** The first pass is complete, by this process or another. */
  async #completed(hashed: number, seconds: number): Promise<void> {
    if (this.#isReady) return
    this.#isReady = true
    let totals: Totals = { files: 0, bytes: 0 }
    try {
      totals = await this.#store.totals()
    } catch (error) {
      this.warn(storeError('cannot be used at the moment', error))
    }
    this.#presence.ready(totals.files)
    const indexed = { ...totals, hashed, seconds }
    this.#becomeReady(indexed)
    this.#tell('indexed', indexed)
  }

  /** The file that was configured, or memory, where that cannot be used: the server comes up in any case. */
  #openStore(): Store {
    const { store } = this.options
    if (typeof store === 'object') return store
    const file = store === undefined ? defaultStoreFile(this.root) : resolve(store)
    try {
      const opened = recoverableStore(file, {
        rebuilt: () => {
          this.#entries.clear()
          this.#indexer?.rescan()
        },
        warning: (error) => setImmediate(() => this.warn(error)),
      })
      this.#indexFile = file
      return opened
    } catch (error) {
      const message = `${errorMessage(error)}; until the next start the index is kept in memory`
      const code = error instanceof MirroredByError ? error.code : 'ERR_STORE'
      setImmediate(() => this.warn(new MirroredByError(code, message, error)))
      return memoryStore()
    }
  }

  /** Where the states of mirrors are kept: in no file where there are no mirrors. */
  #openStates(): MirrorStateStore {
    const { store, mirrorStates, mirrors } = this.options
    if (typeof mirrorStates === 'object') return mirrorStates
    const index = typeof store === 'object' ? undefined : resolve(store ?? defaultStoreFile(this.root))
    const file = mirrorStates === undefined ? index && defaultStatesFile(index) : resolve(mirrorStates)
    if (file === undefined || (typeof mirrors !== 'string' && mirrors.length === 0)) return memoryStates()
    try {
      return recoverableStates(file, {
        // It may be found broken before there is anything to restore.
        rebuilt: () => {
          this.#health?.restore()
          this.#presence?.restore()
        },
        warning: (error) => setImmediate(() => this.warn(error)),
      })
    } catch (error) {
      const message = `${errorMessage(error)}; until the next start the states of mirrors are kept in memory`
      const code = error instanceof MirroredByError ? error.code : 'ERR_STORE'
      setImmediate(() => this.warn(new MirroredByError(code, message, error)))
      return memoryStates()
    }
  }

  /** Of the content that is indexed; undefined where the store has to be waited for. */
  #numberOf(path: string): number | undefined {
    try {
      const file = this.#store.get(path)
      if (!(file instanceof Promise)) return file?.number
      // It may fail, and nobody waits for it.
      file.catch(() => {})
      return undefined
    } catch (error) {
      this.warn(storeError('cannot be read', error))
      return undefined
    }
  }

  #foundCorrupt(corrupt: CorruptFile): void {
    const { mirror, path, start, end, expected, got } = corrupt
    const bytes = `of ${JSON.stringify(path)}, from ${start} to ${end}`
    const what =
      got === undefined
        ? `does not send all bytes ${bytes}`
        : `sends other bytes than ours ${bytes}: the SHA-256 is ${got} and not ${expected}`
    const message = `the mirror ${mirror} ${what}; no client is sent there for the file until it is mended`
    this.warn(new MirroredByError('ERR_CORRUPT', message))
    this.#tell('corrupt', corrupt)
  }

  /** Trouble is told once a minute, however many requests run into it. */
  #saidLately(what: string): boolean {
    const now = performance.now()
    const said = this.#warned.get(what)
    if (said !== undefined && now - said < WARN_AGAIN_MS) return true
    if (this.#warned.size >= MAX_WARNED) this.#warned.clear()
    this.#warned.set(what, now)
    return false
  }

  #failOpen(error: unknown): Plan {
    const message = `a request was answered as if mirrored-by were not there: ${errorMessage(error)}`
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

/** When a file of the repository changed last, in milliseconds since 1970; undefined where there is none. */
export function changedBelow(root: string, path: string, includes: PathFilter): number | undefined {
  if (!includesWholePath(includes, path)) return undefined
  const identity = identify(join(root, path))
  return identity && changedAt(identity)
}

/**
 * The real path of a root.
 *
 * @throws MirroredByError ERR_ROOT where it is no folder that can be read
 */
export function realRoot(root: string): string {
  const absolute = resolve(root)
  try {
    const real = realpathSync(absolute)
    if (!statSync(real).isDirectory()) throw new Error('it is not a folder')
    accessSync(real, constants.R_OK | constants.X_OK)
    return real
  } catch (error) {
    const remedy = isNotFound(error)
      ? 'create it, or name the folder of your files'
      : 'make it a folder this user can read'
    throw new MirroredByError(
      'ERR_ROOT',
      `cannot use ${absolute} as the root: ${errorMessage(error)}; ${remedy}`,
      error,
    )
  }
}
