import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { Mirror, Random } from '../../model.js'
import type { HostResolver } from '../../network/addresses.js'
import type { PathFilter } from '../../paths.js'
import type { StoredSurvey } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { QueuedCheck } from './check-queue.js'
import type { CheckedMirror, CheckedMirrors } from './checked-mirror.js'
import type { FileState } from './files.js'
import { type IndexedName, IndexReader } from './index-reader.js'
import { Schedule } from './schedule.js'
import type { BlockPool } from './sets/block-pool.js'
import type { PresenceSettings } from './settings.js'
import { httpUrlOf, type SurveySource, sourcesOf } from './sources.js'
import type { SurveyResult } from './survey.js'
import { surveySource } from './survey-source.js'
import { surveyInThread } from './survey-thread.js'
import { checkAll, type SweepResult } from './sweep.js'

export interface SurveyorDependencies {
  readonly mirrors: CheckedMirrors
  readonly index: Pick<Store, 'sample'>
  /** SQLite file of the index, which worker threads open; undefined if it is in no file. */
  readonly indexFile: string | undefined
  readonly includes: PathFilter
  /** Globs from which `includes` is made. */
  readonly ignore: readonly string[]
  readonly resolver: HostResolver
  readonly dispatcher: () => Promise<Dispatcher>
  readonly blocks: BlockPool
  readonly clock: Clock
  readonly random: Random
  /** Returns false if the mirror is known to be down. */
  readonly isUp: (mirror: Mirror) => boolean
  readonly check: (check: QueuedCheck) => Promise<FileState | undefined>
  /** Called after each survey, complete or not. */
  readonly surveyed: (mirror: CheckedMirror) => void
  readonly warning: (error: MirroredByError) => void
}

/**
 * Number of indexed files from which a survey runs in a worker thread, which takes long to start.
 */
const MIN_FILES_FOR_THREAD = 2000

/** Surveys mirrors: compares what each lists with the index, and marks its files. */
export class Surveyor {
  readonly #settings: PresenceSettings
  readonly #dependencies: SurveyorDependencies
  readonly #schedule: Schedule
  readonly #controllers = new Map<CheckedMirror, AbortController>()
  readonly #running = new Set<Promise<void>>()
  /** Number of files in the index when it was complete. */
  #indexedFiles = 0

  constructor(settings: PresenceSettings, dependencies: SurveyorDependencies) {
    this.#settings = settings
    this.#dependencies = dependencies
    this.#schedule = new Schedule(settings.interval, dependencies.random)
  }

  set indexedFiles(count: number) {
    this.#indexedFiles = count
  }

  /** Schedules the surveys of a mirror, unless they are scheduled already. */
  add({ mirror: { id }, survey }: CheckedMirror): void {
    if (this.#schedule.has(id)) return
    const { clock } = this.#dependencies
    const ago = survey?.completed === undefined ? undefined : clock.wall() - survey.completed
    this.#schedule.add(id, clock.steady(), ago)
  }

  /** Aborts a running survey of the mirror, and schedules no more. */
  remove(mirror: CheckedMirror): void {
    this.#controllers.get(mirror)?.abort()
    this.#schedule.remove(mirror.mirror.id)
  }

  expedite(id: string): void {
    this.#schedule.expedite(id, this.#dependencies.clock.steady())
  }

  expediteAll(): void {
    for (const id of this.#dependencies.mirrors.keys()) this.expedite(id)
  }

  /** Starts the surveys that are due. */
  startDue(): void {
    const { mirrors, clock, isUp } = this.#dependencies
    const isReady = (id: string): boolean => {
      const checked = mirrors.get(id)
      return checked !== undefined && isUp(checked.mirror)
    }
    for (const id of this.#schedule.take(clock.steady(), isReady)) {
      const surveying = this.#survey(id).finally(() => this.#running.delete(surveying))
      this.#running.add(surveying)
    }
  }

  abortAll(): void {
    for (const controller of this.#controllers.values()) controller.abort()
  }

  /** Resolves when no survey is running. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #survey(id: string): Promise<void> {
    const { mirrors, clock, warning } = this.#dependencies
    const mirror = mirrors.get(id)
    if (mirror === undefined) return
    const controller = new AbortController()
    this.#controllers.set(mirror, controller)
    let isComplete = false
    try {
      isComplete = await this.#surveyMirror(mirror, controller.signal)
    } catch (error) {
      const message = `the mirror ${id} could not be surveyed: ${errorMessage(error)}`
      warning(new MirroredByError('ERR_SURVEY', message, error))
    }
    this.#controllers.delete(mirror)
    this.#schedule.ended(id, clock.steady(), isComplete)
  }

  /**
   * Surveys a mirror by its best source that lists anything.
   *
   * @returns whether the survey is complete
   */
  async #surveyMirror(checked: CheckedMirror, signal: AbortSignal): Promise<boolean> {
    const { mirror } = checked
    let last: { readonly source: SurveySource; readonly result: SurveyResult } | undefined
    for (const source of sourcesOf(mirror)) {
      if (signal.aborted) break
      const result = await this.#compare(checked, source, signal)
      last = { source, result }
      this.#warnOfProblems(checked, result.outcome)
      if (hasListed(result)) break
    }
    if (last === undefined || signal.aborted) return false
    const { outcome, offset, offsetChanged, unsure } = last.result
    const canCheck = httpUrlOf(mirror) !== undefined && this.#dependencies.isUp(mirror)
    if (!hasListed(last.result) && canCheck) return this.#sweep(checked, signal)
    const { complete, reason, files } = outcome
    this.#conclude(checked, { source: last.source.kind, complete, reason, files, offset })
    if (canCheck && complete && unsure > 0) await this.#sweepUnsure(checked, signal)
    return complete && !offsetChanged
  }

  /** Warns of the first problem of a listing, for example a name that cannot be a file, once. */
  #warnOfProblems(
    checked: CheckedMirror,
    { problems: [first], problemCount, reason }: SurveyResult['outcome'],
  ): void {
    if (first === checked.problem) return
    checked.problem = first
    // The reason of an incomplete listing is in the report of the survey.
    if (first === undefined || first === reason) return
    const message = `the mirror ${checked.mirror.id} lists entries that are left out, ${problemCount} in all: ${first}`
    this.#dependencies.warning(new MirroredByError('ERR_SURVEY', message))
  }

  /**
   * Compares the listing of one source with the index, in a worker thread if the index is large.
   */
  async #compare(
    { mirror, files, carries, survey }: CheckedMirror,
    source: SurveySource,
    signal: AbortSignal,
  ): Promise<SurveyResult> {
    const { includes, ignore, resolver, index, indexFile, random, blocks } = this.#dependencies
    const previousOffset = survey?.source === source.kind ? survey.offset : undefined
    const { privateAddresses: allowsPrivate } = this.#settings
    files.beginSurvey()
    try {
      if (indexFile !== undefined && this.#indexedFiles >= MIN_FILES_FOR_THREAD) {
        const { paths } = mirror
        const job = { index: indexFile, source, ignore, paths, previousOffset, allowsPrivate }
        return await surveyInThread(job, files, blocks, signal)
      }
      const dispatcher = await this.#dependencies.dispatcher()
      const what = { source, includes, carries, previousOffset, allowsPrivate }
      return await surveySource(what, files, { index, resolver, dispatcher, blocks, random, signal })
    } finally {
      files.endSurvey()
    }
  }

  /**
   * Checks every file of a mirror that has no readable listing.
   *
   * @returns whether all files were checked
   */
  async #sweep(checked: CheckedMirror, signal: AbortSignal): Promise<boolean> {
    const { found, reason } = await this.#checkAll(checked, () => true, signal)
    if (signal.aborted) return false
    const complete = reason === undefined
    this.#conclude(checked, { source: 'head', complete, reason, files: found })
    return complete
  }

  /** Checks the files for which a listing gave no certain result. */
  async #sweepUnsure(checked: CheckedMirror, signal: AbortSignal): Promise<void> {
    const { files } = checked
    await this.#checkAll(checked, ({ path, number }) => isUnsure(files.stateOf(number), path), signal)
  }

  #checkAll(
    { carries, mirror }: CheckedMirror,
    isWanted: (file: IndexedName) => boolean,
    signal: AbortSignal,
  ): Promise<SweepResult> {
    const { clock, index, check } = this.#dependencies
    return checkAll(
      new IndexReader(index).all(),
      (file) => carries(file.path) && isWanted(file),
      ({ path }) => check({ mirror: mirror.id, path }),
      { rate: this.#settings.rate, clock, signal },
    )
  }

  #conclude(checked: CheckedMirror, survey: Omit<StoredSurvey, 'mirror' | 'at' | 'completed'>): void {
    const at = this.#dependencies.clock.wall()
    const completed = survey.complete ? at : checked.survey?.completed
    checked.survey = { ...survey, mirror: checked.key, at, completed }
    this.#dependencies.surveyed(checked)
  }
}

function hasListed({ outcome: { complete, files } }: SurveyResult): boolean {
  return complete || files > 0
}

/**
 * Names that web servers often omit from folder indexes, as Apache does by default (`IndexIgnore`).
 */
const OFTEN_HIDDEN = /(^|\/)(README|HEADER|RCS$|CVS$)|[~#]$|,[vt]$/i

/** Whether a check of the file may show more than a listing by HTTP. */
function isUnsure(state: FileState, path: string): boolean {
  return state === 'unknown' || (state === 'absent' && OFTEN_HIDDEN.test(path))
}
