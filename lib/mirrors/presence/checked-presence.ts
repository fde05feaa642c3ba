import type { Dispatcher } from 'undici'
import type { IndexedFile, Mirror } from '../../model.js'
import { guardedAgent } from '../../network/private-address-guard.js'
import type { StoredCorruptFile } from '../../store/states.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Inventory } from '../ranking/inventory.js'
import { carriesOf } from '../ranking/paths.js'
import { Challenger, type ChallengeSettings } from './challenger.js'
import { type CheckedMirror, createCheckedMirror } from './checked-mirror.js'
import { Checks } from './checks.js'
import { isChecked, sourceKey } from './persistence.js'
import {
  ASSUMED_PRESENCE,
  type Presence,
  type PresenceDependencies,
  type PresenceEvents,
} from './presence.js'
import { PresenceReplication } from './replication.js'
import { corruptFile, type MirrorPresence, presenceOf } from './report.js'
import { BlockPool } from './sets/block-pool.js'
import type { PresenceSettings } from './settings.js'
import { Surveyor } from './surveyor.js'

/** Mirrors that one request can report as broken. */
const MAX_REPORTED_MIRRORS = 5

/** @param settings undefined: every mirror is assumed to hold every file */
export function createPresence(
  settings: PresenceSettings | undefined,
  dependencies: PresenceDependencies,
  events: PresenceEvents,
): Presence {
  return settings === undefined ? ASSUMED_PRESENCE : new CheckedPresence(settings, dependencies, events)
}

/** Presence by evidence: of surveys, of checks of single files, and of challenges. */
class CheckedPresence implements Presence {
  readonly #settings: PresenceSettings
  readonly #dependencies: PresenceDependencies
  readonly #events: PresenceEvents
  readonly #blocks = new BlockPool()
  readonly #mirrors = new Map<string, CheckedMirror>()
  readonly #replication: PresenceReplication
  readonly #surveyor: Surveyor
  readonly #checks: Checks
  readonly #challenger: Challenger | undefined
  /** HTTP client of all requests to mirrors; undefined before it is needed. */
  #agent: Promise<Dispatcher> | undefined
  #leads = false
  /** Whether the index is complete. Before, a file that it lacks may still be indexed. */
  #isReady = false
  /** Whether files changed before the index was complete, and were not checked. */
  #hasMissedChanges = false
  #closed = false

  constructor(settings: PresenceSettings, dependencies: PresenceDependencies, events: PresenceEvents) {
    this.#settings = settings
    this.#dependencies = dependencies
    this.#events = events
    const { states, registry, clock } = dependencies
    const shared = { ...dependencies, mirrors: this.#mirrors, dispatcher: () => this.#dispatcher() }
    this.#checks = new Checks(settings, shared)
    this.#surveyor = new Surveyor(settings, {
      ...shared,
      blocks: this.#blocks,
      check: (check) => this.#checks.check(check),
      busyFor: (mirror) => this.#checks.busyFor(mirror),
      surveyed: (mirror) => {
        this.#replication.queueSurvey(mirror)
        events.surveyed(mirror.mirror.id)
      },
      warning: (error) => events.warning(error),
    })
    this.#challenger = settings.challenge && this.#createChallenger(settings.challenge)
    this.#replication = new PresenceReplication({
      mirrors: this.#mirrors,
      store: states,
      clock,
      isLeader: () => this.#leads,
      poll: () => this.#startDue(),
      requested: (mirror, path) => {
        this.#checks.countRequest(path)
        if (mirror !== undefined) this.#checks.request(mirror, path)
      },
      warning: (error) => events.warning(error),
    })
    for (const mirror of registry.snapshot.mirrors.filter(isChecked)) this.#add(mirror)
    this.#replication.start()
    this.listChanged()
  }

  of({ id }: Mirror): MirrorPresence {
    const checked = this.#mirrors.get(id)
    if (checked === undefined) return { kind: 'assumed' }
    return presenceOf(checked, this.#challenger?.speedOf(id))
  }

  lead(): void {
    if (this.#closed || this.#leads) return
    this.#leads = true
    this.listChanged()
    this.#replication.pollSoon()
  }

  follow(): void {
    if (this.#closed) return
    this.#leads = false
    this.#surveyor.abortAll()
  }

  ready(): void {
    this.#isReady = true
    if (this.#hasMissedChanges) this.#surveyor.expediteAll()
    this.#replication.pollSoon()
  }

  listChanged(): void {
    if (this.#closed) return
    const { mirrors } = this.#dependencies.registry.snapshot
    const listed = new Map(mirrors.filter(isChecked).map((mirror) => [mirror.id, mirror]))
    for (const checked of this.#mirrors.values()) if (!listed.has(checked.mirror.id)) this.#remove(checked)
    for (const mirror of listed.values()) this.#surveyor.add(this.#update(mirror))
    this.#dependencies.registry.setInventories(
      ({ id }): Inventory | undefined => this.#mirrors.get(id)?.files,
    )
  }

  changed(paths: readonly string[]): void {
    if (!this.#leads) return
    if (!this.#isReady) this.#hasMissedChanges = true
    else if (!this.#checks.addNewFiles(paths)) this.#surveyor.expediteAll()
  }

  requestCheck(file: IndexedFile, candidates: readonly Candidate[]): void {
    if (!this.#checks.startRequest(file.number)) return
    this.#checks.countRequest(file.path)
    for (const { mirror } of candidates) this.#requestCheckOf(mirror.id, file.path)
  }

  reportBroken(names: ReadonlySet<string>, path: string): void {
    if (!this.#checks.startRequest(path)) return
    const { snapshot } = this.#dependencies.registry
    const ids = new Set([...names].flatMap((name) => snapshot.idsByName(name)))
    const reported = snapshot.mirrors.filter(({ id }) => ids.has(id))
    for (const { id } of reported.slice(0, MAX_REPORTED_MIRRORS)) {
      this.#requestCheckOf(id, path)
      if (this.#leads) this.#challenger?.suspect(id, path)
    }
  }

  expedite(id: string): void {
    this.#surveyor.expedite(id)
  }

  restore(): void {
    this.#replication.restore()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#replication.stop()
    this.#surveyor.abortAll()
    this.#checks.close()
    // Close before the agent: an aborted download must not count as a broken copy.
    const challenged = this.#challenger?.close()
    await this.#agent?.then((agent) => agent.destroy()).catch(() => {})
    await Promise.all([this.#surveyor.settled(), challenged])
    await this.#replication.close()
  }

  #dispatcher(): Promise<Dispatcher> {
    const { privateAddresses: allowsPrivate } = this.#settings
    const { resolver, requestFields: fields } = this.#dependencies
    this.#agent ??= guardedAgent(resolver, { allowsPrivate, fields })
    return this.#agent
  }

  #startDue(): void {
    if (!this.#leads || !this.#isReady) return
    this.#surveyor.startDue()
    this.#checks.startDue()
    this.#challenger?.turn()
  }

  /** Requests a check: from this process if it is the leader, otherwise through the store. */
  #requestCheckOf(id: string, path: string): void {
    const checked = this.#mirrors.get(id)
    if (checked === undefined) return
    if (this.#leads) this.#checks.request(id, path)
    else this.#replication.requestCheck(checked, path)
  }

  /** Returns the entry of a mirror, which is a new one if the mirror is new or has other URLs. */
  #update(mirror: Mirror): CheckedMirror {
    const checked = this.#mirrors.get(mirror.id)
    if (checked === undefined) return this.#add(mirror)
    if (sourceKey(checked.mirror) !== sourceKey(mirror)) {
      this.#remove(checked)
      return this.#add(mirror)
    }
    checked.mirror = mirror
    checked.carries = carriesOf(mirror.paths)
    return checked
  }

  #add(mirror: Mirror): CheckedMirror {
    const checked = createCheckedMirror(mirror, this.#blocks)
    this.#mirrors.set(mirror.id, checked)
    return checked
  }

  #remove(checked: CheckedMirror): void {
    this.#surveyor.remove(checked)
    this.#mirrors.delete(checked.mirror.id)
  }

  #createChallenger(settings: ChallengeSettings): Challenger {
    return new Challenger(settings, {
      ...this.#dependencies,
      dispatcher: () => this.#dispatcher(),
      allowsPrivate: this.#settings.privateAddresses,
      mirrors: () => [...this.#mirrors.values()].filter(({ mirror }) => this.#dependencies.isUp(mirror)),
      found: (corrupt) => this.#foundCorrupt(corrupt),
      recovered: (mirror, number) => {
        const checked = this.#mirrors.get(mirror)
        if (checked?.files.removeCorrupt(number)) this.#replication.queueRecovered(checked, number)
      },
    })
  }

  #foundCorrupt(corrupt: StoredCorruptFile): void {
    const checked = this.#mirrors.get(corrupt.mirror)
    if (checked === undefined) return
    const isNew = checked.files.addCorrupt(corrupt)
    this.#replication.queueCorrupt(checked, corrupt)
    if (isNew) this.#events.corrupt(corruptFile(corrupt))
  }
}
