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

/** How mirrors are chosen. */
export interface SelectionSettings {
  readonly strategy: StrategyName | Strategy
  /** How many times as far as the nearest mirror is "about as near". */
  readonly nearFactor: number
  /** Whether clients that came by http are given https URLs where there are some. */
  readonly preferSecure: boolean
}

export const DEFAULT_SELECTION: SelectionSettings = {
  strategy: 'nearest',
  nearFactor: 1.5,
  preferSecure: true,
}

/** What is known when mirrors are chosen for a place, to explain the choice. */
export interface Selection {
  readonly choice: Choice
  readonly omitted: readonly { readonly mirror: Mirror; readonly reason: string }[]
}

/**
 * Everything that ranking reads, made from one state of the mirrors. It is never changed: a new state is a new
 * snapshot, put in place by one assignment, so that a request in progress sees one or the other.
 */
export interface Snapshot {
  /** Every configured mirror, in the operator's order. */
  readonly mirrors: readonly Mirror[]
  /** The same, with what was worked out of each. */
  readonly candidates: ReadonlyMap<Mirror, Candidate>
  /** What ails them at the moment, by the places of candidates. Orders take no notice of it. */
  readonly statuses: MirrorStatuses
  /** What is known of their files, likewise. */
  readonly inventories: Inventories
  /**
   * The mirrors for a client, best first; the same object for every client of the same place.
   *
   * @param secure whether the client came by https
   */
  orderFor(client: Client, secure: boolean): MirrorOrder
  /** Ids of the mirrors that clients may mean by a name: see `Candidate.names`. */
  idsByName(name: string): readonly string[]
  /** The same choice made anew, with what it was made from. */
  choose(client: Client, secure: boolean): Selection
  /** The same mirrors with other ailments and files: everything that is prepared is shared. */
  with(statuses: MirrorStatuses, inventories?: Inventories): Snapshot
}

/**
 * Degrees of the squares whose clients share an order. Half of the diagonal, 20 km, is less than databases of places err by.
 */
const CELL_DEGREES = 0.25
/** Mirrors in all orders that are kept, 8 to 16 bytes each: 32 MiB at most. */
const MAX_ORDERED_MIRRORS = 2 ** 21

/** @param failed told when a strategy of the user's fails; the client is then given the nearest mirrors */
export function createSnapshot(
  mirrors: readonly Mirror[],
  choosing: SelectionSettings = DEFAULT_SELECTION,
  failed: (error: MirroredByError) => void = () => {},
): Snapshot {
  return new PreparedSnapshot(mirrors, choosing, failed)
}

/** A snapshot that shares what another one has prepared. */
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
  /** Numbers that some mirror has: others make no difference. */
  readonly #asns: ReadonlySet<number>
  /** Whether some mirror is reached by one family only. */
  readonly #hasFamilies: boolean
  readonly #choose: Strategy
  /** Whether the strategy is the user's own, and may fail. */
  readonly #isForeign: boolean
  readonly #nearFactor: number
  readonly #failed: (error: MirroredByError) => void
  readonly #orders = new LRUCache<string, MirrorOrder>({
    maxSize: MAX_ORDERED_MIRRORS,
    // An order that is empty takes some room too.
    sizeCalculation: ({ tiers }) => tiers.reduce((sum, { candidates }) => sum + candidates.length, 32),
  })
  /** Made when somebody first asks. */
  #byName: ReadonlyMap<string, readonly string[]> | undefined
  /** What was found for a client object: whoever locates clients gives the same one for the same address. */
  readonly #plain = new WeakMap<Client, MirrorOrder>()
  readonly #secure = new WeakMap<Client, MirrorOrder>()

  constructor(
    mirrors: readonly Mirror[],
    choosing: SelectionSettings,
    failed: (error: MirroredByError) => void,
  ) {
    this.mirrors = mirrors
    this.candidates = new Map(
      mirrors.map((mirror, place) => [mirror, createCandidate(mirror, choosing.preferSecure, place)]),
    )
    this.statuses = mirrors.map(() => undefined)
    this.inventories = this.statuses.map(() => undefined)
    this.#subnets = new Subnets(mirrors.map(({ subnets }) => subnets))
    this.#asns = new Set(mirrors.flatMap(({ asn }) => asn))
    this.#hasFamilies = [...this.candidates.values()].some(({ family }) => family !== undefined)
    this.#choose = strategyOf(choosing.strategy, choosing.nearFactor)
    this.#isForeign = typeof choosing.strategy === 'function'
    this.#nearFactor = choosing.nearFactor
    this.#failed = failed
  }

  orderFor(client: Client, secure: boolean): MirrorOrder {
    const found = secure ? this.#secure : this.#plain
    const known = found.get(client)
    if (known !== undefined) return known
    const matches = this.#subnets.find(client.address)
    const key = this.#keyOf(client, matches, secure)
    let order = this.#orders.get(key)
    if (order === undefined) {
      order = this.#createOrder(client, matches, secure)
      this.#orders.set(key, order)
    }
    found.set(client, order)
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

  /** What of a client makes a difference. */
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
    const [reachable, others, omitted]: [Proximity[], Proximity[], Selection['omitted'][number][]] = [
      [],
      [],
      [],
    ]
    for (const [index, mirror] of this.mirrors.entries()) {
      const candidate = this.candidates.get(mirror)
      if (candidate === undefined) continue
      const near = proximityOf(candidate, place, from, prefixes.get(index))
      const reason =
        exclusionReason(near, client) ?? (baseUrl(candidate, secure) === undefined ? NOT_SECURE : undefined)
      if (reason !== undefined) omitted.push({ mirror, reason })
      else if (isReachable(candidate.family, family)) reachable.push(near)
      else others.push(near)
    }
    // A client of the other family may have that one too, and a mirror that may fail is better than none.
    const [first, last] = [this.#chooseAmong(reachable, place), this.#chooseAmong(others, place)]
    const { most } = reachable.length > 0 ? first : last
    return { choice: { tiers: [...first.tiers, ...last.tiers], most }, omitted }
  }

  /** What strategies see of a client: the same for all who share an order. */
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

  /** Its asn, if some mirror has that too. */
  #asnOf({ asn }: Client): number | undefined {
    return asn !== undefined && this.#asns.has(asn) ? asn : undefined
  }

  #chooseAmong(mirrors: readonly Proximity[], place: Place): Choice {
    if (mirrors.length === 0) return { tiers: [] }
    if (!this.#isForeign) return this.#choose(mirrors, place)
    try {
      // A list of its own: a function that sorts it in place or empties it must not spoil what follows.
      const choice = this.#choose([...mirrors], place)
      requireChoice(choice, new Set(mirrors))
      return choice
    } catch (error) {
      const message = `the strategy failed: ${errorMessage(error)}; clients get the nearest mirrors instead`
      this.#failed(new MirroredByError('ERR_STRATEGY', message, error))
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

/** The middle of the square that a place lies in. */
function cellOf([latitude, longitude]: Coordinates): Coordinates {
  const middle = (degrees: number, limit: number) =>
    (Math.min(Math.floor(degrees / CELL_DEGREES), limit / CELL_DEGREES - 1) + 0.5) * CELL_DEGREES
  return [middle(latitude, 90), middle(longitude, 180)]
}

/** Whether a client can be thought to reach a mirror, as far as it is known by which family either is reached. */
function isReachable(mirror: Family | undefined, client: Family | undefined): boolean {
  return mirror === undefined || client === undefined || mirror === client
}
