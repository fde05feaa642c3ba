import { LRUCache } from 'lru-cache'
import { Reader } from 'maxmind'
import { errorMessage } from '../errors.js'
import type { Place } from '../model.js'
import type { Address } from './address.js'
import { placeOf, UNKNOWN_PLACE } from './record.js'

/** Decoded records, and parts that records share, in the cache. */
const MAX_RECORDS = 2000

const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')
/** The metadata start within these last bytes (MaxMind DB format 2.0, "Database Metadata"). */
const MAX_METADATA_BYTES = 128 * 1024
/** Bytes of zero between the search tree and the data. */
const SEPARATOR_BYTES = 16

/** Networks that are read to check a database: its first ones, and some at each sample point. */
const SAMPLED_FIRST_NETWORKS = 512
const SAMPLE_POINTS = 32
const NETWORKS_PER_POINT = 4

/** An immutable MMDB database in memory, which was checked. */
export class Database {
  readonly #reader: Reader<object>
  /** Cache by record: the reader returns one object for a record while it caches the record. */
  readonly #places = new WeakMap<object, Place>()

  /**
   * @param bytes the whole file, which must not be written to afterwards
   * @throws Error with the reason why the file is refused, such as "it is empty"
   */
  constructor(bytes: Buffer) {
    this.#reader = openReader(bytes)
    checkRecords(this.#reader)
  }

  /**
   * Returns the place of an address.
   *
   * @throws Error if a record is damaged
   */
  find({ text, version }: Address): Place {
    // An IPv4 database would take the first bits of an IPv6 address for an IPv4 address.
    if (version === 6 && this.#reader.metadata.ipVersion === 4) return UNKNOWN_PLACE
    const record: unknown = this.#reader.get(text)
    if (typeof record !== 'object' || record === null) return UNKNOWN_PLACE
    const cached = this.#places.get(record)
    if (cached !== undefined) return cached
    const place = placeOf(record)
    this.#places.set(record, place)
    return place
  }
}

function openReader(bytes: Buffer): Reader<object> {
  if (bytes.length === 0) throw new Error('it is empty; download it again')
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw new Error('it is compressed; unpack it')
  const marker = bytes.lastIndexOf(MARKER)
  if (marker === -1 || marker < bytes.length - MAX_METADATA_BYTES) {
    throw new Error('it is no MMDB database, or only the beginning of one; download it again')
  }
  let reader: Reader<object>
  try {
    reader = new Reader<object>(bytes, {
      cache: new LRUCache<string | number, object>({ max: MAX_RECORDS }),
    })
  } catch (error) {
    throw damage(errorMessage(error), error)
  }
  // The library types these values, but they come from the file unchecked.
  const { ipVersion, nodeCount, searchTreeSize, binaryFormatMajorVersion } = reader.metadata
  const separator = bytes.subarray(searchTreeSize, searchTreeSize + SEPARATOR_BYTES)
  const isWhole =
    binaryFormatMajorVersion === 2 &&
    (ipVersion === 4 || ipVersion === 6) &&
    Number.isInteger(nodeCount) &&
    nodeCount > 0 &&
    searchTreeSize + SEPARATOR_BYTES <= marker &&
    separator.every((byte) => byte === 0)
  if (!isWhole) throw damage('its parts do not fit together, or it is of another format than version 2')
  return reader
}

/**
 * Reads a sample of the records, or all of a small database.
 *
 * @throws Error if the database is damaged or has no places
 */
function checkRecords(reader: Reader<object>): void {
  let records = 0
  let places = 0
  try {
    for (const record of sample(reader)) {
      records += 1
      if (Object.keys(placeOf(record)).length > 0) places += 1
    }
  } catch (error) {
    throw damage(errorMessage(error), error)
  }
  if (places > 0) return
  if (records === 0) throw new Error('it has no records; download it again')
  const type: unknown = reader.metadata.databaseType
  throw new Error(
    `it is of the type "${typeof type === 'string' ? type : ''}", and knows neither countries, coordinates nor autonomous systems; ` +
      'name a database of countries, cities or autonomous systems, such as GeoLite2-City',
  )
}

function damage(what: string, cause?: unknown): Error {
  return new Error(`it is damaged (${what}); download it again`, { cause })
}

function* sample(reader: Reader<object>): Generator<object> {
  yield* recordsFrom(reader, 0n, SAMPLED_FIRST_NETWORKS)
  const bits = reader.metadata.ipVersion === 4 ? 32n : 128n
  for (let place = 1n; place < SAMPLE_POINTS; place += 1n) {
    yield* recordsFrom(reader, (place << bits) / BigInt(SAMPLE_POINTS), NETWORKS_PER_POINT)
  }
}

/** Yields the records of some networks from an address on. Networks without a record count too. */
function* recordsFrom(reader: Reader<object>, start: bigint, networks: number): Generator<object> {
  const bits = reader.metadata.ipVersion === 4 ? 32 : 128
  const end = 1n << BigInt(bits)
  let address = start
  for (let left = networks; left > 0 && address < end; left -= 1) {
    const [record, prefix] = reader.getWithPrefixLength(addressText(address, bits))
    if (record !== null) yield record
    const size = 1n << BigInt(bits - prefix)
    address = (address / size + 1n) * size
  }
}

function addressText(address: bigint, bits: 32 | 128): string {
  const digits = address.toString(16).padStart(bits / 4, '0')
  if (bits === 128) return (digits.match(/.{4}/g) ?? []).join(':')
  return (digits.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.')
}
