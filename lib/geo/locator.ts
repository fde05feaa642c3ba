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

/** Place of clients with local addresses. */
export interface LocalPlace {
  /** ISO 3166-1 alpha-2, lower case. */
  readonly country: string
  /** Default: the centroid of the country. */
  readonly coordinates?: Coordinates
  /** Number of the autonomous system. */
  readonly asn?: number
}

export interface LocatorOptions {
  /**
   * Paths of MMDB databases, most trusted first; `false` for no database. Undefined: the free
   * database of countries, if it is installed.
   */
  readonly geo?: readonly string[] | false | undefined
  /** Undefined: the place of local addresses is unknown. */
  readonly localPlace?: LocalPlace | undefined
}

/** Clients in the LRU cache, about 300 bytes each. */
const MAX_CLIENTS = 10_000
/** Interval of polling the files. A new database is loaded at the second poll that sees it. */
const POLL_MS = 1000

const FREE_DATABASE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'
const MAPPED = /^::ffff:\d+\.[\d.]+$/
/** The client for a text that is not an address. */
const UNKNOWN_CLIENT: Client = { address: '' }

/**
 * Reads the databases. A locator that was not started needs no `close`.
 *
 * @throws MirroredByError ERR_GEO if a database of `geo` cannot be used
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
    // The free database is optional: its failure only causes a warning.
    return new Locator([], localPlace, error)
  }
}

/** Finds the places of clients by their addresses. */
export class Locator {
  readonly #files: readonly DatabaseFile[]
  readonly #localPlace: Place
  /** By address, and by other spellings of the address. */
  readonly #clients = new LRUCache<string, Client>({ max: MAX_CLIENTS })
  /** Databases in which a lookup failed. */
  readonly #damaged = new WeakSet<Database>()
  /** The last warning about each file. A repeated problem causes one warning. */
  readonly #lastWarnings = new WeakMap<DatabaseFile, string>()
  #openError: unknown
  #warning: (error: MirroredByError) => void = () => {}
  #clock = BACKGROUND_CLOCK
  #cancelPoll: () => void = () => {}
  #polling: Promise<void> = Promise.resolve()
  #isClosed = false

  /** @param openError why the free database is missing in `files`; reported after `start` */
  constructor(files: readonly DatabaseFile[], localPlace: LocalPlace | undefined, openError?: unknown) {
    this.#files = files
    this.#localPlace = localPlace === undefined ? UNKNOWN_PLACE : completePlace(localPlace)
    this.#openError = openError
  }

  /**
   * Returns the client at an address as sockets and proxies report it; see `readAddress`. Caches
   * 10,000 clients until a database changes, and returns one object for one address. Never throws:
   * unknown properties are missing.
   */
  locate(address: string): Client {
    // One key for IPv4 addresses, which sockets of IPv6 report as mapped ones.
    const text = MAPPED.test(address) ? address.slice('::ffff:'.length) : address
    return this.#clients.get(text) ?? this.#locateUncached(text)
  }

  /**
   * Starts to report problems and to follow the files.
   *
   * @param follow whether changes of the files are loaded
   * @param clock default: the system's clock, which does not keep the process alive
   */
  start(follow: boolean, warning: (error: MirroredByError) => void, clock: Clock = BACKGROUND_CLOCK): void {
    this.#warning = warning
    this.#clock = clock
    const openError = this.#openError
    if (openError !== undefined)
      setImmediate(() => this.#warn(`${errorMessage(openError)}; it is left out`, openError))
    if (follow && this.#files.length > 0) this.#schedulePoll()
  }

  /** Loads all databases again, also without `follow`. Reports those that cannot be used. */
  async reload(): Promise<void> {
    for (const file of this.#files) {
      try {
        await file.reload()
        this.#lastWarnings.delete(file)
      } catch (error) {
        this.#warn(`${errorMessage(error)}; the one read before stays in force`, error)
      }
    }
    this.#clients.clear()
  }

  /** Stops following the files. `locate` still works. */
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

/** Fills in what a place lacks from another one. */
function fillIn(place: Place, other: Place): Place {
  if (place === UNKNOWN_PLACE) return other
  if (other === UNKNOWN_PLACE) return place
  // `approximate` belongs to the coordinates.
  const { coordinates: _coordinates, approximate: _approximate, ...rest } = other
  return place.coordinates === undefined ? { ...other, ...place } : { ...rest, ...place }
}

/** Returns the path of the free database of countries; undefined if it is not installed. */
function freeDatabase(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(FREE_DATABASE)
  } catch {
    return undefined
  }
}
