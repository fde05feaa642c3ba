import { resolve } from 'node:path'
import { type Clock, SYSTEM_CLOCK } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import { fileState } from '../../identity.js'
import type { Mirror, Watch } from '../../model.js'
import { validateYamlFile } from '../../validation.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Inventory } from '../ranking/inventory.js'
import type { MirrorStatus } from '../ranking/mirror-status.js'
import { createSnapshot, type SelectionSettings, type Snapshot } from '../ranking/snapshot.js'
import { Hosts, type HostsDependencies } from './hosts.js'
import { mirrorsFileSchema } from './schema.js'

/**
 * Interval at which the file is checked for edits. An edited file is read when two checks find it
 * unchanged, because an editor may write in several steps.
 */
const POLL_MS = 250

/** Relative change of a weight that is worth new orders. */
const MIN_WEIGHT_CHANGE = 0.1

export interface RegistryEvents {
  /** Called after a new list has taken effect. */
  replaced(snapshot: Snapshot): void
  warning(error: MirroredByError): void
}

export interface RegistryOptions extends SelectionSettings {
  /** Default `maxAge` of mirrors with a trace, in milliseconds. */
  readonly maxAge?: number | undefined
}

/**
 * Holds the current snapshot. Replaces the snapshot after a valid edit of the mirrors file, and
 * when lookups of mirrors' hosts change.
 */
export class Registry {
  readonly #options: RegistryOptions
  readonly #events: RegistryEvents
  readonly #hosts: Hosts | undefined
  readonly #file: string | undefined
  /** The mirrors as configured. */
  #mirrors: readonly Mirror[]
  /** Factors of weights, by mirror id. */
  #factors: ReadonlyMap<string, number> = new Map()
  #snapshot: Snapshot
  #statusOf: (candidate: Candidate) => MirrorStatus | undefined = () => undefined
  #inventoryOf: (mirror: Mirror) => Inventory | undefined = () => undefined
  /** Settles after the hosts of the first list were looked up. Never rejects. */
  readonly complete: Promise<void>
  readonly #clock: Clock
  #cancelPoll: () => void = () => {}
  #closed = false

  /**
   * @param source a checked list, or the path of a mirrors file
   * @param watch whether to follow edits of the file
   * @param hosts looks up values that entries leave out; without it, they stay unknown
   * @throws MirroredByError ERR_MIRRORS_FILE if the file is invalid
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
    this.#file = file
    this.#mirrors = typeof source === 'string' ? load(resolve(source)) : source
    this.#hosts = hosts && new Hosts(hosts, () => this.#replace())
    this.#snapshot = this.#prepare()
    this.complete = this.#hosts?.setMirrors(this.#mirrors) ?? Promise.resolve()
    if (file !== undefined && watch !== false) this.#follow(file)
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /**
   * Sets the function that returns a mirror's status. It is applied to the current snapshot and to
   * every later one; cached orders stay valid.
   *
   * @param statusOf returns undefined for a healthy mirror
   */
  setStatuses(statusOf: (candidate: Candidate) => MirrorStatus | undefined): void {
    this.#statusOf = statusOf
    this.#snapshot = this.#withCurrent(this.#snapshot)
  }

  /**
   * Sets the function that returns a mirror's inventory. It is applied to the current snapshot and
   * to every later one; cached orders stay valid.
   *
   * @param inventoryOf returns undefined for a mirror that is assumed to hold everything
   */
  setInventories(inventoryOf: (mirror: Mirror) => Inventory | undefined): void {
    this.#inventoryOf = inventoryOf
    this.#snapshot = this.#withCurrent(this.#snapshot)
  }

  /**
   * Multiplies the weights of mirrors. Ignores changes below MIN_WEIGHT_CHANGE, because new weights
   * discard all cached orders.
   */
  setWeightFactors(factors: ReadonlyMap<string, number>): void {
    const hasChanged = this.#mirrors.some(({ id }) => {
      const [before, now] = [this.#factors.get(id) ?? 1, factors.get(id) ?? 1]
      return Math.abs(now - before) > MIN_WEIGHT_CHANGE * before
    })
    if (!hasChanged) return
    this.#factors = factors
    this.#snapshot = this.#prepare()
  }

  /** Reads the mirrors file again, also without a watch. Reports a file that cannot be used. */
  reload(): void {
    if (this.#file !== undefined && !this.#closed) this.#reload(this.#file)
  }

  close(): void {
    this.#closed = true
    this.#cancelPoll()
    this.#hosts?.close()
  }

  #prepare(): Snapshot {
    const { maxAge } = this.#options
    const mirrors = this.#mirrors
      .map((mirror) => this.#hosts?.complete(mirror) ?? mirror)
      .map((mirror) => (usesDefaultMaxAge(mirror, maxAge) ? { ...mirror, maxAge } : mirror))
      .map((mirror) => this.#withFactor(mirror))
    return this.#withCurrent(createSnapshot(mirrors, this.#options, (error) => this.#events.warning(error)))
  }

  #withCurrent(snapshot: Snapshot): Snapshot {
    const candidates = [...snapshot.candidates.values()]
    return snapshot.with(
      candidates.map((candidate) => this.#statusOf(candidate)),
      candidates.map(({ mirror }) => this.#inventoryOf(mirror)),
    )
  }

  #withFactor(mirror: Mirror): Mirror {
    const factor = this.#factors.get(mirror.id) ?? 1
    // Round to three digits: measurements are not more precise, and `rank` prints weights.
    return factor === 1 ? mirror : { ...mirror, weight: Number((mirror.weight * factor).toPrecision(3)) }
  }

  #replace(): void {
    this.#snapshot = this.#prepare()
    this.#events.replaced(this.#snapshot)
  }

  /**
   * Polls the file. A watch would not report that a symbolic link on the way to the file was
   * pointed elsewhere, or that a file system was mounted.
   *
   * @param polledState state of the file at the last poll
   * @param readState state of the file when it was last read. Undefined at the start, so that the
   * file is read again: it may have changed during the first read
   */
  #follow(file: string, polledState?: string, readState?: string): void {
    this.#cancelPoll = this.#clock.after(POLL_MS, () => {
      void fileState(file).then((state) => {
        if (this.#closed) return
        const isEdited = state === polledState && state !== readState
        if (isEdited) this.#reload(file)
        this.#follow(file, state, isEdited ? state : readState)
      })
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

/** Whether a mirror gets the default `maxAge`: it has a trace and no `maxAge` of its own. */
function usesDefaultMaxAge({ trace, maxAge }: Mirror, defaultMaxAge: number | undefined): boolean {
  return defaultMaxAge !== undefined && trace !== undefined && maxAge === undefined
}

function load(file: string): readonly Mirror[] {
  return validateYamlFile(mirrorsFileSchema, file, 'ERR_MIRRORS_FILE').mirrors
}
