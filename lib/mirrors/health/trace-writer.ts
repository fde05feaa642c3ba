import { randomUUID } from 'node:crypto'
import { mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Clock } from '../../clock.js'
import { errorMessage, isNotFound, MirroredByError } from '../../errors.js'
import { splitPath } from '../../paths.js'

/** What trace file is written, and how often. */
export interface TraceSettings {
  /** Repository path. */
  readonly path: string
  /** Milliseconds. */
  readonly interval: number
}

/** Milliseconds after which what failed is tried again, at most. */
const RETRY_MS = 60_000

/**
 * Writes the time to a file of the repository, again and again, while this process is the one that indexes: a mirror's copy of
 * it then tells how old the mirror's other files may be.
 */
export class TraceWriter {
  readonly #root: string
  readonly #writing: TraceSettings
  readonly #clock: Clock
  readonly #warning: (error: MirroredByError) => void
  #leads = false
  #closed = false
  /** Whether it failed, and that was told. */
  #isTold = false
  #cancel: () => void = () => {}
  #working: Promise<void> = Promise.resolve()

  /** @param root the real path of the repository */
  constructor(root: string, writing: TraceSettings, clock: Clock, warning: (error: MirroredByError) => void) {
    this.#root = root
    this.#writing = writing
    this.#clock = clock
    this.#warning = warning
  }

  /** This process writes from now on, and at once. */
  lead(): void {
    if (this.#leads || this.#closed) return
    this.#leads = true
    this.#next()
  }

  /** Another one does. */
  follow(): void {
    this.#leads = false
    this.#cancel()
  }

  /** Ends it; what is half written is finished before. */
  async close(): Promise<void> {
    this.#closed = true
    this.follow()
    await this.#working
  }

  #next(): void {
    this.#working = this.#working.then(async () => {
      if (!this.#leads) return
      const { interval } = this.#writing
      const isDone = await this.#attempt()
      if (!this.#leads) return
      // It may have been given up, and taken up again, meanwhile: one plan is enough.
      this.#cancel()
      this.#cancel = this.#clock.after(isDone ? interval : Math.min(interval, RETRY_MS), () => this.#next())
    })
  }

  async #attempt(): Promise<boolean> {
    try {
      await this.#write()
      this.#isTold = false
      return true
    } catch (error) {
      if (!this.#isTold) {
        const message = `cannot write the trace file ${this.#writing.path} below ${this.#root}: ${errorMessage(error)}`
        this.#warning(new MirroredByError('ERR_TRACE', message, error))
      }
      this.#isTold = true
      return false
    }
  }

  /** By a rename, so that no mirror ever fetches half of it. */
  async #write(): Promise<void> {
    const [folder, name] = splitPath(this.#writing.path)
    // A mount point without its disk has to stay as empty as it is, for that is how everybody knows.
    if ((await readdir(this.#root)).length === 0) throw new Error('the root is empty, or away')
    const place = await this.#folder(folder === '' ? [] : folder.split('/'))
    const temporary = join(place, `.${randomUUID()}`)
    try {
      await writeFile(temporary, `${Math.floor(this.#clock.wall() / 1000)}\n`, { flag: 'wx' })
      await rename(temporary, join(place, name))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** The real path of a folder, made where it is missing, one step at a time: a link on the way must not lead out of the root. */
  async #folder(names: readonly string[]): Promise<string> {
    let place = this.#root
    for (const name of names) {
      const next = join(place, name)
      try {
        place = await realpath(next)
      } catch (error) {
        if (!isNotFound(error)) throw error
        await mkdir(next, { recursive: true })
        place = next
      }
      if (relative(this.#root, place).split(sep)[0] === '..') throw new Error(`${next} leads out of the root`)
    }
    return place
  }
}
