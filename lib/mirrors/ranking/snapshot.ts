import { LRUCache } from 'lru-cache'
import { errorMessage, MirroredByError } from '../../errors.js'
import { pointOf } from '../../geo/distance.js'
import type { Client, Coordinates, Family, Mirror, Place } from '../../model.js'
import { baseUrl, type Candidate, createCandidate } from './candidate.js'
import type { Inventories } from './inventory.js'
import { createTiers, type LastTiers, type MirrorOrder } from './mirror-order.js'
import type { MirrorStatuses } from './mirror-status.js'
import { exclusionReason, familyOf, proximityOf } from './proximity.js'
import { requireChoice } from './strategies/checked.js'
import { nearest } from './strategies/nearest.js'
import { type StrategyName, strategyOf } from './strategies/strategies.js'
import type { PreparedChoice, Proximity, Strategy } from './strategies/strategy.js'
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
  readonly choice: PreparedChoice
  /** The part of the tiers that the client may be unable to use. */
  readonly last?: LastTiers | undefined
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
  /**
   * Returns the order that a client would get if some more mirrors did not exist. Cached, because
   * the same mirrors are missing for many files.
   *
   * @param order from `orderFor` or `orderWithout`, for the same client
   */
  orderWithout(
    client: Client,
    secure: boolean,
    order: MirrorOrder,
    excluded: readonly Candidate[],
  ): MirrorOrder
  /**
   * Whether a client can probably use a mirror: it has the mirror's address family, and TLS where
   * the mirror has https alone. Lists name the others last.
   */
  isUsable(candidate: Candidate, client: Client, secure: boolean): boolean
  /** Returns the ids of the mirrors that have a name: see `Candidate.names`. */
  idsByName(name: string): readonly string[]
  /**
   * Selects mirrors for a client without a cache, and explains omissions.
   *
   * @param excluded mirrors to leave out as if the operator had no such mirrors
   */
  choose(client: Client, secure: boolean, excluded?: readonly Candidate[]): Selection
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
/** The same limit for orders without the mirrors that cannot be given for a file. */
const MAX_REORDERED_MIRRORS = 2 ** 20
/** Added to the number of mirrors of an order, because an empty order takes memory, too. */
const ORDER_OVERHEAD = 32
const BITS_PER_CHARACTER = 16

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

  orderWithout(
    client: Client,
    secure: boolean,
    order: MirrorOrder,
    excluded: readonly Candidate[],
  ): MirrorOrder {
    return this.#prepared.orderWithout(client, secure, order, excluded)
  }

  isUsable(candidate: Candidate, client: Client, secure: boolean): boolean {
    return this.#prepared.isUsable(candidate, client, secure)
  }

  idsByName(name: string): readonly string[] {
    return this.#prepared.idsByName(name)
  }

  choose(client: Client, secure: boolean, excluded?: readonly Candidate[]): Selection {
    return this.#prepared.choose(client, secure, excluded)
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
  /** Whether http clients get http URLs where a mirror has http. */
  readonly #preferPlain: boolean
  readonly #onFailure: (error: MirroredByError) => void
  readonly #orders = new LRUCache<string, MirrorOrder>({
    maxSize: MAX_ORDERED_MIRRORS,
    sizeCalculation: sizeOf,
  })
  /** Orders without some mirrors, by the root of the order and the bits of the mirrors. */
  readonly #reorders = new LRUCache<string, MirrorOrder>({
    maxSize: MAX_REORDERED_MIRRORS,
    sizeCalculation: sizeOf,
  })
  #nextRoot = 0
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
    this.#preferPlain = !settings.preferSecure
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
      order = this.#createOrder(client, matches, secure, NONE, this.#nextRoot)
      this.#nextRoot += 1
      this.#orders.set(key, order)
    }
    orders.set(client, order)
    return order
  }

  orderWithout(
    client: Client,
    secure: boolean,
    { root = -1, excluded = NONE }: MirrorOrder,
    more: readonly Candidate[],
  ): MirrorOrder {
    const all = [...excluded, ...more]
    const key = `${root} ${bitsOf(all, this.mirrors.length)}`
    let order = this.#reorders.get(key)
    if (order === undefined) {
      order = this.#createOrder(client, this.#subnets.find(client.address), secure, all, root)
      this.#reorders.set(key, order)
    }
    return order
  }

  isUsable(candidate: Candidate, client: Client, secure: boolean): boolean {
    // http clients may have no TLS. The operator says so by `preferSecure: false`.
    const hasScheme = secure || !this.#preferPlain || candidate.plainUrl?.startsWith('https:') !== true
    return hasScheme && isReachable(candidate.family, familyOf(client))
  }

  idsByName(name: string): readonly string[] {
    this.#byName ??= idsByName(this.candidates.values())
    return this.#byName.get(name) ?? []
  }

  choose(client: Client, secure: boolean, excluded = NONE): Selection {
    return this.#selectionFor(client, this.#subnets.find(client.address), secure, excluded)
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

  #createOrder(
    client: Client,
    matches: readonly Match[],
    secure: boolean,
    excluded: readonly Candidate[],
    root: number,
  ): MirrorOrder {
    const { choice, given, last } = this.#selectionFor(client, matches, secure, excluded)
    return {
      tiers: createTiers(choice.tiers, this.candidates),
      maxMirrors: choice.maxMirrors ?? Number.POSITIVE_INFINITY,
      // A user's function may depend on every mirror that it is given. It is asked again once,
      // without all mirrors that cannot be given.
      basis:
        this.#isUserStrategy && excluded.length === 0 ? { candidates: given, isFirstOnly: false } : undefined,
      last,
      excluded,
      root,
    }
  }

  #selectionFor(
    client: Client,
    matches: readonly Match[],
    secure: boolean,
    excluded: readonly Candidate[],
  ): Selection & { readonly given: readonly Candidate[] } {
    const place = this.#placeOf(client)
    const from = place.coordinates && pointOf(place.coordinates)
    const prefixes = new Map(matches.map(({ mirror, prefix }) => [mirror, prefix]))
    const withheld = new Set(excluded)
    const given: Candidate[] = []
    const usable: Proximity[] = []
    const others: Proximity[] = []
    const omitted: Selection['omitted'][number][] = []
    for (const [index, mirror] of this.mirrors.entries()) {
      const candidate = this.candidates.get(mirror)
      if (candidate === undefined || withheld.has(candidate)) continue
      const proximity = proximityOf(candidate, place, from, prefixes.get(index))
      const reason =
        exclusionReason(proximity, client) ??
        (baseUrl(candidate, secure) === undefined ? NOT_SECURE : undefined)
      if (reason !== undefined) omitted.push({ mirror, reason })
      else {
        given.push(candidate)
        if (this.isUsable(candidate, client, secure)) usable.push(proximity)
        else others.push(proximity)
      }
    }
    // Mirrors that the client probably cannot use come last, because the guess may be wrong.
    const [first, last] = [this.#chooseAmong(usable, place), this.#chooseAmong(others, place)]
    const { maxMirrors } = usable.length > 0 ? first : last
    const choice = { tiers: [...first.tiers, ...last.tiers], maxMirrors }
    if (others.length === 0) return { choice, given, omitted }
    const lastTiers = { start: first.tiers.length, maxMirrors: last.maxMirrors ?? Number.POSITIVE_INFINITY }
    return { choice, given, last: lastTiers, omitted }
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

  /** @returns tiers that are not empty */
  #chooseAmong(mirrors: readonly Proximity[], place: Place): PreparedChoice {
    if (mirrors.length === 0) return { tiers: [] }
    const { tiers, maxMirrors } = this.#chosenBy(mirrors, place)
    return { tiers: tiers.filter((tier) => tier.mirrors.length > 0), maxMirrors }
  }

  #chosenBy(mirrors: readonly Proximity[], place: Place): PreparedChoice {
    if (!this.#isUserStrategy) return this.#choose(mirrors, place)
    try {
      // Pass a copy, because a user's function may sort or empty the array.
      const choice = this.#choose([...mirrors], place)
      requireChoice(choice, new Set(mirrors))
      const tiers = choice.tiers.map(({ name, mirrors: members, shares }) => ({
        name,
        mirrors: members,
        shares,
      }))
      return { tiers, maxMirrors: choice.maxMirrors }
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

const NONE: readonly Candidate[] = []

function sizeOf({ tiers, basis, excluded = NONE }: MirrorOrder): number {
  const parts = [...tiers, ...tiers.map((tier) => tier.basis), basis]
  return parts.reduce((sum, part) => sum + (part?.candidates.length ?? 0), ORDER_OVERHEAD + excluded.length)
}

/** Returns a set of mirrors as a short text that is the same in every order of the mirrors. */
function bitsOf(candidates: readonly Candidate[], total: number): string {
  const bits = new Uint16Array(Math.ceil(total / BITS_PER_CHARACTER))
  for (const { index } of candidates) {
    const at = index >>> 4
    bits[at] = (bits[at] ?? 0) | (1 << (index & 15))
  }
  return String.fromCharCode(...bits)
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
