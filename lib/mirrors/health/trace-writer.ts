import { randomUUID } from 'node:crypto'
import { mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Clock } from '../../clock.js'
import { errorMessage, isNotFound, MirroredByError } from '../../errors.js'
import { splitPath } from '../../paths.js'

/** Path of the trace file, and how often it is written. */
export interface TraceSettings {
  /** Repository path. */
  readonly path: string
  /** Milliseconds between two writes. */
  readonly interval: number
}

/** Maximum delay before a failed write is tried again. */
const RETRY_MS = 60_000

/**
 * Writes the time to a file of the repository at an interval, while this process is the leader. A
 * mirror's copy of that file then shows the age of the mirror's other files.
 */
export class TraceWriter {
  readonly #root: string
  readonly #settings: TraceSettings
  readonly #clock: Clock
  readonly #warning: (error: MirroredByError) => void
  #leads = false
  #closed = false
  /** Whether the last write failed and a warning was given. */
  #hasWarned = false
  #cancel: () => void = () => {}
  #working: Promise<void> = Promise.resolve()

  /** @param root the absolute path of the repository */
  constructor(
    root: string,
    settings: TraceSettings,
    clock: Clock,
    warning: (error: MirroredByError) => void,
  ) {
    this.#root = root
    this.#settings = settings
    this.#clock = clock
    this.#warning = warning
  }

  /** Starts writing, the first time at once: this process has become the leader. */
  lead(): void {
    if (this.#leads || this.#closed) return
    this.#leads = true
    this.#next()
  }

  /** Stops writing: another process is the leader. */
  follow(): void {
    this.#leads = false
    this.#cancel()
  }

  /** Stops writing, and waits for a write that is running. */
  async close(): Promise<void> {
    this.#closed = true
    this.follow()
    await this.#working
  }

  #next(): void {
    this.#working = this.#working.then(async () => {
      if (!this.#leads) return
      const { interval } = this.#settings
      const isWritten = await this.#attempt()
      if (!this.#leads) return
      // Cancel first: `follow` and `lead` may both have been called during the write.
      this.#cancel()
      this.#cancel = this.#clock.after(isWritten ? interval : Math.min(interval, RETRY_MS), () =>
        this.#next(),
      )
    })
  }

  async #attempt(): Promise<boolean> {
    try {
      await this.#write()
      this.#hasWarned = false
      return true
    } catch (error) {
      if (!this.#hasWarned) {
        const message = `cannot write the trace file ${this.#settings.path} below ${this.#root}: ${errorMessage(error)}`
        this.#warning(new MirroredByError('ERR_TRACE', message, error))
      }
      this.#hasWarned = true
      return false
    }
  }

  /** Writes by rename, so that no mirror fetches half a file. */
  async #write(): Promise<void> {
    const [folder, name] = splitPath(this.#settings.path)
    // The mount point of a missing disk must stay empty: an empty root is how the indexer detects
    // it.
    if ((await readdir(this.#root)).length === 0) throw new Error('the root is empty, or away')
    const realFolder = await this.#folder(folder === '' ? [] : folder.split('/'))
    const temporary = join(realFolder, `.${randomUUID()}`)
    try {
      await writeFile(temporary, `${Math.floor(this.#clock.wall() / 1000)}\n`, { flag: 'wx' })
      await rename(temporary, join(realFolder, name))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /**
   * Returns the real path of a folder, and creates it if missing. Resolves each step on its own,
   * because a symbolic link on the way must not lead out of the root.
   */
  async #folder(names: readonly string[]): Promise<string> {
    const root = await realpath(this.#root)
    let folder = root
    for (const name of names) {
      const next = join(folder, name)
      try {
        folder = await realpath(next)
      } catch (error) {
        if (!isNotFound(error)) throw error
        await mkdir(next, { recursive: true })
        folder = next
      }
      if (relative(root, folder).split(sep)[0] === '..') throw new Error(`${next} leads out of the root`)
    }
    return folder
  }
}
