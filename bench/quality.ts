import { distance, pointOf } from '../lib/geo/distance.js'
import { openLocator } from '../lib/geo/locator.js'
import { rank } from '../lib/mirrors/ranking/rank.js'
import { createSnapshot, DEFAULT_SELECTION } from '../lib/mirrors/ranking/snapshot.js'
import { STRATEGIES, type StrategyName } from '../lib/mirrors/ranking/strategies/strategies.js'
import type { Client, Coordinates, Mirror } from '../lib/model.js'
import { randomAddresses, seeded } from '../test/support/random.js'
import type { World } from './networks.js'
import type { Measurement } from './report.js'
import type { Scale } from './scale.js'

const QUERY = { path: 'releases/image.iso', secure: false, redirectable: true }

interface Result {
  /** In kilometres. */
  readonly mean: number
  readonly p95: number
  /** Share of clients with mirrors in their country that get one of those mirrors. */
  readonly inside: number
  /**
   * Load of the most overloaded mirror, as a multiple of its share by weight of the first places in
   * its country.
   */
  readonly overload: number
}

/** A client as a strategy sees it, with its real place. */
interface Visitor {
  readonly client: Client
  readonly place: Coordinates
}

/**
 * Distance of the first mirror by strategy, and how evenly a strategy spreads clients. Clients have
 * random addresses, so that each country counts by the number of its addresses. With a database of
 * cities, also measures ranking by country alone, with distances to the real cities.
 */
export function quality({ clients: count }: Scale['quality'], world: World): Measurement {
  return {
    name: 'quality of strategies',
    run: async () => {
      const addresses = randomAddresses(count * 2, seeded(3))
      const best = await locate(addresses, world.geo)
      const visitors = visitorsOf(best, best)
      const lines = table('clients of known places', visitors.slice(0, count), world.mirrors)
      if (world.geo === undefined) return lines
      const guessed = visitorsOf(await locate(addresses, undefined), best)
      const title = 'clients with only the country known'
      return [...lines, ...table(title, guessed.slice(0, count), world.mirrors)]
    },
  }
}

/** Pairs clients with real places, and leaves out clients without either. */
function visitorsOf(located: readonly Client[], real: readonly Client[]): Visitor[] {
  return located.flatMap((client, index) => {
    const place = real[index]?.coordinates
    return client.coordinates === undefined || place === undefined ? [] : [{ client, place }]
  })
}

async function locate(addresses: readonly string[], geo: string[] | undefined): Promise<Client[]> {
  const locator = await openLocator({ geo })
  const clients = addresses.map((address) => locator.locate(address))
  await locator.close()
  return clients
}

function table(title: string, visitors: readonly Visitor[], mirrors: readonly Mirror[]): string[] {
  return [
    `${visitors.length} ${title}, ${mirrors.length} mirrors; the first mirror of a redirect:`,
    '  strategy      mean km    p95 km   in their country   most to one mirror ÷ its share of its country',
    ...STRATEGIES.map((strategy) => row(strategy, evaluate(strategy, visitors, mirrors))),
  ]
}

function row(strategy: StrategyName, { mean, p95, inside, overload }: Result): string {
  const cells = [
    mean.toFixed(0).padStart(7),
    p95.toFixed(0).padStart(9),
    `${(inside * 100).toFixed(1)} %`.padStart(18),
  ]
  return `  ${strategy.padEnd(12)}${cells.join(' ')}${overload.toFixed(2).padStart(12)}`
}

function evaluate(strategy: StrategyName, visitors: readonly Visitor[], mirrors: readonly Mirror[]): Result {
  const random = seeded(4)
  const snapshot = createSnapshot(mirrors, { ...DEFAULT_SELECTION, strategy })
  const hasMirrors = new Set(
    mirrors.filter(({ enabled, weight }) => enabled && weight > 0).map(({ location }) => location),
  )
  const distances: number[] = []
  const counts = new Map<Mirror, number>()
  let [couldBeInside, inside] = [0, 0]
  for (const { client, place } of visitors) {
    const [first] = rank(snapshot, QUERY, client, 1, random)
    if (first === undefined) continue
    if (first.point !== undefined) distances.push(distance(pointOf(place), first.point))
    if (hasMirrors.has(client.country)) {
      couldBeInside += 1
      if (first.mirror.location === client.country) {
        inside += 1
        counts.set(first.mirror, (counts.get(first.mirror) ?? 0) + 1)
      }
    }
  }
  distances.sort((a, b) => a - b)
  return {
    mean: distances.reduce((sum, km) => sum + km, 0) / distances.length,
    p95: distances[Math.floor(distances.length * 0.95)] ?? Number.NaN,
    inside: inside / couldBeInside,
    overload: overloadOf(counts, mirrors),
  }
}

/** Minimum number of clients of a country: fewer would measure chance. */
const MIN_CLIENTS = 500

function overloadOf(counts: ReadonlyMap<Mirror, number>, mirrors: readonly Mirror[]): number {
  let worst = 0
  for (const country of new Set(mirrors.map(({ location }) => location))) {
    const domestic = mirrors.filter(
      ({ location, enabled, weight }) => location === country && enabled && weight > 0,
    )
    const weight = domestic.reduce((sum, mirror) => sum + mirror.weight, 0)
    const clients = domestic.reduce((sum, mirror) => sum + (counts.get(mirror) ?? 0), 0)
    if (domestic.length < 2 || clients < MIN_CLIENTS) continue
    for (const mirror of domestic) {
      const share = (counts.get(mirror) ?? 0) / clients
      worst = Math.max(worst, share / (mirror.weight / weight))
    }
  }
  return worst
}
