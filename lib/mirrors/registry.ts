import { resolve } from 'node:path'
import { type FSWatcher, watch as watchFile } from 'chokidar'
import { MirroredByError, reason } from '../errors.js'
import type { Mirror, Watch } from '../model.js'
import { validateYamlFile } from '../validation.js'
import type { Ailment } from './ailment.js'
import type { Candidate } from './candidate.js'
import { Hosts, type HostsParts } from './hosts.js'
import { mirrorsFileSchema } from './schema.js'
import { type Choosing, createSnapshot, type Snapshot } from './snapshot.js'

/** An editor that writes in several steps is given so many milliseconds to finish. */
const EDIT_TIME = 100

export interface RegistryEvents {
  /** A new list is in force. */
  replaced(snapshot: Snapshot): void
  warning(error: MirroredByError): void
}

/**
 * Holds the snapshot in force, and replaces it whole when the mirrors file has a good edit, or when something is learnt of
 * the hosts of mirrors.
 */
export class Registry {
  readonly #choosing: Choosing
  readonly #events: RegistryEvents
  readonly #hosts: Hosts | undefined
  /** As they are configured. */
  #mirrors: readonly Mirror[]
  #snapshot: Snapshot
  #ailmentOf: (candidate: Candidate) => Ailment | undefined = () => undefined
  /** Settles when the hosts of the first list have been looked up. Never rejects. */
  readonly complete: Promise<void>
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  /**
   * @param source a checked list, or the path of a mirrors file
   * @param watch whether, and how, to follow the file
   * @param hosts how to look up what entries leave out; without it that is not known
   * @throws MirroredByError ERR_MIRRORS_FILE where the file is not as it should be
   */
  constructor(
    source: string | readonly Mirror[],
    watch: Watch,
    choosing: Choosing,
    events: RegistryEvents,
    hosts?: HostsParts,
  ) {
    this.#choosing = choosing
    this.#events = events
    const file = typeof source === 'string' ? resolve(source) : undefined
    this.#mirrors = typeof source === 'string' ? load(resolve(source)) : source
    this.#hosts = hosts && new Hosts(hosts, () => this.#replace())
    this.#snapshot = this.#prepare()
    this.complete = this.#hosts?.follow(this.#mirrors) ?? Promise.resolve()
    if (file !== undefined && watch !== false) this.#follow(file, watch === 'rescan')
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /**
   * Takes notice of how mirrors fare, now, and whenever the list changes. Nothing is prepared anew.
   *
   * @param ailmentOf what ails a mirror; undefined where nothing does
   */
  heed(ailmentOf: (candidate: Candidate) => Ailment | undefined): void {
    this.#ailmentOf = ailmentOf
    this.#snapshot = this.#ailing(this.#snapshot)
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#hosts?.close()
    await this.#watcher?.close()
  }

  #prepare(): Snapshot {
    const mirrors = this.#mirrors.map((mirror) => this.#hosts?.complete(mirror) ?? mirror)
    return this.#ailing(createSnapshot(mirrors, this.#choosing, (error) => this.#events.warning(error)))
  }

  #ailing(snapshot: Snapshot): Snapshot {
    return snapshot.with([...snapshot.candidates.values()].map((candidate) => this.#ailmentOf(candidate)))
  }

  #replace(): void {
    this.#snapshot = this.#prepare()
    this.#events.replaced(this.#snapshot)
  }

  #follow(file: string, usePolling: boolean): void {
    const edited = (): void => {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#reload(file), EDIT_TIME)
    }
    this.#watcher = watchFile(file, { ignoreInitial: true, usePolling })
      .on('all', edited)
      // Read once more: an edit after the first reading and before the watch is told by nobody.
      .on('ready', edited)
      .on('error', (error) => {
        const message = `cannot watch ${file}: ${reason(error)}; edits take effect at the next start`
        this.#events.warning(new MirroredByError('ERR_WATCH', message, error))
      })
  }

  #reload(file: string): void {
    try {
      this.#mirrors = load(file)
    } catch (error) {
      const message = `${reason(error)}\nthe mirrors read before stay in force`
      this.#events.warning(new MirroredByError('ERR_MIRRORS_FILE', message, error))
      return
    }
    this.#replace()
    void this.#hosts?.follow(this.#mirrors)
  }
}

function load(file: string): readonly Mirror[] {
  return validateYamlFile(mirrorsFileSchema, file, 'ERR_MIRRORS_FILE').mirrors
}
