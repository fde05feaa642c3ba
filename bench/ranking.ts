import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openLocator } from '../lib/geo/locator.js'
import { type RankQuery, rank } from '../lib/mirrors/ranking/rank.js'
import { createSnapshot } from '../lib/mirrors/ranking/snapshot.js'
import type { Client } from '../lib/model.js'
import { randomAddresses, seeded } from '../test/support/random.js'
import { sample } from './network.js'
import type { World } from './networks.js'
import type { Measurement } from './report.js'

const CLIENTS = 10_000
const COUNTS = [20, 100, 527]
const ROUNDS = 20
const QUERY: RankQuery = { path: 'releases/image.iso', secure: false, redirectable: true }

/** Cost of ranking and of locating clients, without a server. */
export function ranking(world: World): Measurement {
  return {
    name: 'ranking',
    run: async () => {
      const random = seeded(2)
      const addresses = randomAddresses(CLIENTS, random)
      const locator = await openLocator({ geo: world.geo })
      const uncached = times(addresses, (address) => locator.locate(address))
      const cached = times(addresses, (address) => locator.locate(address))
      const clients = addresses.map((address) => locator.locate(address))
      await locator.close()
      const lines = [
        `locating a client: ${spread(uncached)} the first time, ${spread(cached)} again`,
        ...COUNTS.map((count) => of(count, world, clients, random)),
      ]
      return lines
    },
  }
}

function of(count: number, world: World, clients: readonly Client[], random: () => number): string {
  const snapshot = createSnapshot(sample(world.mirrors, count))
  // Run once before the measurement, so that the code is compiled.
  times(clients, (client) => rank(createSnapshot(snapshot.mirrors.slice(0, 5)), QUERY, client, 5, random))
  const before = heap()
  const places = new Set(clients.map((client) => snapshot.orderFor(client, false)))
  const kept = heap() - before
  const fresh = createSnapshot(snapshot.mirrors)
  const first = times(clients, (client) => fresh.orderFor(client, false))
  const slowest = first.toSorted((a, b) => b - a).slice(0, places.size)
  const calls: number[] = []
  for (let round = 0; round < ROUNDS; round += 1)
    calls.push(...times(clients, (client) => rank(snapshot, QUERY, client, 5, random)))
  return [
    `rank of five among ${snapshot.mirrors.length} mirrors: ${spread(calls)}`,
    `; ${places.size} places, ${spread(slowest)} the first time`,
    `, ${(kept / 1024).toFixed(0)} KiB kept`,
  ].join('')
}

/** Measures the microseconds of a call for each value. */
function times<T>(values: readonly T[], run: (value: T) => unknown): number[] {
  return values.map((value) => {
    const start = process.hrtime.bigint()
    run(value)
    return Number(process.hrtime.bigint() - start) / 1000
  })
}

function spread(microseconds: readonly number[]): string {
  const sorted = microseconds.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
  return `${at(0.5)} µs (p99 ${at(0.99)} µs)`
}

/** Returns the bytes in use after a garbage collection. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
