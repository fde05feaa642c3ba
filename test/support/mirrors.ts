import assert from 'node:assert/strict'
import { DEGREE_KM } from '../../lib/geo/distance.js'
import type { Choice, Proximity } from '../../lib/mirrors/ranking/strategies/strategy.js'
import type { Client, Coordinates, Mirror } from '../../lib/model.js'

/** A mirror for everyone, unless told otherwise. */
export function mirror(id: string, properties: Partial<Mirror> = {}): Mirror {
  return {
    id,
    urls: [`https://${id}.example/repo/`],
    countries: [],
    asn: [],
    subnets: [],
    weight: 100,
    paths: [],
    serves: 'world',
    excludes: [],
    private: false,
    trust: false,
    enabled: true,
    redirects: false,
    probe: true,
    ...properties,
  }
}

/** A mirror as strategies are given it, at a distance in kilometres; far from the client in every other way. */
export function near(
  id: string,
  distance: number | undefined,
  seen: Partial<Proximity> = {},
  properties: Partial<Mirror> = {},
): Proximity {
  return {
    mirror: mirror(id, properties),
    distance,
    prefix: undefined,
    sameAsn: false,
    country: undefined,
    sameContinent: false,
    ...seen,
  }
}

/** The middle of a square of a quarter of a degree, so that it stays where it is when clients are put together. */
export const HERE: Coordinates = [0.125, 0.125]
/** Someone there, in Germany by all other signs, and so in Europe. */
export const SOMEONE: Client = {
  address: '192.0.2.1',
  country: 'de',
  continent: 'eu',
  coordinates: HERE,
  asn: 64_500,
}

/** So many kilometres from there, along a meridian. */
export function north(kilometres: number): Coordinates {
  return [HERE[0] + kilometres / DEGREE_KM, HERE[1]]
}

export function ids(ranked: readonly { readonly mirror: Mirror }[]): string[] {
  return ranked.map(({ mirror: { id } }) => id)
}

/** A choice in few words: `country a=100 b=50` where shares decide, `world c, d` where the order does. */
export function words({ tiers }: Choice): string[] {
  return tiers
    .filter(({ mirrors }) => mirrors.length > 0)
    .map(({ name, mirrors, shares }) => {
      const names = ids(mirrors)
      if (shares === undefined) return `${name} ${names.join(', ')}`
      return `${name} ${names.map((id, index) => `${id}=${shares[index]}`).join(' ')}`
    })
}

export { seeded as seededDraw } from './random.js'

/** These numbers, one after the other, and no others. */
export function draws(...numbers: readonly number[]): () => number {
  const left = [...numbers]
  return () => left.shift() ?? assert.fail(`more than ${numbers.length} draws`)
}

/** How often each answer comes in so many rounds. */
export function countOf(rounds: number, answer: () => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (let round = 0; round < rounds; round += 1) {
    const one = answer()
    counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  return counts
}

/** Pearson's chi-square, at a level that one run in a million of fair draws misses (the draws here are the same each time). */
export function assertProportions(
  counts: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
  rounds: number,
): void {
  assert.deepEqual([...counts.keys()].sort(), [...expected.keys()].sort())
  let statistic = 0
  for (const [key, share] of expected) {
    const mean = share * rounds
    statistic += ((counts.get(key) ?? 0) - mean) ** 2 / mean
  }
  const degrees = expected.size - 1
  const limit = degrees + 6 * Math.sqrt(2 * degrees) + 10
  assert.ok(
    statistic < limit,
    `chi-square ${statistic} with ${degrees} degrees of freedom: ${JSON.stringify([...counts])}`,
  )
}
