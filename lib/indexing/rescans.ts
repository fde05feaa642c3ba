import { errorMessage, MirroredByError } from '../errors.js'
import { isWithin } from '../paths.js'

export interface RescansDependencies {
  /** Scans a folder and everything below it. */
  scan(folder: string): Promise<void>
  /** Tries failed watches again, and returns the folders that were not watched until then. */
  retryUnwatched(): Promise<readonly string[]>
  /** Compares the watched folders with the disk, because watches may miss changes. */
  verify(): Promise<void>
  warning(error: MirroredByError): void
}

/**
 * Scans folders again: on request, and those without a watch at an interval. Runs one scan at a
 * time; a folder that is requested again before its scan starts is scanned once.
 */
export class Rescans {
  readonly #dependencies: RescansDependencies
  readonly #waiting = new Set<string>()
  readonly #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #checking: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false

  /**
   * @param interval milliseconds between two scans of what is not watched; undefined for none
   */
  constructor(dependencies: RescansDependencies, interval: number | undefined) {
    this.#dependencies = dependencies
    if (interval !== undefined) this.#timer = setInterval(() => this.#startCheck(), interval)
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Requests a scan of a folder. */
  add(folder: string): void {
    if (this.#closed) return
    this.#waiting.add(folder)
    if (!this.#isRunning) this.#running = this.#run()
  }

  /** Drops waiting scans, and settles when the current one has ended. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    this.#waiting.clear()
    await Promise.all([this.#running, this.#checking])
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      for (const folder of this.#waiting) {
        this.#waiting.delete(folder)
        await this.#dependencies.scan(folder)
      }
    } catch (error) {
      this.#dependencies.warning(scanError(error))
    } finally {
      this.#isRunning = false
    }
  }

  #startCheck(): void {
    this.#checking ??= this.#check()
  }

  async #check(): Promise<void> {
    try {
      await this.#addUnwatched()
      if (!this.#isRunning) await this.#dependencies.verify()
    } catch (error) {
      if (!this.#closed) this.#dependencies.warning(scanError(error))
    } finally {
      this.#checking = undefined
    }
  }

  /** Requests scans of the topmost folders without a watch; each scan includes everything below. */
  async #addUnwatched(): Promise<void> {
    const unwatched = await this.#dependencies.retryUnwatched()
    for (const folder of unwatched) {
      if (!unwatched.some((other) => other !== folder && isWithin(folder, { folder: other })))
        this.add(folder)
    }
  }
}

function scanError(error: unknown): MirroredByError {
  return error instanceof MirroredByError
    ? error
    : new MirroredByError('ERR_SCAN', errorMessage(error), error)
}
