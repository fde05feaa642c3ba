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

const WANTED = { path: 'releases/image.iso', secure: false, redirectable: true }

interface Result {
  /** Kilometres. */
  readonly mean: number
  readonly p95: number
  /** Of the clients that have a mirror in their country, how many get one there. */
  readonly inside: number
  /** Of all first places in the country where it is worst, how many times its share by weight one mirror gets. */
  readonly overload: number
}

/** A client as a strategy sees it, and where it really is. */
interface Visitor {
  readonly client: Client
  readonly place: Coordinates
}

/**
 * How far off the first mirror is that each strategy gives, and how evenly it spreads clients: those of random addresses, so
 * that each country counts by the number of its addresses. With a database of cities also what the countries alone are good
 * for, held against the cities.
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

/** Those of whom something is known, and who really are somewhere. */
function visitorsOf(seen: readonly Client[], real: readonly Client[]): Visitor[] {
  return seen.flatMap((client, index) => {
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
    const [first] = rank(snapshot, WANTED, client, 1, random)
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
    mean: distances.reduce((sum, one) => sum + one, 0) / distances.length,
    p95: distances[Math.floor(distances.length * 0.95)] ?? Number.NaN,
    inside: inside / couldBeInside,
    overload: overloadOf(counts, mirrors),
  }
}

/** Only countries of several mirrors and enough clients to tell chance from rule. */
const ENOUGH = 500

function overloadOf(counts: ReadonlyMap<Mirror, number>, mirrors: readonly Mirror[]): number {
  let worst = 0
  for (const country of new Set(mirrors.map(({ location }) => location))) {
    const own = mirrors.filter(
      ({ location, enabled, weight }) => location === country && enabled && weight > 0,
    )
    const weight = own.reduce((sum, mirror) => sum + mirror.weight, 0)
    const clients = own.reduce((sum, mirror) => sum + (counts.get(mirror) ?? 0), 0)
    if (own.length < 2 || clients < ENOUGH) continue
    for (const mirror of own) {
      const share = (counts.get(mirror) ?? 0) / clients
      worst = Math.max(worst, share / (mirror.weight / weight))
    }
  }
  return worst
}
