import { resolve, sep } from 'node:path'
import { SYSTEM_CLOCK } from './clock.js'
import { MirroredByError } from './errors.js'
import { etagOf } from './fields/etag.js'
import type { Locator } from './geo/locator.js'
import { FirstPass } from './indexing/first-pass.js'
import { MirrorLog, rankHint } from './mirror-log.js'
import { Health } from './mirrors/health/health.js'
import { probeClient } from './mirrors/health/http.js'
import { TraceWriter } from './mirrors/health/trace-writer.js'
import { nameServers } from './mirrors/list/hosts.js'
import { Registry } from './mirrors/list/registry.js'
import { createPresence } from './mirrors/presence/checked-presence.js'
import type { Presence } from './mirrors/presence/presence.js'
import type { CorruptFile } from './mirrors/presence/report.js'
import type { MirrorPerformance } from './mirrors/ranking/adaptive-weights.js'
import { Weigher } from './mirrors/ranking/weigher.js'
import type { Awaitable, Mirror } from './model.js'
import { systemResolver } from './network/addresses.js'
import { loopFields, loopIdOf } from './network/loop.js'
import { loadUndici } from './network/undici.js'
import { type CheckedOptions, presenceSettingsOf } from './options.js'
import { EventOutbox } from './origin-events.js'
import { createPathFilter, ignoredGlobs, type PathFilter } from './paths.js'
import { FileCache } from './request/file-cache.js'
import { Planner } from './request/planner.js'
import { representationsNamed } from './request/representations/representation-set.js'
import { StatCache } from './request/stat-cache.js'
import { Leader } from './store/leader.js'
import { defaultStatesFile, defaultStoreFile } from './store/location.js'
import { INDEX_STORE, type OpenedStore, openStore, STATE_STORE } from './store/open.js'
import type { RecoveryEvents } from './store/recovery.js'
import type { MirrorStateStore } from './store/states.js'
import { type Store, storeError } from './store/store.js'
import { Warnings } from './warnings.js'

/** The parts of an origin, ready to be used. */
export interface OriginParts {
  readonly events: EventOutbox
  readonly warnings: Warnings
  readonly includes: PathFilter
  readonly locator: Locator
  readonly registry: Registry
  readonly store: Store
  readonly health: Health
  readonly presence: Presence
  readonly firstPass: FirstPass
  readonly planner: Planner
  readonly leader: Leader
  /** Closes all parts, each before those that it uses. */
  close(): Promise<void>
}

/** A part that works only in the process that leads. */
interface Duty {
  lead(): void
  follow(): void
}

/**
 * Builds the parts of an origin, each after those that it uses. What a part tells to parts that
 * are built later goes through `Listeners`. Nothing is read, probed or surveyed until the leader
 * is started.
 *
 * @param root the absolute path of the repository, whose links are followed at each use
 * @throws the error of the part that cannot be built, after all parts built before it are closed
 */
export async function wire(root: string, options: CheckedOptions, locator: Locator): Promise<OriginParts> {
  const opened = new Opened()
  try {
    return build(root, options, locator, opened)
  } catch (error) {
    // An error of closing would hide why construction failed. Stores of the caller stay open.
    await opened.close([options.store, options.mirrorStates]).catch(() => {})
    throw error
  }
}

function build(root: string, options: CheckedOptions, locator: Locator, opened: Opened): OriginParts {
  const events = new EventOutbox()
  const warnings = new Warnings((warning) => events.warn(warning), SYSTEM_CLOCK.steady)
  const warning = (error: unknown): void => warnings.report(error)
  const ignore = ignoredGlobs(options)
  const includes = createPathFilter(ignore)

  opened.add(locator)
  locator.start(options.watch !== false, warning)

  const listReplaced = new Listeners()
  const hosts = { ...nameServers(), locate: (address: string) => locator.locate(address) }
  const registry = opened.add(
    new Registry(
      options.mirrors,
      options.watch,
      options,
      { replaced: () => listReplaced.call(), warning },
      options.lookupHosts ? hosts : undefined,
    ),
  )

  const indexRebuilt = new Listeners()
  const { store, file: indexFile } = openIndex(root, options, { rebuilt: () => indexRebuilt.call(), warning })
  opened.add(store)
  const files = new FileCache(store, options.etag, representationsNamed(options.representations))
  listReplaced.add(() => files.clear())
  indexRebuilt.add(() => files.clear())

  const duties: Duty[] = []
  const completedElsewhere = new Listeners()
  const leader = opened.add(
    new Leader(store, {
      lead: () => {
        for (const duty of duties) duty.lead()
      },
      follow: () => {
        for (const duty of duties) duty.follow()
      },
      complete: () => completedElsewhere.call(),
      changed: () => files.clear(),
      failed: (error) => warning(storeError('cannot be used at the moment', error)),
    }),
  )

  const statesRebuilt = new Listeners()
  const states = openStates(root, options, { rebuilt: () => statesRebuilt.call(), warning })
  opened.add(states)
  const resolver = opened.add(systemResolver())
  const requestFields = loopFields(loopIdOf(root))

  const surveyRequested = new Listeners<[id: string]>()
  const logged = new Listeners<[id?: string]>()
  const health = opened.add(
    new Health(
      options.probe,
      {
        states,
        index: store,
        registry,
        client: probeClient(requestFields),
        resolver,
        privateAddresses: options.privateAddresses,
        clock: SYSTEM_CLOCK,
        random: Math.random,
      },
      {
        changed: ({ mirror, at, state, reason }) => {
          events.emit('mirror', { id: mirror, at: new Date(at), state, reason })
          logged.call(mirror)
        },
        probeRequested: (id) => surveyRequested.call(id),
        warning,
      },
    ),
  )
  listReplaced.add(() => health.listChanged())
  statesRebuilt.add(() => health.restore())

  const surveyed = new Listeners<[id: string]>()
  const presence = opened.add(
    createPresence(
      presenceSettingsOf(options),
      {
        states,
        index: store,
        registry,
        includes,
        ignore,
        indexFile,
        resolver,
        requestFields,
        clock: SYSTEM_CLOCK,
        random: Math.random,
        isUp: (mirror) => health.isUp(mirror),
        etagOf: ({ identity, digests }) => etagOf(options.etag, identity, digests),
      },
      {
        corrupt: (corrupt) => {
          warning(corruptWarning(corrupt))
          events.emit('corrupt', corrupt)
        },
        surveyed: (id) => surveyed.call(id),
        warning,
      },
    ),
  )
  listReplaced.add(() => presence.listChanged())
  statesRebuilt.add(() => presence.restore())
  surveyRequested.add((id) => presence.expedite(id))

  if (options.adaptiveWeights) {
    const weigher = opened.add(
      new Weigher({
        measure: () => registry.snapshot.mirrors.map((mirror) => performanceOf(mirror, { health, presence })),
        apply: (factors) => registry.setWeightFactors(factors),
        clock: SYSTEM_CLOCK,
      }),
    )
    surveyed.add(() => weigher.weigh())
  }
  surveyed.add((id) => events.emit('surveyed', id))
  surveyed.add((id) => logged.call(id))

  const firstPass = opened.add(
    new FirstPass(
      { ...options, ignore, root, store, includes },
      {
        changed: (paths) => {
          files.forget(paths)
          presence.changed(paths)
          events.emit('changed', paths)
        },
        removed: (folder) => {
          files.clear()
          events.emit('changed', [folder])
        },
        completed: () => leader.completed(),
        indexed: (indexed) => {
          presence.ready()
          events.emit('indexed', indexed)
        },
        warning,
      },
    ),
  )
  indexRebuilt.add(() => firstPass.rescan())
  completedElsewhere.add(() => firstPass.completedElsewhere())

  duties.push(firstPass, probingDuty(options, leader, health, warning), presence)
  const mirrorLog = createLog(root, options, { registry, health, presence })
  if (mirrorLog !== undefined) {
    duties.push(mirrorLog)
    logged.add((id) => mirrorLog.update(id))
    listReplaced.add(() => mirrorLog.update())
  }
  if (options.writeTrace !== undefined)
    duties.push(opened.add(new TraceWriter(root, options.writeTrace, SYSTEM_CLOCK, warning)))

  const planner = createPlanner(root, options, {
    files,
    store,
    includes,
    registry,
    locator,
    health,
    presence,
    firstPass,
    warnings,
  })

  return {
    events,
    warnings,
    includes,
    locator,
    registry,
    store,
    health,
    presence,
    firstPass,
    planner,
    leader,
    close: () => opened.close(),
  }
}

function createLog(
  root: string,
  options: CheckedOptions,
  { registry, health, presence }: Pick<OriginParts, 'registry' | 'health' | 'presence'>,
): MirrorLog | undefined {
  const { log } = options
  if (log === undefined) return undefined
  const mirrors = () =>
    registry.snapshot.mirrors.map((mirror) => ({
      mirror,
      health: health.of(mirror),
      presence: presence.of(mirror),
    }))
  return new MirrorLog(log, mirrors, rankHint(root, options))
}

function createPlanner(
  root: string,
  options: CheckedOptions,
  parts: Omit<OriginParts, 'events' | 'planner' | 'leader' | 'close'> & {
    readonly files: FileCache
  },
): Planner {
  const { files, store, includes, registry, locator, health, presence, firstPass, warnings } = parts
  const reportedOwn = new Set<string>()
  // Paths of the index need no normalization, and `join` costs a request as much as all of
  // ranking.
  const below = root.endsWith(sep) ? root : root + sep
  const statCache = new StatCache(SYSTEM_CLOCK.steady)
  return new Planner(options, {
    files,
    store,
    includes,
    snapshot: () => registry.snapshot,
    locate: (address) => locator.locate(address),
    identify: (path) => statCache.identify(below + path),
    absolute: (path) => below + path,
    invalidate: (path) => firstPass.invalidate(path),
    reportBroken: (names, path) => {
      health.reportBroken(names)
      presence.reportBroken(names, path)
    },
    reportUnchecked: (file, candidates) => presence.requestCheck(file, candidates),
    loopId: loopIdOf(root),
    reportOwn: (candidates, base) => {
      for (const { mirror } of candidates) {
        if (reportedOwn.has(mirror.id)) continue
        reportedOwn.add(mirror.id)
        warnings.report(loopWarning(mirror, base))
      }
    },
    random: Math.random,
  })
}

/**
 * Returns the duty to probe. Loads undici first, because loading would be counted in the first
 * round trips.
 */
function probingDuty(
  { probe }: CheckedOptions,
  leader: Leader,
  health: Health,
  warning: (error: unknown) => void,
): Duty {
  return {
    lead: () => {
      if (probe === undefined) return
      loadUndici().then(() => {
        if (leader.leads) health.lead()
      }, warning)
    },
    follow: () => health.follow(),
  }
}

/**
 * What was opened. A part is closed before the parts that were opened earlier, because it may use
 * them.
 */
class Opened {
  readonly #parts: { close(): Awaitable<void> }[] = []

  add<P extends { close(): Awaitable<void> }>(part: P): P {
    this.#parts.push(part)
    return part
  }

  /** Closes all parts but some, and throws the first error at the end. */
  async close(except: readonly unknown[] = []): Promise<void> {
    const errors: unknown[] = []
    for (const part of this.#parts.reverse()) {
      if (except.includes(part)) continue
      try {
        await part.close()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}

/**
 * Functions that are called together. Because parts add them when they are built, none is called
 * too early.
 */
class Listeners<Values extends readonly unknown[] = []> {
  readonly #listeners: ((...values: Values) => void)[] = []

  add(listener: (...values: Values) => void): void {
    this.#listeners.push(listener)
  }

  call(...values: Values): void {
    for (const listener of this.#listeners) listener(...values)
  }
}

function openIndex(root: string, { store }: CheckedOptions, events: RecoveryEvents): OpenedStore<Store> {
  if (typeof store === 'object') return { store, file: undefined }
  return openStore(INDEX_STORE, () => (store === undefined ? defaultStoreFile(root) : resolve(store)), events)
}

/**
 * Opens the mirror states: in memory if there are no mirrors, or if the index is in no file and
 * none is named.
 */
function openStates(
  root: string,
  { store, mirrorStates, mirrors }: CheckedOptions,
  events: RecoveryEvents,
): MirrorStateStore {
  if (typeof mirrorStates === 'object') return mirrorStates
  const hasMirrors = typeof mirrors === 'string' || mirrors.length > 0
  const fileOf = (): string | undefined => {
    if (!hasMirrors) return undefined
    if (mirrorStates !== undefined) return resolve(mirrorStates)
    return typeof store === 'object' ? undefined : defaultStatesFile(resolve(store ?? defaultStoreFile(root)))
  }
  return openStore(STATE_STORE, fileOf, events).store
}

function performanceOf(
  mirror: Mirror,
  { health, presence }: Pick<OriginParts, 'health' | 'presence'>,
): MirrorPerformance {
  const { state, roundTrip } = health.of(mirror)
  const known = presence.of(mirror)
  return {
    id: mirror.id,
    roundTrip: state === 'up' ? roundTrip : undefined,
    speed: known.kind === 'checked' ? known.speed : undefined,
  }
}

function loopWarning({ id }: Mirror, base: string): MirroredByError {
  const message =
    `the mirror ${id} has the URL of this very server, ${base}, and is given to no client that comes by it: ` +
    `remove it from the mirrors`
  return new MirroredByError('ERR_LOOP', message)
}

function corruptWarning({ mirror, path, start, end, expected, got }: CorruptFile): MirroredByError {
  const bytes = `of ${JSON.stringify(path)}, from ${start} to ${end}`
  const what =
    got === undefined
      ? `does not send all bytes ${bytes}`
      : `sends other bytes than ours ${bytes}: the SHA-256 is ${got} and not ${expected}`
  const message = `the mirror ${mirror} ${what}; no client is sent there for the file until it is repaired`
  return new MirroredByError('ERR_CORRUPT', message)
}
