import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import { urlPath } from '../../fields/url.js'
import type { Awaitable, IndexedFile, Mirror, Random } from '../../model.js'
import type { HostResolver } from '../../network/addresses.js'
import { guardedAgent } from '../../network/private-address-guard.js'
import type { PathFilter } from '../../paths.js'
import type {
  MirrorStateStore,
  RequestedCheck,
  StateChange,
  StoredCorruptFile,
  StoredPresence,
  StoredSurvey,
} from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Inventory } from '../ranking/inventory.js'
import { carriesOf } from '../ranking/paths.js'
import { Challenger, type ChallengerDependencies, type ChallengeSettings } from './challenger.js'
import { CheckQueue, type QueuedCheck } from './check-queue.js'
import { isSameTag, judgeCheck, timesOf } from './compare.js'
import { checkFile } from './file/head.js'
import { type FileState, MirrorFiles } from './files.js'
import { type IndexedName, IndexReader } from './index-reader.js'
import { NewFileQueue } from './new-file-queue.js'
import { isChecked, type PersistedMirror, restore, sourceKey, storageKey } from './persistence.js'
import { type CorruptFile, corruptFile, type MirrorPresence, presenceOf } from './report.js'
import { Schedule } from './schedule.js'
import { BlockPool } from './sets/block-pool.js'
import { httpUrlOf, type SurveySource, sourcesOf } from './sources.js'
import type { SurveyResult } from './survey.js'
import { surveySource } from './survey-source.js'
import { surveyInThread } from './survey-thread.js'
import { checkAll, type SweepResult } from './sweep.js'

export interface PresenceTimes {
  /** Milliseconds between two surveys of a mirror. */
  readonly interval: number
  /** Milliseconds that one look at a file may take. */
  readonly timeout: number
  /** Files a second that are asked for one by one, of a mirror that cannot be listed. */
  readonly rate: number
}

/** How mirrors are looked through. */
export interface PresenceSettings extends PresenceTimes {
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly privateAddresses: boolean
  /** Undefined where no piece of a file is ever fetched. */
  readonly challenge: ChallengeSettings | undefined
}

export interface PresenceDependencies {
  readonly states: MirrorStateStore
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces' | 'folders'>
  readonly registry: Pick<Registry, 'snapshot' | 'setInventories'>
  readonly includes: PathFilter
  /** Globs that `includes` goes by. */
  readonly ignore: readonly string[]
  /** The SQLite file of the index, for other threads; undefined where it is in none. */
  readonly indexFile: string | undefined
  readonly resolver: HostResolver
  readonly clock: Clock
  readonly random: Random
  /** Whether there is any use in asking a mirror. */
  readonly isUp: (mirror: Mirror) => boolean
  /** The ETag that a file has here. */
  readonly etagOf: (file: IndexedFile) => string | undefined
}

export interface PresenceEvents {
  /** Other bytes than ours were found on a mirror. */
  corrupt(corrupt: CorruptFile): void
  /** A mirror was looked through, as far as that went. */
  surveyed(mirror: string): void
  warning(error: MirroredByError): void
}

/** Milliseconds between two looks at what others have stored, and at what is due. */
const POLL_MS = 500
/** Milliseconds for which what is learnt waits to be stored with more of its kind. */
const FLUSH_MS = 5000
/** Milliseconds for which nobody wonders about a file again. */
const REQUEST_COOLDOWN_MS = 2000
const MAX_RECENT_REQUESTS = 2000
/** Mirrors of which one request may make us doubt. */
const MAX_REPORTED_MIRRORS = 5
/** Files of an index for which surveys are worth a thread. */
const MIN_FILES_FOR_THREAD = 2000
/** Looks that may wait before more new files are looked for. */
const MAX_QUEUED_CHECKS = 1000
/** What may wait to be stored for others before no more of it is taken. */
const MAX_CHANGES = 10_000

/** A mirror whose files are looked at. */
interface Known extends PersistedMirror {
  mirror: Mirror
  /** What was stored of it has not been read yet. */
  isNew: boolean
  carries: (path: string) => boolean
  surveyController: AbortController | undefined
  /** What was odd in its last listing, the first of it. */
  problem: string | undefined
  /** Until then, by the steady clock, it is not asked for single files, for it did not answer. */
  silentUntil: number
}

/**
 * Knows which mirror holds which file, and lets ranking know. One of the processes that share the states looks; all read what
 * it has found. Requests wait for nothing here.
 */
export class Presence {
  readonly #settings: PresenceSettings | undefined
  readonly #dependencies: PresenceDependencies
  readonly #events: PresenceEvents
  readonly #blocks = new BlockPool()
  /** What requests go through; none before it is first needed. */
  #agent: Promise<Dispatcher> | undefined
  readonly #known = new Map<string, Known>()
  readonly #checks: CheckQueue
  readonly #newFiles: NewFileQueue
  readonly #schedule: Schedule
  readonly #challenger: Challenger | undefined
  /** Contents, and paths, that somebody wondered about lately, and when by the steady clock. */
  readonly #recentRequests = new Map<number | string, number>()
  /** What waits to be stored, each by what it is about. */
  readonly #changes = new Map<string, StateChange>()
  #storedAt: number
  /** Of what was read last. */
  #version = 0
  /** The store's when that was read; undefined before the first time. */
  #storeVersion: number | undefined
  #leads = false
  /** Whether the index is complete: what is not in it cannot be known again. */
  #isReady = false
  /** In the index, when that was. */
  #files = 0
  /** Whether files were indexed before that, of which nobody knows where they are. */
  #hasMissed = false
  #cancelLook: () => void = () => {}
  #isTurning = false
  #working: Promise<void> = Promise.resolve()
  readonly #surveys = new Set<Promise<void>>()
  #closed = false

  /** @param looking undefined where every mirror is taken to hold everything */
  constructor(looking: PresenceSettings | undefined, parts: PresenceDependencies, events: PresenceEvents) {
    this.#settings = looking
    this.#dependencies = parts
    this.#events = events
    const { interval = 0, challenge } = looking ?? {}
    this.#checks = new CheckQueue({ look: (look) => this.#check(look) })
    this.#newFiles = new NewFileQueue(interval)
    this.#schedule = new Schedule(interval, parts.random)
    this.#challenger = challenge && new Challenger(challenge, this.#challenged())
    this.#storedAt = parts.clock.steady()
    if (looking === undefined) return
    this.#begin()
    this.listChanged()
    this.#plan()
  }

  /** What is known of a mirror's files. */
  of({ id }: Mirror): MirrorPresence {
    const known = this.#known.get(id)
    if (known === undefined) return { kind: 'assumed' }
    return presenceOf(known, this.#challenger?.speedOf(id))
  }

  /** This process looks from now on. */
  lead(): void {
    if (this.#closed || this.#settings === undefined || this.#leads) return
    this.#leads = true
    this.listChanged()
    this.#runSoon()
  }

  /** Another one does. */
  follow(): void {
    this.#leads = false
    for (const { surveyController: running } of this.#known.values()) running?.abort()
  }

  /**
   * The index is complete: from now on mirrors are compared with it.
   *
   * @param files how many it holds
   */
  ready(files: number): void {
    this.#isReady = true
    this.#files = files
    if (this.#hasMissed) this.#expediteAll()
    this.#runSoon()
  }

  /** The list of mirrors is another one. */
  listChanged(): void {
    if (this.#settings === undefined || this.#closed) return
    const { mirrors } = this.#dependencies.registry.snapshot
    const looked = new Map(mirrors.filter(isChecked).map((mirror) => [mirror.id, mirror]))
    for (const [id, known] of this.#known) if (!looked.has(id)) this.#drop(id, known)
    for (const mirror of looked.values()) this.#take(mirror)
    this.#publishInventories()
  }

  /** These files were indexed anew, or are gone. */
  changed(paths: readonly string[]): void {
    if (!this.#leads) return
    if (!this.#isReady) {
      this.#hasMissed = true
      return
    }
    const now = this.#dependencies.clock.steady()
    if (paths.every((path) => this.#newFiles.add(path, now))) return
    // Too many to look for one by one.
    this.#expediteAll()
  }

  /** A client was not given mirrors that may be the best for it, for nobody has looked. Costs next to nothing. */
  requestCheck(file: IndexedFile, candidates: readonly Candidate[]): void {
    if (this.#isRepeat(file.number)) return
    this.#newFiles.ask(file.path)
    for (const { mirror } of candidates) this.#want(mirror.id, file.path)
  }

  /**
   * A client says that mirrors are broken, by ids and hosts in lower case, as it asks for a file: their copies are looked at once
   * more, and that alone decides.
   */
  reportBroken(names: ReadonlySet<string>, path: string): void {
    if (this.#isRepeat(path)) return
    const { snapshot } = this.#dependencies.registry
    const named = new Set([...names].flatMap((name) => snapshot.idsByName(name)))
    const doubted = snapshot.mirrors.filter(({ id }) => named.has(id))
    for (const { id } of doubted.slice(0, MAX_REPORTED_MIRRORS)) {
      this.#want(id, path)
      if (this.#leads) this.#challenger?.suspect(id, path)
    }
  }

  /** A mirror is to be looked through as soon as can be. */
  expedite(id: string): void {
    this.#schedule.expedite(id, this.#dependencies.clock.steady())
  }

  /** What was stored is gone: it is stored once more. */
  restore(): void {
    for (const known of this.#known.values()) {
      known.files.markAllChanged()
      if (known.survey !== undefined) this.#putSurvey(known, known.survey)
      for (const corrupt of known.files.corrupt) this.#putCorrupt(known, corrupt)
    }
  }

  /** Ends every survey and look at once, and keeps what is known. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelLook()
    const led = this.#leads
    this.follow()
    this.#checks.close()
    // First: what we break off is no fault of a mirror.
    const challenged = this.#challenger?.close()
    await this.#agent?.then((agent) => agent.destroy()).catch(() => {})
    await Promise.all([this.#working, ...this.#surveys, challenged])
    try {
      await this.#store(led)
    } catch {
      // It was warned of before; or it is soon learnt again.
    }
  }

  #dispatcher(): Promise<Dispatcher> {
    const { privateAddresses: allowsPrivate = false } = this.#settings ?? {}
    this.#agent ??= guardedAgent(this.#dependencies.resolver, { allowsPrivate })
    return this.#agent
  }

  /** What is known from before counts from the first request on, where the store answers at once. */
  #begin(): void {
    for (const mirror of this.#dependencies.registry.snapshot.mirrors.filter(isChecked)) this.#create(mirror)
    this.#working = this.#attempt(() => this.#read())
  }

  #expediteAll(): void {
    for (const id of this.#known.keys()) this.expedite(id)
  }

  /** The next turn comes at once, and not in half a second. */
  #runSoon(): void {
    if (this.#settings === undefined || this.#isTurning) return
    this.#cancelLook()
    this.#plan(0)
  }

  #plan(milliseconds = POLL_MS): void {
    if (this.#closed) return
    this.#cancelLook = this.#dependencies.clock.after(milliseconds, () => {
      this.#isTurning = true
      this.#working = this.#working
        .then(() => this.#attempt(() => this.#turn()))
        .then(() => {
          this.#isTurning = false
          this.#plan()
        })
    })
  }

  async #attempt(work: () => Awaitable<void>): Promise<void> {
    try {
      const done = work()
      if (done instanceof Promise) await done
    } catch (error) {
      const message = `what mirrors hold cannot be stored or read at the moment: ${errorMessage(error)}; it is kept in memory until then`
      this.#events.warning(new MirroredByError('ERR_STORE', message, error))
    }
  }

  async #turn(): Promise<void> {
    if (this.#leads && this.#isReady) this.#work()
    await this.#read()
    if (this.#isDue()) await this.#store(this.#leads)
  }

  /** What is due. */
  #work(): void {
    const now = this.#dependencies.clock.steady()
    for (const id of this.#schedule.take(now, (each) => this.#isUp(each))) {
      const surveying = this.#survey(id).finally(() => this.#surveys.delete(surveying))
      this.#surveys.add(surveying)
    }
    const room = Math.floor((MAX_QUEUED_CHECKS - this.#checks.size) / Math.max(1, this.#known.size))
    for (const path of this.#newFiles.take(now, Math.max(0, room))) void this.#lookEverywhere(path)
    this.#challenger?.turn()
  }

  /** Whether somebody wondered about the same just before: clients cannot make us ask more often. */
  #isRepeat(what: number | string): boolean {
    const now = this.#dependencies.clock.steady()
    const last = this.#recentRequests.get(what)
    if (last !== undefined && now - last < REQUEST_COOLDOWN_MS) return true
    if (this.#recentRequests.size >= MAX_RECENT_REQUESTS) this.#recentRequests.clear()
    this.#recentRequests.set(what, now)
    return false
  }

  #isUp(id: string): boolean {
    const known = this.#known.get(id)
    return known !== undefined && this.#dependencies.isUp(known.mirror)
  }

  /** Looks for a new file where it has not been seen yet. */
  async #lookEverywhere(path: string): Promise<void> {
    const file = await this.#file(path)
    if (file === undefined) return this.#newFiles.remove(path)
    let missing = 0
    for (const [id, { carries, mirror, files }] of this.#known) {
      if (!carries(path) || files.stateOf(file.number) === 'held') continue
      missing += 1
      if (httpUrlOf(mirror) !== undefined) this.#checks.add({ mirror: id, path }, false)
    }
    if (missing === 0) this.#newFiles.remove(path)
  }

  /** Somebody wants to know whether a mirror has a file: this process looks, or the one that does. */
  #want(id: string, path: string): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    if (this.#leads) {
      this.#checks.add({ mirror: id, path }, true)
    } else if (this.#changes.size < MAX_CHANGES) {
      const at = this.#dependencies.clock.wall()
      this.#changes.set(`want ${id} ${path}`, { kind: 'requestCheck', mirror: known.key, path, at })
    }
  }

  #take(mirror: Mirror): void {
    const known = this.#known.get(mirror.id)
    if (known !== undefined && sourceKey(known.mirror) !== sourceKey(mirror)) {
      this.#drop(mirror.id, known)
    } else if (known !== undefined) {
      known.mirror = mirror
      known.carries = carriesOf(mirror.paths)
    }
    const { survey } = this.#known.get(mirror.id) ?? this.#create(mirror)
    if (this.#schedule.has(mirror.id)) return
    const { clock } = this.#dependencies
    const ago = survey?.completed === undefined ? undefined : clock.wall() - survey.completed
    this.#schedule.add(mirror.id, clock.steady(), ago)
  }

  #create(mirror: Mirror): Known {
    const known: Known = {
      mirror,
      key: storageKey(mirror),
      isNew: true,
      files: new MirrorFiles(this.#blocks),
      carries: carriesOf(mirror.paths),
      survey: undefined,
      surveyController: undefined,
      problem: undefined,
      silentUntil: 0,
    }
    this.#known.set(mirror.id, known)
    // What was stored of it may have been read before it was there.
    this.#version = 0
    this.#storeVersion = undefined
    return known
  }

  #drop(id: string, known: Known): void {
    known.surveyController?.abort()
    this.#known.delete(id)
    this.#schedule.remove(id)
  }

  #publishInventories(): void {
    this.#dependencies.registry.setInventories(({ id }): Inventory | undefined => this.#known.get(id)?.files)
  }

  /** What others have stored since the last time. */
  #read(): Awaitable<void> {
    const { states } = this.#dependencies
    const version = states.version()
    if (version instanceof Promise) return version.then((number) => this.#readSince(number))
    return this.#readSince(version)
  }

  #readSince(storeVersion: number): Awaitable<void> {
    if (storeVersion === this.#storeVersion) return
    const read = this.#dependencies.states.presence(this.#version)
    const take = (presence: StoredPresence) => {
      this.#merge(presence)
      this.#storeVersion = storeVersion
    }
    return read instanceof Promise ? read.then(take) : take(read)
  }

  #merge({ version, whole, blocks, surveys, corrupt, requestedChecks }: StoredPresence): void {
    this.#version = version
    // Whoever looks knows better than what it has stored itself.
    const taken = [...this.#known.values()].filter(({ isNew }) => isNew || !this.#leads)
    for (const { files, isNew } of taken) if (whole && !isNew) files.clear()
    restore(taken, { blocks, surveys: surveys, corrupt })
    for (const known of taken) known.isNew = false
    if (this.#leads)
      this.#heedOthers(requestedChecks, new Set([...blocks, ...surveys].map(({ mirror }) => mirror)))
  }

  /** What processes ask for that do not look; and what is stored of mirrors that are none any more. */
  #heedOthers(wanted: readonly RequestedCheck[], stored: ReadonlySet<string>): void {
    const ids = new Map([...this.#known].map(([id, { key }]) => [key, id]))
    for (const { mirror, path } of wanted) {
      this.#changes.set(`want ${mirror} ${path}`, { kind: 'removeRequest', mirror, path })
      this.#newFiles.ask(path)
      const id = ids.get(mirror)
      if (id !== undefined) this.#want(id, path)
    }
    for (const key of stored)
      if (!ids.has(key)) this.#changes.set(`forget ${key}`, { kind: 'forget', mirror: key })
  }

  #isDue(): boolean {
    if (this.#changes.size > 0) return true
    return this.#dependencies.clock.steady() - this.#storedAt >= FLUSH_MS
  }

  /** @param leads whether what is known here is what is to be known */
  async #store(leads: boolean): Promise<void> {
    this.#storedAt = this.#dependencies.clock.steady()
    if (leads) {
      for (const { key, files } of this.#known.values()) {
        for (const change of files.takeChanges(key))
          this.#changes.set(`block ${key} ${change.set} ${change.block}`, change)
      }
    }
    if (this.#changes.size === 0) return
    const changes = [...this.#changes]
    await this.#dependencies.states.apply(changes.map(([, change]) => change))
    for (const [key, change] of changes) if (this.#changes.get(key) === change) this.#changes.delete(key)
  }

  /** @returns what is known by now; undefined where it could not be looked at, or told nothing */
  async #check({ mirror: id, path }: QueuedCheck): Promise<FileState | undefined> {
    const known = this.#known.get(id)
    const now = this.#dependencies.clock.steady()
    if (known === undefined || this.#closed || now < known.silentUntil || !this.#isUp(id)) return undefined
    const base = httpUrlOf(known.mirror)
    const file = await this.#file(path)
    if (base === undefined || file === undefined || !known.carries(path)) return undefined
    const { timeout: timeoutMs = 0, privateAddresses = false } = this.#settings ?? {}
    const dispatcher = await this.#dispatcher()
    const check = await checkFile(base + urlPath(path), {
      dispatcher,
      timeoutMs,
      redirects: known.mirror.redirects,
      allowsPrivate: privateAddresses,
    })
    if (check.state === 'unknown' && check.status === undefined) known.silentUntil = now + 10 * timeoutMs
    const etag = this.#dependencies.etagOf(file)
    const indexed = { ...timesOf(file.identity), etag, digests: file.digests }
    const state = judgeCheck(indexed, check)
    if (state === 'unsure') return undefined
    known.files.mark(file.number, state)
    if (check.state === 'present') known.files.prefer(file.number, isSameTag(check.etag, etag))
    return state
  }

  async #file(path: string): Promise<IndexedFile | undefined> {
    try {
      return await this.#dependencies.index.get(path)
    } catch {
      // The index is warned of by those who need it more.
      return undefined
    }
  }

  async #survey(id: string): Promise<void> {
    const known = this.#known.get(id)
    if (known === undefined) return
    const controller = new AbortController()
    known.surveyController = controller
    let isGood = false
    try {
      isGood = await this.#surveyBy(known, controller.signal)
    } catch (error) {
      const message = `the mirror ${id} could not be looked through: ${errorMessage(error)}`
      this.#events.warning(new MirroredByError('ERR_SURVEY', message, error))
    }
    known.surveyController = undefined
    this.#schedule.ended(id, this.#dependencies.clock.steady(), isGood)
  }

  /** @returns whether everything is known */
  async #surveyBy(known: Known, signal: AbortSignal): Promise<boolean> {
    const { mirror } = known
    let last: { readonly source: SurveySource; readonly surveyed: SurveyResult } | undefined
    for (const source of sourcesOf(mirror)) {
      if (signal.aborted) break
      const surveyed = await this.#list(known, source, signal)
      last = { source, surveyed }
      this.#tellProblems(known, surveyed.outcome)
      if (surveyed.outcome.complete || surveyed.outcome.files > 0) break
    }
    if (last === undefined || signal.aborted) return false
    const { outcome, offset, offsetChanged } = last.surveyed
    const isListed = outcome.complete || outcome.files > 0
    const canAsk = httpUrlOf(mirror) !== undefined && this.#isUp(mirror.id)
    // It has no listing, or none that can be read: each file is asked for.
    if (!isListed && canAsk) return this.#sweep(known, signal)
    this.#scanned(known, {
      source: last.source.kind,
      complete: outcome.complete,
      reason: outcome.reason,
      files: outcome.files,
      offset,
    })
    if (canAsk && outcome.complete && last.surveyed.unsure > 0) await this.#sweepUnknown(known, signal)
    return outcome.complete && !offsetChanged
  }

  /** Names that cannot be files, for one: told once, until they are others. */
  #tellProblems(
    known: Known,
    { problems: [first], problemCount, reason: told }: SurveyResult['outcome'],
  ): void {
    if (first === known.problem) return
    known.problem = first
    // Why a listing is not complete is in its report.
    if (first === undefined || first === told) return
    const message = `the mirror ${known.mirror.id} lists what is left out, ${problemCount} in all: ${first}`
    this.#events.warning(new MirroredByError('ERR_SURVEY', message))
  }

  /** Compares what a source lists with the index: in a thread of its own where that takes long. */
  async #list(
    { mirror, files, carries, survey }: Known,
    source: SurveySource,
    signal: AbortSignal,
  ): Promise<SurveyResult> {
    const { includes, ignore, resolver, index, indexFile, random } = this.#dependencies
    const previousOffset = survey?.source === source.kind ? survey.offset : undefined
    const allowsPrivate = this.#settings?.privateAddresses ?? false
    const blocks = this.#blocks
    files.beginSurvey()
    try {
      if (indexFile !== undefined && this.#files >= MIN_FILES_FOR_THREAD) {
        const { paths } = mirror
        const order = { index: indexFile, source, ignore, paths, previousOffset, allowsPrivate }
        return await surveyInThread(order, files, blocks, signal)
      }
      const dispatcher = await this.#dispatcher()
      const what = { source, includes, carries, previousOffset, allowsPrivate }
      return await surveySource(what, files, { index, resolver, dispatcher, blocks, random, signal })
    } finally {
      files.endSurvey()
    }
  }

  /** Asks for every file that the mirror may have. */
  async #sweep(known: Known, signal: AbortSignal): Promise<boolean> {
    const { found, reason: why } = await this.#ask(known, () => true, signal)
    if (signal.aborted) return false
    this.#scanned(known, { source: 'head', complete: why === undefined, reason: why, files: found })
    return why === undefined
  }

  /** Asks for what a listing did not tell of. */
  async #sweepUnknown(known: Known, signal: AbortSignal): Promise<void> {
    const { files } = known
    await this.#ask(known, ({ path, number }) => isOpen(files.stateOf(number), path), signal)
  }

  #ask(known: Known, isWanted: (file: IndexedName) => boolean, signal: AbortSignal): Promise<SweepResult> {
    const { clock, index } = this.#dependencies
    return checkAll(
      new IndexReader(index).all(),
      (file) => known.carries(file.path) && isWanted(file),
      ({ path }) => this.#check({ mirror: known.mirror.id, path }),
      { rate: this.#settings?.rate ?? 1, clock, signal },
    )
  }

  #scanned(known: Known, said: Omit<StoredSurvey, 'mirror' | 'at' | 'completed'>): void {
    const at = this.#dependencies.clock.wall()
    known.survey = { ...said, mirror: known.key, at, completed: said.complete ? at : known.survey?.completed }
    this.#putSurvey(known, known.survey)
    this.#events.surveyed(known.mirror.id)
  }

  #challenged(): ChallengerDependencies {
    const { clock, random, index } = this.#dependencies
    return {
      clock,
      random,
      index,
      dispatcher: () => this.#dispatcher(),
      allowsPrivate: this.#settings?.privateAddresses ?? false,
      mirrors: () =>
        [...this.#known.values()].flatMap(({ mirror, files, carries }) =>
          this.#dependencies.isUp(mirror) ? [{ mirror, files, carries }] : [],
        ),
      found: (corrupt) => this.#foundCorrupt(corrupt),
      recovered: (mirror, number) => {
        const known = this.#known.get(mirror)
        if (!known?.files.removeCorrupt(number)) return
        this.#changes.set(`corrupt ${known.key} ${number}`, {
          kind: 'removeCorrupt',
          mirror: known.key,
          number,
        })
      },
      etagOf: this.#dependencies.etagOf,
    }
  }

  #foundCorrupt(corrupt: StoredCorruptFile): void {
    const known = this.#known.get(corrupt.mirror)
    if (known === undefined) return
    const isNew = known.files.addCorrupt(corrupt)
    this.#putCorrupt(known, corrupt)
    if (isNew) this.#events.corrupt(corruptFile(corrupt))
  }

  #putSurvey({ key }: Known, survey: StoredSurvey): void {
    this.#changes.set(`survey ${key}`, { kind: 'survey', mirror: key, survey })
  }

  #putCorrupt({ key }: Known, corrupt: StoredCorruptFile): void {
    this.#changes.set(`corrupt ${key} ${corrupt.number}`, {
      kind: 'corrupt',
      corrupt: { ...corrupt, mirror: key },
    })
  }
}

/** Names that Apache leaves out of its indexes by default, and others likewise. */
const OFTEN_HIDDEN = /(^|\/)(README|HEADER|RCS$|CVS$)|[~#]$|,[vt]$/i

/** Whether a single look may tell more than a listing by HTTP. */
function isOpen(state: FileState, path: string): boolean {
  return state === 'unknown' || (state === 'absent' && OFTEN_HIDDEN.test(path))
}
