import { resolve } from 'node:path'
import { type FSWatcher, watch as watchFile } from 'chokidar'
import { type Clock, SYSTEM_CLOCK } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { Mirror, Watch } from '../../model.js'
import { validateYamlFile } from '../../validation.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Inventory } from '../ranking/inventory.js'
import type { MirrorStatus } from '../ranking/mirror-status.js'
import { createSnapshot, type SelectionSettings, type Snapshot } from '../ranking/snapshot.js'
import { Hosts, type HostsDependencies } from './hosts.js'
import { mirrorsFileSchema } from './schema.js'

/** An editor that writes in several steps is given so many milliseconds to finish. */
const EDIT_MS = 100

/** Share by which a weight has to change to be worth new orders. */
const MIN_WEIGHT_CHANGE = 0.1

export interface RegistryEvents {
  /** A new list is in force. */
  replaced(snapshot: Snapshot): void
  warning(error: MirroredByError): void
}

export interface RegistryOptions extends SelectionSettings {
  /** Milliseconds: of mirrors that have a trace, and do not say it themselves. */
  readonly maxAge?: number | undefined
}

/**
 * Holds the snapshot in force, and replaces it whole when the mirrors file has a good edit, or when something is learnt of
 * the hosts of mirrors.
 */
export class Registry {
  readonly #options: RegistryOptions
  readonly #events: RegistryEvents
  readonly #hosts: Hosts | undefined
  /** As they are configured. */
  #mirrors: readonly Mirror[]
  /** By which weights are multiplied. */
  #factors: ReadonlyMap<string, number> = new Map()
  #snapshot: Snapshot
  #statusOf: (candidate: Candidate) => MirrorStatus | undefined = () => undefined
  #inventoryOf: (mirror: Mirror) => Inventory | undefined = () => undefined
  /** Settles when the hosts of the first list have been looked up. Never rejects. */
  readonly complete: Promise<void>
  #watcher: FSWatcher | undefined
  readonly #clock: Clock
  #cancelReload: () => void = () => {}

  /**
   * @param source a checked list, or the path of a mirrors file
   * @param watch whether, and how, to follow the file
   * @param hosts how to look up what entries leave out; without it that is not known
   * @throws MirroredByError ERR_MIRRORS_FILE where the file is not as it should be
   */
  constructor(
    source: string | readonly Mirror[],
    watch: Watch,
    options: RegistryOptions,
    events: RegistryEvents,
    hosts?: HostsDependencies,
    clock = SYSTEM_CLOCK,
  ) {
    this.#clock = clock
    this.#options = options
    this.#events = events
    const file = typeof source === 'string' ? resolve(source) : undefined
    this.#mirrors = typeof source === 'string' ? load(resolve(source)) : source
    this.#hosts = hosts && new Hosts(hosts, () => this.#replace())
    this.#snapshot = this.#prepare()
    this.complete = this.#hosts?.setMirrors(this.#mirrors) ?? Promise.resolve()
    if (file !== undefined && watch !== false) this.#watch(file, watch === 'rescan')
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /**
   * Takes notice of how mirrors fare, now, and whenever the list changes. Nothing is prepared anew.
   *
   * @param statusOf what ails a mirror; undefined where nothing does
   */
  setStatuses(statusOf: (candidate: Candidate) => MirrorStatus | undefined): void {
    this.#statusOf = statusOf
    this.#snapshot = this.#withCurrent(this.#snapshot)
  }

  /**
   * Takes notice of what mirrors hold, likewise.
   *
   * @param inventoryOf what is known of the files of a mirror; undefined where it is taken to hold everything
   */
  setInventories(inventoryOf: (mirror: Mirror) => Inventory | undefined): void {
    this.#inventoryOf = inventoryOf
    this.#snapshot = this.#withCurrent(this.#snapshot)
  }

  /**
   * Takes notice of how mirrors perform: their weights are multiplied by that. Orders are prepared anew, so it is done only
   * where it makes a difference.
   */
  setWeightFactors(factors: ReadonlyMap<string, number>): void {
    const changes = this.#mirrors.some(({ id }) => {
      const [before, now] = [this.#factors.get(id) ?? 1, factors.get(id) ?? 1]
      return Math.abs(now - before) > MIN_WEIGHT_CHANGE * before
    })
    if (!changes) return
    this.#factors = factors
    this.#snapshot = this.#prepare()
  }

  async close(): Promise<void> {
    this.#cancelReload()
    this.#hosts?.close()
    await this.#watcher?.close()
  }

  #prepare(): Snapshot {
    const { maxAge } = this.#options
    const mirrors = this.#mirrors
      .map((mirror) => this.#hosts?.complete(mirror) ?? mirror)
      .map((mirror) => (isDefaulted(mirror, maxAge) ? { ...mirror, maxAge } : mirror))
      .map((mirror) => this.#weighed(mirror))
    return this.#withCurrent(createSnapshot(mirrors, this.#options, (error) => this.#events.warning(error)))
  }

  #withCurrent(snapshot: Snapshot): Snapshot {
    const candidates = [...snapshot.candidates.values()]
    return snapshot.with(
      candidates.map((candidate) => this.#statusOf(candidate)),
      candidates.map(({ mirror }) => this.#inventoryOf(mirror)),
    )
  }

  #weighed(mirror: Mirror): Mirror {
    const factor = this.#factors.get(mirror.id) ?? 1
    // To three digits, as people read it: nothing that was measured is known any better.
    return factor === 1 ? mirror : { ...mirror, weight: Number((mirror.weight * factor).toPrecision(3)) }
  }

  #replace(): void {
    this.#snapshot = this.#prepare()
    this.#events.replaced(this.#snapshot)
  }

  #watch(file: string, usePolling: boolean): void {
    const edited = (): void => {
      this.#cancelReload()
      this.#cancelReload = this.#clock.after(EDIT_MS, () => this.#reload(file))
    }
    this.#watcher = watchFile(file, { ignoreInitial: true, usePolling })
      .on('all', edited)
      // Read once more: an edit after the first reading and before the watch is told by nobody.
      .on('ready', edited)
      .on('error', (error) => {
        const message = `cannot watch ${file}: ${errorMessage(error)}; edits take effect at the next start`
        this.#events.warning(new MirroredByError('ERR_WATCH', message, error))
      })
  }

  #reload(file: string): void {
    try {
      this.#mirrors = load(file)
    } catch (error) {
      const message = `${errorMessage(error)}\nthe mirrors read before stay in force`
      this.#events.warning(new MirroredByError('ERR_MIRRORS_FILE', message, error))
      return
    }
    this.#replace()
    void this.#hosts?.setMirrors(this.#mirrors)
  }
}

/** Whether what is said of all mirrors counts for one. */
function isDefaulted({ trace, maxAge }: Mirror, common: number | undefined): boolean {
  return common !== undefined && trace !== undefined && maxAge === undefined
}

function load(file: string): readonly Mirror[] {
  return validateYamlFile(mirrorsFileSchema, file, 'ERR_MIRRORS_FILE').mirrors
}
