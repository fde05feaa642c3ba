import { distance, pointOf } from '../lib/geo/distance.js'
import { openLocator } from '../lib/geo/locator.js'
import { rank } from '../lib/mirrors/rank.js'
import { createSnapshot, DEFAULT_CHOOSING } from '../lib/mirrors/snapshot.js'
import { STRATEGIES, type StrategyName } from '../lib/mirrors/strategies/strategies.js'
import type { Client, Mirror } from '../lib/model.js'
import type { World } from './networks.js'
import { randomAddresses, seeded } from './random.js'
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

/**
 * How far off the first mirror is that each strategy gives, and how evenly it spreads clients: those of random addresses, so
 * that each country counts by the number of its addresses.
 */
export function quality({ clients: count }: Scale['quality'], world: World): Measurement {
  return {
    name: 'quality of strategies',
    run: async () => {
      const draw = seeded(3)
      const locator = await openLocator({ geo: world.geo })
      const clients = randomAddresses(count * 2, draw)
        .map((address) => locator.locate(address))
        .filter(({ coordinates }) => coordinates !== undefined)
        .slice(0, count)
      await locator.close()
      const rows = STRATEGIES.map((strategy) => row(strategy, evaluate(strategy, clients, world.mirrors)))
      return [
        `${clients.length} clients of known places, ${world.mirrors.length} mirrors; the first mirror of a redirect:`,
        '  strategy      mean km    p95 km   in their country   most to one mirror ÷ its share of its country',
        ...rows,
      ]
    },
  }
}

function row(strategy: StrategyName, { mean, p95, inside, overload }: Result): string {
  const cells = [
    mean.toFixed(0).padStart(7),
    p95.toFixed(0).padStart(9),
    `${(inside * 100).toFixed(1)} %`.padStart(18),
  ]
  return `  ${strategy.padEnd(12)}${cells.join(' ')}${overload.toFixed(2).padStart(12)}`
}

function evaluate(strategy: StrategyName, clients: readonly Client[], mirrors: readonly Mirror[]): Result {
  const draw = seeded(4)
  const snapshot = createSnapshot(mirrors, { ...DEFAULT_CHOOSING, strategy })
  const hasMirrors = new Set(
    mirrors.filter(({ enabled, weight }) => enabled && weight > 0).map(({ location }) => location),
  )
  const distances: number[] = []
  const counts = new Map<Mirror, number>()
  let [couldBeInside, inside] = [0, 0]
  for (const client of clients) {
    const [first] = rank(snapshot, WANTED, client, 1, draw)
    if (first === undefined || client.coordinates === undefined) continue
    if (first.point !== undefined) distances.push(distance(pointOf(client.coordinates), first.point))
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
