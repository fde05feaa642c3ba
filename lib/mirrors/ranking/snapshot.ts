import { LRUCache } from 'lru-cache'
import { errorMessage, MirroredByError } from '../../errors.js'
import { pointOf } from '../../geo/distance.js'
import type { Client, Coordinates, Family, Mirror, Place } from '../../model.js'
import { baseUrl, type Candidate, createCandidate } from './candidate.js'
import type { Inventories } from './inventory.js'
import { createMirrorOrder, type MirrorOrder } from './mirror-order.js'
import type { MirrorStatuses } from './mirror-status.js'
import { exclusionReason, familyOf, proximityOf } from './proximity.js'
import { requireChoice } from './strategies/checked.js'
import { nearest } from './strategies/nearest.js'
import { type StrategyName, strategyOf } from './strategies/strategies.js'
import type { Choice, Proximity, Strategy } from './strategies/strategy.js'
import { type Match, Subnets } from './subnets.js'

/** Settings for the selection of mirrors. */
export interface SelectionSettings {
  readonly strategy: StrategyName | Strategy
  /** Mirrors up to this multiple of the nearest mirror's distance share traffic by weight. */
  readonly nearFactor: number
  /** Whether http clients get https URLs from mirrors that have https. */
  readonly preferSecure: boolean
}

export const DEFAULT_SELECTION: SelectionSettings = {
  strategy: 'nearest',
  nearFactor: 1.5,
  preferSecure: true,
}

/** The mirrors that were chosen for a place, and the omitted mirrors with reasons. */
export interface Selection {
  readonly choice: Choice
  readonly omitted: readonly { readonly mirror: Mirror; readonly reason: string }[]
}

/**
 * Everything that ranking reads, built from one state of the mirrors. Immutable: a new state is a
 * new snapshot, set by one assignment, so that a request sees either the old or the new state.
 */
export interface Snapshot {
  /** All configured mirrors, in the operator's order. */
  readonly mirrors: readonly Mirror[]
  /** Prepared data of each mirror. */
  readonly candidates: ReadonlyMap<Mirror, Candidate>
  /** Current statuses of the mirrors. Orders do not depend on them. */
  readonly statuses: MirrorStatuses
  /** Files of the mirrors. Orders do not depend on them. */
  readonly inventories: Inventories
  /**
   * Returns the mirrors for a client, best first: one shared object for all clients of a place.
   *
   * @param secure whether the client uses https
   */
  orderFor(client: Client, secure: boolean): MirrorOrder
  /** Returns the ids of the mirrors that have a name: see `Candidate.names`. */
  idsByName(name: string): readonly string[]
  /** Selects mirrors for a client without a cache, and explains omissions. */
  choose(client: Client, secure: boolean): Selection
  /** Returns a snapshot with other statuses and inventories that shares all prepared data. */
  with(statuses: MirrorStatuses, inventories?: Inventories): Snapshot
}

/**
 * Size of the squares whose clients share an order. Half of the diagonal, 20 km, is less than the
 * error of geo databases.
 */
const CELL_DEGREES = 0.25
/** Limit of mirrors in all cached orders, at 8 to 16 bytes each: at most 32 MiB. */
const MAX_ORDERED_MIRRORS = 2 ** 21

/**
 * Builds a snapshot in which all mirrors are healthy and assumed to hold every file.
 *
 * @param onFailure called if a user's strategy fails; clients then get the nearest mirrors
 */
export function createSnapshot(
  mirrors: readonly Mirror[],
  settings: SelectionSettings = DEFAULT_SELECTION,
  onFailure: (error: MirroredByError) => void = () => {},
): Snapshot {
  return new PreparedSnapshot(mirrors, settings, onFailure)
}

/** A snapshot that shares the prepared data of another snapshot. */
class SharingSnapshot implements Snapshot {
  readonly mirrors: readonly Mirror[]
  readonly candidates: ReadonlyMap<Mirror, Candidate>
  readonly statuses: MirrorStatuses
  readonly inventories: Inventories
  readonly #prepared: PreparedSnapshot

  constructor(prepared: PreparedSnapshot, statuses: MirrorStatuses, inventories: Inventories) {
    this.mirrors = prepared.mirrors
    this.candidates = prepared.candidates
    this.statuses = statuses
    this.inventories = inventories
    this.#prepared = prepared
  }

  orderFor(client: Client, secure: boolean): MirrorOrder {
    return this.#prepared.orderFor(client, secure)
  }

  idsByName(name: string): readonly string[] {
    return this.#prepared.idsByName(name)
  }

  choose(client: Client, secure: boolean): Selection {
    return this.#prepared.choose(client, secure)
  }

  with(statuses: MirrorStatuses, inventories = this.inventories): Snapshot {
    return this.#prepared.with(statuses, inventories)
  }
}

class PreparedSnapshot implements Snapshot {
  readonly mirrors: readonly Mirror[]
  readonly candidates: ReadonlyMap<Mirror, Candidate>
  readonly statuses: MirrorStatuses
  readonly inventories: Inventories
  readonly #subnets: Subnets
  /** Numbers of autonomous systems that a mirror names. Other numbers do not matter. */
  readonly #asns: ReadonlySet<number>
  /** Whether a mirror has one address family only. */
  readonly #hasFamilies: boolean
  readonly #choose: Strategy
  /** Whether the strategy is the user's function, which may fail. */
  readonly #isUserStrategy: boolean
  readonly #nearFactor: number
  readonly #onFailure: (error: MirroredByError) => void
  readonly #orders = new LRUCache<string, MirrorOrder>({
    maxSize: MAX_ORDERED_MIRRORS,
    // Counts 32 more, because an empty order takes memory, too.
    sizeCalculation: ({ tiers }) => tiers.reduce((sum, { candidates }) => sum + candidates.length, 32),
  })
  /** Built at the first use. */
  #byName: ReadonlyMap<string, readonly string[]> | undefined
  /** Orders by client object: the locator returns the same object for the same address. */
  readonly #httpOrders = new WeakMap<Client, MirrorOrder>()
  readonly #httpsOrders = new WeakMap<Client, MirrorOrder>()

  constructor(
    mirrors: readonly Mirror[],
    settings: SelectionSettings,
    onFailure: (error: MirroredByError) => void,
  ) {
    this.mirrors = mirrors
    this.candidates = new Map(
      mirrors.map((mirror, index) => [mirror, createCandidate(mirror, settings.preferSecure, index)]),
    )
    this.statuses = mirrors.map(() => undefined)
    this.inventories = this.statuses.map(() => undefined)
    this.#subnets = new Subnets(mirrors.map(({ subnets }) => subnets))
    this.#asns = new Set(mirrors.flatMap(({ asn }) => asn))
    this.#hasFamilies = [...this.candidates.values()].some(({ family }) => family !== undefined)
    this.#choose = strategyOf(settings.strategy, settings.nearFactor)
    this.#isUserStrategy = typeof settings.strategy === 'function'
    this.#nearFactor = settings.nearFactor
    this.#onFailure = onFailure
  }

  orderFor(client: Client, secure: boolean): MirrorOrder {
    const orders = secure ? this.#httpsOrders : this.#httpOrders
    const cached = orders.get(client)
    if (cached !== undefined) return cached
    const matches = this.#subnets.find(client.address)
    const key = this.#keyOf(client, matches, secure)
    let order = this.#orders.get(key)
    if (order === undefined) {
      order = this.#createOrder(client, matches, secure)
      this.#orders.set(key, order)
    }
    orders.set(client, order)
    return order
  }

  idsByName(name: string): readonly string[] {
    this.#byName ??= idsByName(this.candidates.values())
    return this.#byName.get(name) ?? []
  }

  choose(client: Client, secure: boolean): Selection {
    return this.#selectionFor(client, this.#subnets.find(client.address), secure)
  }

  with(statuses: MirrorStatuses, inventories = this.inventories): Snapshot {
    return new SharingSnapshot(this, statuses, inventories)
  }

  /** Returns everything of a client that can change the order, as a cache key. */
  #keyOf(client: Client, matches: readonly Match[], secure: boolean): string {
    const { country, continent, coordinates, approximate, assumed } = client
    const place = coordinates && `${approximate ? coordinates : cellOf(coordinates)}`
    const subnets = matches.map(({ mirror, prefix }) => `${mirror}/${prefix}`)
    const family = this.#hasFamilies ? familyOf(client) : ''
    const asn = this.#asnOf(client)
    return [secure, family, assumed, country, continent, approximate, place, asn, subnets].join('|')
  }

  #createOrder(client: Client, matches: readonly Match[], secure: boolean): MirrorOrder {
    const { choice } = this.#selectionFor(client, matches, secure)
    return createMirrorOrder(choice, this.candidates)
  }

  #selectionFor(client: Client, matches: readonly Match[], secure: boolean): Selection {
    const place = this.#placeOf(client)
    const from = place.coordinates && pointOf(place.coordinates)
    const prefixes = new Map(matches.map(({ mirror, prefix }) => [mirror, prefix]))
    const family = familyOf(client)
    const reachable: Proximity[] = []
    const others: Proximity[] = []
    const omitted: Selection['omitted'][number][] = []
    for (const [index, mirror] of this.mirrors.entries()) {
      const candidate = this.candidates.get(mirror)
      if (candidate === undefined) continue
      const proximity = proximityOf(candidate, place, from, prefixes.get(index))
      const reason =
        exclusionReason(proximity, client) ??
        (baseUrl(candidate, secure) === undefined ? NOT_SECURE : undefined)
      if (reason !== undefined) omitted.push({ mirror, reason })
      else if (isReachable(candidate.family, family)) reachable.push(proximity)
      else others.push(proximity)
    }
    // Mirrors of the other address family come last: the client may have both families.
    const [first, last] = [this.#chooseAmong(reachable, place), this.#chooseAmong(others, place)]
    const { maxMirrors } = reachable.length > 0 ? first : last
    return { choice: { tiers: [...first.tiers, ...last.tiers], maxMirrors }, omitted }
  }

  /** Returns the place that strategies see: identical for all clients that share an order. */
  #placeOf(client: Client): Place {
    const { country, continent, coordinates, approximate } = client
    const asn = this.#asnOf(client)
    return {
      ...(country === undefined ? {} : { country }),
      ...(continent === undefined ? {} : { continent }),
      ...(coordinates === undefined ? {} : { coordinates: approximate ? coordinates : cellOf(coordinates) }),
      ...(approximate === undefined ? {} : { approximate }),
      ...(asn === undefined ? {} : { asn }),
    }
  }

  /** Returns a client's ASN if a mirror names the ASN, too. */
  #asnOf({ asn }: Client): number | undefined {
    return asn !== undefined && this.#asns.has(asn) ? asn : undefined
  }

  #chooseAmong(mirrors: readonly Proximity[], place: Place): Choice {
    if (mirrors.length === 0) return { tiers: [] }
    if (!this.#isUserStrategy) return this.#choose(mirrors, place)
    try {
      // Pass a copy, because a user's function may sort or empty the array.
      const choice = this.#choose([...mirrors], place)
      requireChoice(choice, new Set(mirrors))
      return choice
    } catch (error) {
      const message = `the strategy failed: ${errorMessage(error)}; clients get the nearest mirrors instead`
      this.#onFailure(new MirroredByError('ERR_STRATEGY', message, error))
      return nearest(this.#nearFactor)(mirrors, place)
    }
  }
}

function idsByName(candidates: Iterable<Candidate>): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>()
  for (const { mirror, names } of candidates)
    for (const name of names) ids.set(name, [...(ids.get(name) ?? []), mirror.id])
  return ids
}

const NOT_SECURE = 'no https URL, and the client came by https'

/** Returns the middle of the square that contains a place. */
function cellOf([latitude, longitude]: Coordinates): Coordinates {
  const middle = (degrees: number, limit: number) =>
    (Math.min(Math.floor(degrees / CELL_DEGREES), limit / CELL_DEGREES - 1) + 0.5) * CELL_DEGREES
  return [middle(latitude, 90), middle(longitude, 180)]
}

/** Whether a client can reach a mirror. An unknown family counts as both families. */
function isReachable(mirror: Family | undefined, client: Family | undefined): boolean {
  return mirror === undefined || client === undefined || mirror === client
}
