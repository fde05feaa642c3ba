import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.js'
import { Cooldown } from '../../cooldown.js'
import { urlPath } from '../../fields/url.js'
import { quote } from '../../message-text.js'
import type { IndexedFile, Mirror } from '../../model.js'
import type { Store } from '../../store/store.js'
import { TokenBucket } from '../../token-bucket.js'
import { CheckQueue, type QueuedCheck } from './check-queue.js'
import type { CheckedMirror, CheckedMirrors } from './checked-mirror.js'
import { isSameTag, judgeCheck, timesOf } from './compare.js'
import { checkFile, type FileCheck } from './file/head.js'
import type { FileState } from './files.js'
import { NewFileQueue } from './new-file-queue.js'
import type { PresenceSettings } from './settings.js'
import { httpUrlOf } from './sources.js'

export interface ChecksDependencies {
  readonly mirrors: CheckedMirrors
  readonly index: Pick<Store, 'get'>
  readonly clock: Pick<Clock, 'steady' | 'after'>
  readonly dispatcher: () => Promise<Dispatcher>
  /** Returns false if the mirror is known to be down. */
  readonly isUp: (mirror: Mirror) => boolean
  /** Returns our ETag of a file. */
  readonly etagOf: (file: IndexedFile) => string | undefined
}

/** Limits how many checks clients can trigger. */
const REQUEST_COOLDOWN_MS = 2000
const MAX_RECENT_REQUESTS = 2000
/** Number of queued checks at which no more new files are taken from their queue. */
const MAX_QUEUED_CHECKS = 1000
/**
 * Checks of one mirror by which new files, reports and requests of clients are answered. Clients
 * could otherwise make us send a mirror many requests.
 */
const MAX_BURST_CHECKS = 60
const MAX_CHECKS_PER_SECOND = 6
/** Statuses that mean that there is no such file. */
const GONE_STATUSES: ReadonlySet<number> = new Set([404, 410])
/** Number of timeouts for which a mirror without response is left alone. */
const SILENCE_TIMEOUTS = 10

/**
 * Checks of single files on single mirrors: requested ones, and those of new files on every mirror.
 */
export class Checks {
  readonly #settings: PresenceSettings
  readonly #dependencies: ChecksDependencies
  readonly #queue: CheckQueue
  readonly #newFiles: NewFileQueue
  readonly #requestCooldown: Cooldown<number | string>
  readonly #budgets = new WeakMap<CheckedMirror, TokenBucket>()
  #closed = false

  constructor(settings: PresenceSettings, dependencies: ChecksDependencies) {
    this.#settings = settings
    this.#dependencies = dependencies
    const { clock } = dependencies
    this.#queue = new CheckQueue((queued) => this.check(queued), {
      delayOf: (mirror) => this.#delayOf(mirror),
      started: (mirror) => this.#budgetOf(mirror)?.take(1),
      after: (milliseconds, action) => clock.after(milliseconds, action),
    })
    this.#newFiles = new NewFileQueue(settings.interval)
    this.#requestCooldown = new Cooldown({
      milliseconds: REQUEST_COOLDOWN_MS,
      maxKeys: MAX_RECENT_REQUESTS,
      now: () => clock.steady(),
    })
  }

  /** Returns for how many milliseconds a mirror has asked to be left alone. */
  busyFor(mirror: string): number {
    const busyUntil = this.#dependencies.mirrors.get(mirror)?.busyUntil ?? 0
    return Math.max(0, busyUntil - this.#dependencies.clock.steady())
  }

  /**
   * Notes a client's request for checks.
   *
   * @param key number of a content, or path
   * @returns false if checks for this key were requested within the cooldown
   */
  startRequest(key: number | string): boolean {
    return this.#requestCooldown.start(key)
  }

  /** Queues a check before those of new files. */
  request(mirror: string, path: string): void {
    this.#queue.add({ mirror, path }, true)
  }

  /**
   * Notes that clients request a file: if it is new, its checks come before those of other new
   * files.
   */
  countRequest(path: string): void {
    this.#newFiles.countRequest(path)
  }

  /** @returns false if there are too many new files, so that surveys are less work than checks */
  addNewFiles(paths: readonly string[]): boolean {
    const now = this.#dependencies.clock.steady()
    return paths.every((path) => this.#newFiles.add(path, now))
  }

  /** Queues checks of new files that are due. */
  startDue(): void {
    const { clock, mirrors } = this.#dependencies
    const room = Math.floor((MAX_QUEUED_CHECKS - this.#queue.size) / Math.max(1, mirrors.size))
    for (const path of this.#newFiles.take(clock.steady(), Math.max(0, room)))
      void this.#checkEverywhere(path)
  }

  /**
   * @returns the state of the file; undefined if it could not be checked, or the response shows
   * nothing
   */
  async check({ mirror: id, path }: QueuedCheck): Promise<FileState | undefined> {
    const checked = this.#dependencies.mirrors.get(id)
    const now = this.#dependencies.clock.steady()
    if (checked === undefined || this.#closed) return undefined
    if (now < Math.max(checked.silentUntil, checked.busyUntil)) return undefined
    if (!this.#dependencies.isUp(checked.mirror)) return undefined
    const base = httpUrlOf(checked.mirror)
    const file = await this.#file(path)
    if (base === undefined || file === undefined || !checked.carries(path)) return undefined
    const { timeout: timeoutMs, privateAddresses: allowsPrivate } = this.#settings
    const dispatcher = await this.#dependencies.dispatcher()
    const { redirects } = checked.mirror
    const check = await checkFile(base + urlPath(path), { dispatcher, timeoutMs, redirects, allowsPrivate })
    if (check.state === 'unknown' && check.status === undefined)
      checked.silentUntil = now + SILENCE_TIMEOUTS * timeoutMs
    if (check.state === 'unknown' && check.retryAfterMs !== undefined)
      checked.busyUntil = this.#dependencies.clock.steady() + check.retryAfterMs
    const etag = this.#dependencies.etagOf(file)
    const state = judgeCheck({ ...timesOf(file.identity), etag, digests: file.digests }, check)
    if (state === 'unsure') return undefined
    checked.files.mark(file.number, state, reasonOf(check))
    if (check.state === 'present') checked.files.prefer(file.number, isSameTag(check.etag, etag))
    return state
  }

  /** Drops queued checks. Running ones go on. */
  close(): void {
    this.#closed = true
    this.#queue.close()
  }

  #delayOf(mirror: string): number {
    return Math.max(this.busyFor(mirror), this.#budgetOf(mirror)?.waitFor(1) ?? 0)
  }

  #budgetOf(mirror: string): TokenBucket | undefined {
    const { mirrors, clock } = this.#dependencies
    const checked = mirrors.get(mirror)
    if (checked === undefined) return undefined
    const known = this.#budgets.get(checked)
    if (known !== undefined) return known
    const rate = Math.min(MAX_CHECKS_PER_SECOND, this.#settings.rate)
    const budget = new TokenBucket({ initial: MAX_BURST_CHECKS, rate, now: () => clock.steady() })
    this.#budgets.set(checked, budget)
    return budget
  }

  /** Queues checks of a new file on every mirror that is not known to hold it. */
  async #checkEverywhere(path: string): Promise<void> {
    const file = await this.#file(path)
    if (file === undefined) return this.#newFiles.remove(path)
    let missing = 0
    for (const [id, { carries, mirror, files }] of this.#dependencies.mirrors) {
      if (!carries(path) || files.stateOf(file.number) === 'held') continue
      missing += 1
      if (httpUrlOf(mirror) !== undefined) this.#queue.add({ mirror: id, path }, false)
    }
    if (missing === 0) this.#newFiles.remove(path)
  }

  async #file(path: string): Promise<IndexedFile | undefined> {
    try {
      return await this.#dependencies.index.get(path)
    } catch {
      // Requests report an index that fails.
      return undefined
    }
  }
}

/** Returns why a mirror does not give a file that it may have. */
function reasonOf(check: FileCheck): string | undefined {
  if (check.state === 'absent' && !GONE_STATUSES.has(check.status))
    return `it does not give the file (${check.status})`
  if (check.state === 'present' && check.coding !== undefined)
    return `it sends the file with the content coding ${quote(check.coding)}, which clients undo`
  return undefined
}
