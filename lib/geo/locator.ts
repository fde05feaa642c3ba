import { createRequire } from 'node:module'
import { LRUCache } from 'lru-cache'
import { BACKGROUND_CLOCK, type Clock } from '../clock.js'
import { errorMessage, MirroredByError } from '../errors.js'
import type { Client, Coordinates, Place } from '../model.js'
import { type Address, readAddress } from './address.js'
import { completePlace } from './countries.js'
import type { Database } from './database.js'
import { DatabaseFile } from './database-file.js'
import { UNKNOWN_PLACE } from './record.js'

/** Where clients with local addresses are. */
export interface LocalPlace {
  /** ISO 3166-1 alpha-2, lower case. */
  readonly country: string
  /** Default: the middle of the country. */
  readonly coordinates?: Coordinates
  /** Number of their autonomous system. */
  readonly asn?: number
}

export interface LocatorOptions {
  /** Paths of MMDB databases, most trusted first; `false` for none; undefined for the free one, if that is installed. */
  readonly geo?: readonly string[] | false | undefined
  /** Default: the place of local addresses is unknown. */
  readonly localPlace?: LocalPlace | undefined
}

/** Clients kept, the least lately seen forgotten first: about 300 bytes each. */
const MAX_CLIENTS = 10_000
/** Milliseconds between two looks at the files; a new database is taken after two of them. */
const POLL_MS = 1000

const FREE_DATABASE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'
const MAPPED = /^::ffff:\d+\.[\d.]+$/
/** Whose address is none. */
const UNKNOWN_CLIENT: Client = { address: '' }

/**
 * Reads the databases. Nothing is left open that would have to be closed.
 *
 * @throws MirroredByError ERR_GEO where one that was named cannot be used
 */
export async function openLocator({ geo, localPlace }: LocatorOptions): Promise<Locator> {
  if (geo !== undefined) {
    const files = await Promise.all((geo === false ? [] : geo).map((path) => DatabaseFile.open(path)))
    return new Locator(files, localPlace)
  }
  const freeDatabasePath = freeDatabase()
  if (freeDatabasePath === undefined) return new Locator([], localPlace)
  try {
    return new Locator([await DatabaseFile.open(freeDatabasePath)], localPlace)
  } catch (error) {
    // Nobody asked for it by name.
    return new Locator([], localPlace, error)
  }
}

/** Says who has an address, and where that is. */
export class Locator {
  readonly #files: readonly DatabaseFile[]
  readonly #localPlace: Place
  /** By address, and by other ways to write it. */
  readonly #clients = new LRUCache<string, Client>({ max: MAX_CLIENTS })
  /** Databases in which a lookup failed. */
  readonly #damaged = new WeakSet<Database>()
  /** What was told of a file last, so that it is told once. */
  readonly #lastWarnings = new WeakMap<DatabaseFile, string>()
  #openError: unknown
  #warning: (error: MirroredByError) => void = () => {}
  #clock = BACKGROUND_CLOCK
  #cancelPoll: () => void = () => {}
  #polling: Promise<void> = Promise.resolve()
  #isClosed = false

  /** @param trouble why a database is not among the files, to be told when there is somebody to hear it */
  constructor(files: readonly DatabaseFile[], home: LocalPlace | undefined, trouble?: unknown) {
    this.#files = files
    this.#localPlace = home === undefined ? UNKNOWN_PLACE : completePlace(home)
    this.#openError = trouble
  }

  /**
   * The client at an address, as sockets and proxies give it; see `readAddress`. The same object for the same address
   * while it is kept: 10,000 are, until a database changes. Never throws: what cannot be told is left out.
   */
  locate(address: string): Client {
    // Kept under one name, for that is how sockets of both versions give IPv4.
    const text = MAPPED.test(address) ? address.slice('::ffff:'.length) : address
    return this.#clients.get(text) ?? this.#locateUncached(text)
  }

  /**
   * Says where trouble is told, and begins to follow the files.
   *
   * @param follow whether the files are followed at all
   * @param clock default: the clock of the system, which does not keep the process alive
   */
  start(follow: boolean, warning: (error: MirroredByError) => void, clock: Clock = BACKGROUND_CLOCK): void {
    this.#warning = warning
    this.#clock = clock
    const trouble = this.#openError
    if (trouble !== undefined)
      setImmediate(() => this.#warn(`${errorMessage(trouble)}; it is left out`, trouble))
    if (follow && this.#files.length > 0) this.#schedulePoll()
  }

  /** Ends following. Clients can be located still. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelPoll()
    await this.#polling
  }

  #locateUncached(text: string): Client {
    const address = readAddress(text)
    if (address === undefined) return UNKNOWN_CLIENT
    const client = this.#clients.get(address.text) ?? { address: address.text, ...this.#placeOf(address) }
    this.#clients.set(address.text, client)
    if (text !== address.text) this.#clients.set(text, client)
    return client
  }

  #placeOf(address: Address): Place {
    if (address.local) return this.#localPlace
    let place = UNKNOWN_PLACE
    for (const file of this.#files) place = fillIn(place, this.#lookUp(file, address))
    return completePlace(place)
  }

  #lookUp({ path, database }: DatabaseFile, address: Address): Place {
    try {
      return database.find(address)
    } catch (error) {
      if (!this.#damaged.has(database)) {
        this.#damaged.add(database)
        this.#warn(
          `${path} is damaged, and does not tell where some clients are: ${errorMessage(error)}`,
          error,
        )
      }
      return UNKNOWN_PLACE
    }
  }

  #schedulePoll(): void {
    if (this.#isClosed) return
    this.#cancelPoll = this.#clock.after(POLL_MS, () => {
      this.#polling = this.#poll().then(() => this.#schedulePoll())
    })
  }

  async #poll(): Promise<void> {
    for (const file of this.#files) {
      try {
        if (await file.poll()) this.#clients.clear()
        this.#lastWarnings.delete(file)
      } catch (error) {
        if (this.#lastWarnings.get(file) === errorMessage(error)) continue
        this.#lastWarnings.set(file, errorMessage(error))
        this.#warn(`${errorMessage(error)}; the one read before stays in force`, error)
      }
    }
  }

  #warn(message: string, cause: unknown): void {
    if (!this.#isClosed) this.#warning(new MirroredByError('ERR_GEO', message, cause))
  }
}

/** A place with what it lacks out of another one. */
function fillIn(place: Place, other: Place): Place {
  if (place === UNKNOWN_PLACE) return other
  if (other === UNKNOWN_PLACE) return place
  // Whether coordinates are approximate goes with them.
  const { coordinates: _coordinates, approximate: _approximate, ...rest } = other
  return place.coordinates === undefined ? { ...other, ...place } : { ...rest, ...place }
}

/** The path of the free database of countries; undefined where it is not installed. */
function freeDatabase(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(FREE_DATABASE)
  } catch {
    return undefined
  }
}
