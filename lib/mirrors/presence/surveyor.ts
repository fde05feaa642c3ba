import type { Clock } from '../../clock.js'
import { errorMessage, MirroredByError } from '../../errors.js'
import type { Mirror, Random } from '../../model.js'
import type { StoredSurvey } from '../../store/states.js'
import type { Store } from '../../store/store.js'
import type { QueuedCheck } from './check-queue.js'
import type { CheckedMirror, CheckedMirrors } from './checked-mirror.js'
import type { FileSample } from './file-sample.js'
import type { FileState } from './files.js'
import { type IndexedName, IndexReader } from './index-reader.js'
import { Schedule } from './schedule.js'
import type { BlockPool } from './sets/block-pool.js'
import type { PresenceSettings } from './settings.js'
import { httpUrlOf, type SurveySource, sourcesOf } from './sources.js'
import type { SurveyResult } from './survey.js'
import { SurveyThreads, type ThreadResult } from './survey-threads.js'
import { checkAll, type SweepResult } from './sweep.js'

export interface SurveyorDependencies {
  readonly mirrors: CheckedMirrors
  readonly index: Pick<Store, 'sample' | 'folders'>
  /** SQLite file of the index, which worker threads open; undefined if it is in no file. */
  readonly indexFile: string | undefined
  /** Globs of ignored files. */
  readonly ignore: readonly string[]
  readonly blocks: BlockPool
  readonly clock: Clock
  readonly random: Random
  /** Returns false if the mirror is known to be down. */
  readonly isUp: (mirror: Mirror) => boolean
  readonly check: (check: QueuedCheck) => Promise<FileState | undefined>
  /** Returns for how many milliseconds a mirror has asked to be left alone. */
  readonly busyFor: (mirror: string) => number
  /** Called after each survey, complete or not. */
  readonly surveyed: (mirror: CheckedMirror) => void
  readonly warning: (error: MirroredByError) => void
}

/** Newest files in a row that a mirror gives, after which the others count as given too. */
const MIN_GIVEN = 4

/** Surveys mirrors: compares what each lists with the index, and marks its files. */
export class Surveyor {
  readonly #settings: PresenceSettings
  readonly #dependencies: SurveyorDependencies
  readonly #schedule: Schedule
  readonly #controllers = new Map<CheckedMirror, AbortController>()
  readonly #running = new Set<Promise<void>>()
  readonly #threads: SurveyThreads

  constructor(settings: PresenceSettings, dependencies: SurveyorDependencies) {
    this.#settings = settings
    this.#dependencies = dependencies
    this.#schedule = new Schedule(settings.interval, dependencies.random)
    this.#threads = new SurveyThreads(dependencies)
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
      if (!controller.signal.aborted) warning(new MirroredByError('ERR_SURVEY', message, error))
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
    let last: { readonly source: SurveySource; readonly result: ThreadResult } | undefined
    for (const source of sourcesOf(mirror)) {
      if (signal.aborted) break
      const result = await this.#compare(checked, source, signal)
      last = { source, result }
      this.#warnOfProblems(checked, result.outcome)
      if (hasListed(result)) break
    }
    if (last === undefined || signal.aborted) return false
    const { outcome, offset, offsetChanged } = last.result
    const canCheck = httpUrlOf(mirror) !== undefined && this.#dependencies.isUp(mirror)
    if (!hasListed(last.result) && canCheck) return this.#sweep(checked, signal)
    const { complete, ended, reason, files } = outcome
    this.#conclude(checked, { source: last.source.kind, complete, reason, files, offset })
    if (!canCheck || !ended) return complete && !offsetChanged
    const isChecked = await this.#sweepUnsure(checked, last.result, signal)
    await this.#checkSample(checked, last.result.sample, signal)
    // What a listing does not show, checks have shown.
    return (complete || isChecked) && !offsetChanged
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

  /** Compares the listing of one source with the index, in a worker thread. */
  async #compare(
    { mirror, files, survey }: CheckedMirror,
    source: SurveySource,
    signal: AbortSignal,
  ): Promise<ThreadResult> {
    const { ignore, indexFile } = this.#dependencies
    const previousOffset = survey?.source === source.kind ? survey.offset : undefined
    const { privateAddresses: allowsPrivate } = this.#settings
    files.beginSurvey()
    try {
      const { paths } = mirror
      const job = { index: indexFile, source, ignore, paths, previousOffset, allowsPrivate }
      return await this.#threads.survey(job, files, signal)
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

  /**
   * Checks the files for which a listing gave no certain result, or another one than a check.
   *
   * @returns whether each of them was checked
   */
  async #sweepUnsure(
    checked: CheckedMirror,
    { unsure, unsureContents }: ThreadResult,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { files } = checked
    if (unsure === 0 && files.contradictions === 0) return true
    const isWanted = ({ path, number }: IndexedName): boolean =>
      unsureContents.has(number) || files.isContradicted(number) || isUnsure(files.stateOf(number), path)
    const { reason } = await this.#checkAll(checked, isWanted, signal)
    return reason === undefined
  }

  /**
   * Checks whether a mirror gives what it lists: a few files and all large ones. Goes on with the
   * newest while some are not given, and with all if others are not given, or if ETags are ours.
   */
  async #checkSample(
    checked: CheckedMirror,
    { any, newest, large }: FileSample,
    signal: AbortSignal,
  ): Promise<void> {
    const { id } = checked.mirror
    const check = (path: string) => this.#dependencies.check({ mirror: id, path })
    let missing = 0
    await this.#checkPaths(checked, [...any, ...large], signal, async (path) => {
      const state = await check(path)
      if (isDenied(state) && any.includes(path)) missing += 1
      return state
    })
    let given = 0
    await this.#checkPaths(checked, newest, signal, async (path) => {
      if (given >= MIN_GIVEN) return 'held'
      const state = await check(path)
      if (state !== undefined) given = isDenied(state) ? 0 : given + 1
      return state
    })
    const { files } = checked
    const isHeld = ({ number }: IndexedName): boolean => files.stateOf(number) === 'held'
    if (missing > 0) await this.#checkAll(checked, isHeld, signal)
    // Where one ETag is ours, others may be, which only checks show.
    else if (files.preferred > 0)
      await this.#checkAll(checked, (file) => isHeld(file) && !files.isConfirmed(file.number), signal)
  }

  async #checkPaths(
    { mirror: { id } }: CheckedMirror,
    paths: readonly string[],
    signal: AbortSignal,
    check: (path: string) => Promise<FileState | undefined>,
  ): Promise<void> {
    const { clock, busyFor } = this.#dependencies
    const page = paths.map((path) => ({ path }))
    async function* pages() {
      yield page
    }
    const pace = { rate: this.#settings.rate, clock, signal, busyFor: () => busyFor(id) }
    await checkAll(
      pages(),
      () => true,
      ({ path }) => check(path),
      pace,
    )
  }

  /** Checks files one by one, from where the last sweep of the mirror ended too early. */
  async #checkAll(
    checked: CheckedMirror,
    isWanted: (file: IndexedName) => boolean,
    signal: AbortSignal,
  ): Promise<SweepResult> {
    const { clock, index, check, busyFor } = this.#dependencies
    const { carries, mirror } = checked
    const result = await checkAll(
      new IndexReader(index).allFrom(checked.sweptTo),
      (file) => carries(file.path) && isWanted(file),
      ({ path }) => check({ mirror: mirror.id, path }),
      { rate: this.#settings.rate, clock, signal, busyFor: () => busyFor(mirror.id) },
    )
    checked.sweptTo = result.last ?? ''
    return result
  }

  #conclude(checked: CheckedMirror, survey: Omit<StoredSurvey, 'mirror' | 'at' | 'completed'>): void {
    const at = this.#dependencies.clock.wall()
    const completed = survey.complete ? at : checked.survey?.completed
    checked.survey = { ...survey, mirror: checked.key, at, completed }
    this.#dependencies.surveyed(checked)
  }
}

/** Whether a check shows that a mirror does not give a file that it lists. */
function isDenied(state: FileState | undefined): boolean {
  return state === 'absent' || state === 'stale'
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
