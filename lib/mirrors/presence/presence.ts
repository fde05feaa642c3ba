import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { MirroredByError, reason } from '../../errors.js'
import { urlPath } from '../../fields/url.js'
import type { Awaitable, Draw, IndexedFile, Mirror } from '../../model.js'
import type { AddressBook } from '../../network/addresses.js'
import { guardedAgent } from '../../network/private-address-guard.js'
import type { PathFilter } from '../../paths.js'
import type {
  KnownCorrupt,
  KnownPresence,
  KnownScan,
  StateChange,
  StateStore,
  WantedFile,
} from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { Registry } from '../list/registry.js'
import type { Candidate } from '../ranking/candidate.js'
import type { Holding } from '../ranking/inventory.js'
import { carriesOf } from '../ranking/paths.js'
import { Challenger, type ChallengerParts, type Challenging } from './challenger.js'
import { type Look, Looks } from './check-queue.js'
import { isSameTag, judgeCheck, timesOf } from './compare.js'
import { checkFile } from './file/head.js'
import { type FileState, MirrorFiles } from './files.js'
import { Catalog, type CataloguedFile } from './index-reader.js'
import { Newcomers } from './new-file-queue.js'
import { isLookedAt, type Kept, placeOf, storedKey, takeStored } from './persistence.js'
import { type CorruptFile, corruptFile, type MirrorPresence, presenceOf } from './report.js'
import { Schedule } from './schedule.js'
import { Blocks } from './sets/blocks.js'
import { httpUrlOf, type Source, sourcesOf } from './sources.js'
import type { Surveyed } from './survey.js'
import { surveySource } from './survey-source.js'
import { surveyInThread } from './survey-thread.js'
import { type Asked, askFor } from './sweep.js'

export interface LookingTimes {
  /** Milliseconds between two surveys of a mirror. */
  readonly interval: number
  /** Milliseconds that one look at a file may take. */
  readonly timeout: number
  /** Files a second that are asked for one by one, of a mirror that cannot be listed. */
  readonly rate: number
}

/** How mirrors are looked through. */
export interface Looking extends LookingTimes {
  /** Whether hosts may have private addresses that their URLs do not name. */
  readonly privateAddresses: boolean
  /** Undefined where no piece of a file is ever fetched. */
  readonly challenge: Challenging | undefined
}

export interface PresenceParts {
  readonly states: StateStore
  readonly index: Pick<Store, 'get' | 'sample' | 'pieces' | 'folders'>
  readonly registry: Pick<Registry, 'snapshot' | 'heedHoldings'>
  readonly includes: PathFilter
  /** Globs that `includes` goes by. */
  readonly ignore: readonly string[]
  /** The SQLite file of the index, for other threads; undefined where it is in none. */
  readonly indexFile: string | undefined
  readonly book: AddressBook
  readonly clock: Clock
  readonly draw: Draw
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
const LOOK_TIME = 500
/** Milliseconds for which what is learnt waits to be stored with more of its kind. */
const ROUTINE_TIME = 5000
/** Milliseconds for which nobody wonders about a file again. */
const WONDER_TIME = 2000
const MOST_WONDERED = 2000
/** Mirrors of which one request may make us doubt. */
const MOST_DOUBTED = 5
/** Files of an index for which surveys are worth a thread. */
const MANY_FILES = 2000
/** Looks that may wait before more new files are looked for. */
const MOST_LOOKS = 1000
/** What may wait to be stored for others before no more of it is taken. */
const MOST_CHANGES = 10_000

/** A mirror whose files are looked at. */
interface Known extends Kept {
  mirror: Mirror
  /** What was stored of it has not been read yet. */
  isNew: boolean
  carries: (path: string) => boolean
  survey: AbortController | undefined
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
  readonly #looking: Looking | undefined
  readonly #parts: PresenceParts
  readonly #events: PresenceEvents
  readonly #blocks = new Blocks()
  /** What requests go through; none before it is first needed. */
  #agent: Promise<Dispatcher> | undefined
  readonly #known = new Map<string, Known>()
  readonly #looks: Looks
  readonly #newcomers: Newcomers
  readonly #schedule: Schedule
  readonly #challenger: Challenger | undefined
  /** Contents, and paths, that somebody wondered about lately, and when by the steady clock. */
  readonly #wondered = new Map<number | string, number>()
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
  constructor(looking: Looking | undefined, parts: PresenceParts, events: PresenceEvents) {
    this.#looking = looking
    this.#parts = parts
    this.#events = events
    const { interval = 0, challenge } = looking ?? {}
    this.#looks = new Looks({ look: (look) => this.#look(look) })
    this.#newcomers = new Newcomers(interval)
    this.#schedule = new Schedule(interval, parts.draw)
    this.#challenger = challenge && new Challenger(challenge, this.#challenged())
    this.#storedAt = parts.clock.steady()
    if (looking === undefined) return
    this.#begin()
    this.followList()
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
    if (this.#closed || this.#looking === undefined || this.#leads) return
    this.#leads = true
    this.followList()
    this.#hurry()
  }

  /** Another one does. */
  follow(): void {
    this.#leads = false
    for (const { survey: running } of this.#known.values()) running?.abort()
  }

  /**
   * The index is complete: from now on mirrors are compared with it.
   *
   * @param files how many it holds
   */
  ready(files: number): void {
    this.#isReady = true
    this.#files = files
    if (this.#hasMissed) this.#hastenAll()
    this.#hurry()
  }

  /** The list of mirrors is another one. */
  followList(): void {
    if (this.#looking === undefined || this.#closed) return
    const { mirrors } = this.#parts.registry.snapshot
    const looked = new Map(mirrors.filter(isLookedAt).map((mirror) => [mirror.id, mirror]))
    for (const [id, known] of this.#known) if (!looked.has(id)) this.#drop(id, known)
    for (const mirror of looked.values()) this.#take(mirror)
    this.#heed()
  }

  /** These files were indexed anew, or are gone. */
  changed(paths: readonly string[]): void {
    if (!this.#leads) return
    if (!this.#isReady) {
      this.#hasMissed = true
      return
    }
    const now = this.#parts.clock.steady()
    if (paths.every((path) => this.#newcomers.add(path, now))) return
    // Too many to look for one by one.
    this.#hastenAll()
  }

  /** A client was not given mirrors that may be the best for it, for nobody has looked. Costs next to nothing. */
  unseen(file: IndexedFile, candidates: readonly Candidate[]): void {
    if (this.#isTooSoon(file.number)) return
    this.#newcomers.ask(file.path)
    for (const { mirror } of candidates) this.#want(mirror.id, file.path)
  }

  /**
   * A client says that mirrors are broken, by ids and hosts in lower case, as it asks for a file: their copies are looked at once
   * more, and that alone decides.
   */
  doubt(names: ReadonlySet<string>, path: string): void {
    if (this.#isTooSoon(path)) return
    const { snapshot } = this.#parts.registry
    const named = new Set([...names].flatMap((name) => snapshot.named(name)))
    const doubted = snapshot.mirrors.filter(({ id }) => named.has(id))
    for (const { id } of doubted.slice(0, MOST_DOUBTED)) {
      this.#want(id, path)
      if (this.#leads) this.#challenger?.suspect(id, path)
    }
  }

  /** A mirror is to be looked through as soon as can be. */
  hasten(id: string): void {
    this.#schedule.hasten(id, this.#parts.clock.steady())
  }

  /** What was stored is gone: it is stored once more. */
  restore(): void {
    for (const known of this.#known.values()) {
      known.files.markAllChanged()
      if (known.scan !== undefined) this.#putScan(known, known.scan)
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
    this.#looks.close()
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
    const { privateAddresses: allowsPrivate = false } = this.#looking ?? {}
    this.#agent ??= guardedAgent(this.#parts.book, { allowsPrivate })
    return this.#agent
  }

  /** What is known from before counts from the first request on, where the store answers at once. */
  #begin(): void {
    for (const mirror of this.#parts.registry.snapshot.mirrors.filter(isLookedAt)) this.#create(mirror)
    this.#working = this.#attempt(() => this.#read())
  }

  #hastenAll(): void {
    for (const id of this.#known.keys()) this.hasten(id)
  }

  /** The next turn comes at once, and not in half a second. */
  #hurry(): void {
    if (this.#looking === undefined || this.#isTurning) return
    this.#cancelLook()
    this.#plan(0)
  }

  #plan(milliseconds = LOOK_TIME): void {
    if (this.#closed) return
    this.#cancelLook = this.#parts.clock.after(milliseconds, () => {
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
      const message = `what mirrors hold cannot be stored or read at the moment: ${reason(error)}; it is kept in memory until then`
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
    const now = this.#parts.clock.steady()
    for (const id of this.#schedule.take(now, (each) => this.#isUp(each))) {
      const surveying = this.#survey(id).finally(() => this.#surveys.delete(surveying))
      this.#surveys.add(surveying)
    }
    const room = Math.floor((MOST_LOOKS - this.#looks.size) / Math.max(1, this.#known.size))
    for (const path of this.#newcomers.take(now, Math.max(0, room))) void this.#lookEverywhere(path)
    this.#challenger?.turn()
  }

  /** Whether somebody wondered about the same just before: clients cannot make us ask more often. */
  #isTooSoon(what: number | string): boolean {
    const now = this.#parts.clock.steady()
    const last = this.#wondered.get(what)
    if (last !== undefined && now - last < WONDER_TIME) return true
    if (this.#wondered.size >= MOST_WONDERED) this.#wondered.clear()
    this.#wondered.set(what, now)
    return false
  }

  #isUp(id: string): boolean {
    const known = this.#known.get(id)
    return known !== undefined && this.#parts.isUp(known.mirror)
  }

  /** Looks for a new file where it has not been seen yet. */
  async #lookEverywhere(path: string): Promise<void> {
    const file = await this.#file(path)
    if (file === undefined) return this.#newcomers.remove(path)
    let missing = 0
    for (const [id, { carries, mirror, files }] of this.#known) {
      if (!carries(path) || files.stateOf(file.number) === 'held') continue
      missing += 1
      if (httpUrlOf(mirror) !== undefined) this.#looks.add({ mirror: id, path }, false)
    }
    if (missing === 0) this.#newcomers.remove(path)
  }

  /** Somebody wants to know whether a mirror has a file: this process looks, or the one that does. */
  #want(id: string, path: string): void {
    const known = this.#known.get(id)
    if (known === undefined) return
    if (this.#leads) {
      this.#looks.add({ mirror: id, path }, true)
    } else if (this.#changes.size < MOST_CHANGES) {
      const at = this.#parts.clock.wall()
      this.#changes.set(`want ${id} ${path}`, { kind: 'want', mirror: known.key, path, at })
    }
  }

  #take(mirror: Mirror): void {
    const known = this.#known.get(mirror.id)
    if (known !== undefined && placeOf(known.mirror) !== placeOf(mirror)) {
      this.#drop(mirror.id, known)
    } else if (known !== undefined) {
      known.mirror = mirror
      known.carries = carriesOf(mirror.paths)
    }
    const { scan } = this.#known.get(mirror.id) ?? this.#create(mirror)
    if (this.#schedule.has(mirror.id)) return
    const { clock } = this.#parts
    const ago = scan?.completed === undefined ? undefined : clock.wall() - scan.completed
    this.#schedule.add(mirror.id, clock.steady(), ago)
  }

  #create(mirror: Mirror): Known {
    const known: Known = {
      mirror,
      key: storedKey(mirror),
      isNew: true,
      files: new MirrorFiles(this.#blocks),
      carries: carriesOf(mirror.paths),
      scan: undefined,
      survey: undefined,
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
    known.survey?.abort()
    this.#known.delete(id)
    this.#schedule.remove(id)
  }

  #heed(): void {
    this.#parts.registry.heedHoldings(({ id }): Holding | undefined => this.#known.get(id)?.files)
  }

  /** What others have stored since the last time. */
  #read(): Awaitable<void> {
    const { states } = this.#parts
    const version = states.version()
    if (version instanceof Promise) return version.then((number) => this.#readSince(number))
    return this.#readSince(version)
  }

  #readSince(storeVersion: number): Awaitable<void> {
    if (storeVersion === this.#storeVersion) return
    const read = this.#parts.states.presence(this.#version)
    const take = (presence: KnownPresence) => {
      this.#merge(presence)
      this.#storeVersion = storeVersion
    }
    return read instanceof Promise ? read.then(take) : take(read)
  }

  #merge({ version, whole, blocks, scans, corrupt, wanted }: KnownPresence): void {
    this.#version = version
    // Whoever looks knows better than what it has stored itself.
    const taken = [...this.#known.values()].filter(({ isNew }) => isNew || !this.#leads)
    for (const { files, isNew } of taken) if (whole && !isNew) files.clear()
    takeStored(taken, { blocks, scans, corrupt })
    for (const known of taken) known.isNew = false
    if (this.#leads) this.#heedOthers(wanted, new Set([...blocks, ...scans].map(({ mirror }) => mirror)))
  }

  /** What processes ask for that do not look; and what is stored of mirrors that are none any more. */
  #heedOthers(wanted: readonly WantedFile[], stored: ReadonlySet<string>): void {
    const ids = new Map([...this.#known].map(([id, { key }]) => [key, id]))
    for (const { mirror, path } of wanted) {
      this.#changes.set(`want ${mirror} ${path}`, { kind: 'unwant', mirror, path })
      this.#newcomers.ask(path)
      const id = ids.get(mirror)
      if (id !== undefined) this.#want(id, path)
    }
    for (const key of stored)
      if (!ids.has(key)) this.#changes.set(`forget ${key}`, { kind: 'forget', mirror: key })
  }

  #isDue(): boolean {
    if (this.#changes.size > 0) return true
    return this.#parts.clock.steady() - this.#storedAt >= ROUTINE_TIME
  }

  /** @param leads whether what is known here is what is to be known */
  async #store(leads: boolean): Promise<void> {
    this.#storedAt = this.#parts.clock.steady()
    if (leads) {
      for (const { key, files } of this.#known.values()) {
        for (const change of files.takeChanges(key))
          this.#changes.set(`block ${key} ${change.set} ${change.block}`, change)
      }
    }
    if (this.#changes.size === 0) return
    const changes = [...this.#changes]
    await this.#parts.states.apply(changes.map(([, change]) => change))
    for (const [key, change] of changes) if (this.#changes.get(key) === change) this.#changes.delete(key)
  }

  /** @returns what is known by now; undefined where it could not be looked at, or told nothing */
  async #look({ mirror: id, path }: Look): Promise<FileState | undefined> {
    const known = this.#known.get(id)
    const now = this.#parts.clock.steady()
    if (known === undefined || this.#closed || now < known.silentUntil || !this.#isUp(id)) return undefined
    const base = httpUrlOf(known.mirror)
    const file = await this.#file(path)
    if (base === undefined || file === undefined || !known.carries(path)) return undefined
    const { timeout = 0, privateAddresses = false } = this.#looking ?? {}
    const dispatcher = await this.#dispatcher()
    const check = await checkFile(base + urlPath(path), {
      dispatcher,
      timeout,
      redirects: known.mirror.redirects,
      allowsPrivate: privateAddresses,
    })
    if (check.state === 'unknown' && check.status === undefined) known.silentUntil = now + 10 * timeout
    const etag = this.#parts.etagOf(file)
    const indexed = { ...timesOf(file.identity), etag, digests: file.digests }
    const state = judgeCheck(indexed, check)
    if (state === 'unsure') return undefined
    known.files.mark(file.number, state)
    if (check.state === 'present') known.files.prefer(file.number, isSameTag(check.etag, etag))
    return state
  }

  async #file(path: string): Promise<IndexedFile | undefined> {
    try {
      return await this.#parts.index.get(path)
    } catch {
      // The index is warned of by those who need it more.
      return undefined
    }
  }

  async #survey(id: string): Promise<void> {
    const known = this.#known.get(id)
    if (known === undefined) return
    const controller = new AbortController()
    known.survey = controller
    let isGood = false
    try {
      isGood = await this.#surveyBy(known, controller.signal)
    } catch (error) {
      const message = `the mirror ${id} could not be looked through: ${reason(error)}`
      this.#events.warning(new MirroredByError('ERR_SURVEY', message, error))
    }
    known.survey = undefined
    this.#schedule.ended(id, this.#parts.clock.steady(), isGood)
  }

  /** @returns whether everything is known */
  async #surveyBy(known: Known, signal: AbortSignal): Promise<boolean> {
    const { mirror } = known
    let last: { readonly source: Source; readonly surveyed: Surveyed } | undefined
    for (const source of sourcesOf(mirror)) {
      if (signal.aborted) break
      const surveyed = await this.#list(known, source, signal)
      last = { source, surveyed }
      this.#tellProblems(known, surveyed.outcome)
      if (surveyed.outcome.complete || surveyed.outcome.files > 0) break
    }
    if (last === undefined || signal.aborted) return false
    const { outcome, offset, isOff } = last.surveyed
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
    return outcome.complete && !isOff
  }

  /** Names that cannot be files, for one: told once, until they are others. */
  #tellProblems(known: Known, { problems: [first], problemCount, reason: told }: Surveyed['outcome']): void {
    if (first === known.problem) return
    known.problem = first
    // Why a listing is not complete is in its report.
    if (first === undefined || first === told) return
    const message = `the mirror ${known.mirror.id} lists what is left out, ${problemCount} in all: ${first}`
    this.#events.warning(new MirroredByError('ERR_SURVEY', message))
  }

  /** Compares what a source lists with the index: in a thread of its own where that takes long. */
  async #list(
    { mirror, files, carries, scan }: Known,
    source: Source,
    signal: AbortSignal,
  ): Promise<Surveyed> {
    const { includes, ignore, book, index, indexFile, draw } = this.#parts
    const hint = scan?.source === source.kind ? scan.offset : undefined
    const allowsPrivate = this.#looking?.privateAddresses ?? false
    const blocks = this.#blocks
    files.beginSurvey()
    try {
      if (indexFile !== undefined && this.#files >= MANY_FILES) {
        const { paths } = mirror
        const order = { index: indexFile, source, ignore, paths, hint, allowsPrivate }
        return await surveyInThread(order, files, blocks, signal)
      }
      const dispatcher = await this.#dispatcher()
      const what = { source, includes, carries, hint, allowsPrivate }
      return await surveySource(what, files, { index, book, dispatcher, blocks, draw, signal })
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

  #ask(known: Known, isWanted: (file: CataloguedFile) => boolean, signal: AbortSignal): Promise<Asked> {
    const { clock, index } = this.#parts
    return askFor(
      new Catalog(index).all(),
      (file) => known.carries(file.path) && isWanted(file),
      ({ path }) => this.#look({ mirror: known.mirror.id, path }),
      { rate: this.#looking?.rate ?? 1, clock, signal },
    )
  }

  #scanned(known: Known, said: Omit<KnownScan, 'mirror' | 'at' | 'completed'>): void {
    const at = this.#parts.clock.wall()
    known.scan = { ...said, mirror: known.key, at, completed: said.complete ? at : known.scan?.completed }
    this.#putScan(known, known.scan)
    this.#events.surveyed(known.mirror.id)
  }

  #challenged(): ChallengerParts {
    const { clock, draw, index } = this.#parts
    return {
      clock,
      draw,
      index,
      dispatcher: () => this.#dispatcher(),
      allowsPrivate: this.#looking?.privateAddresses ?? false,
      mirrors: () =>
        [...this.#known.values()].flatMap(({ mirror, files, carries }) =>
          this.#parts.isUp(mirror) ? [{ mirror, files, carries }] : [],
        ),
      found: (corrupt) => this.#foundCorrupt(corrupt),
      mended: (mirror, number) => {
        const known = this.#known.get(mirror)
        if (!known?.files.removeCorrupt(number)) return
        this.#changes.set(`corrupt ${known.key} ${number}`, {
          kind: 'removeCorrupt',
          mirror: known.key,
          number,
        })
      },
      etagOf: this.#parts.etagOf,
    }
  }

  #foundCorrupt(corrupt: KnownCorrupt): void {
    const known = this.#known.get(corrupt.mirror)
    if (known === undefined) return
    const isNew = known.files.addCorrupt(corrupt)
    this.#putCorrupt(known, corrupt)
    if (isNew) this.#events.corrupt(corruptFile(corrupt))
  }

  #putScan({ key }: Known, scan: KnownScan): void {
    this.#changes.set(`scan ${key}`, { kind: 'scan', mirror: key, scan })
  }

  #putCorrupt({ key }: Known, corrupt: KnownCorrupt): void {
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
