import assert from 'node:assert/strict'
import { DEGREE_KM } from '../../lib/geo/distance.js'
import type { Choice, Proximity } from '../../lib/mirrors/ranking/strategies/strategy.js'
import type { Client, Coordinates, Mirror } from '../../lib/model.js'

/** Returns a mirror without restrictions, apart from those in `properties`. */
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

/**
 * Returns the proximity of a mirror, as strategies get it, at a distance in kilometres. In every
 * other way the mirror is far from the client.
 */
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

/**
 * The middle of a square of a quarter of a degree: clients are grouped by such squares, so the
 * place stays exact.
 */
export const HERE: Coordinates = [0.125, 0.125]
/** A client at `HERE`. By everything else it is in Germany, and so in Europe. */
export const SOMEONE: Client = {
  address: '192.0.2.1',
  country: 'de',
  continent: 'eu',
  coordinates: HERE,
  asn: 64_500,
}

/** Returns the place so many kilometres north of `HERE`. */
export function north(kilometres: number): Coordinates {
  return [HERE[0] + kilometres / DEGREE_KM, HERE[1]]
}

export function ids(ranked: readonly { readonly mirror: Mirror }[]): string[] {
  return ranked.map(({ mirror: { id } }) => id)
}

/**
 * Returns a choice in short: `country a=100 b=50` if shares decide, `world c, d` if the order does.
 */
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

/** Returns a source of exactly these random numbers. */
export function draws(...numbers: readonly number[]): () => number {
  const left = [...numbers]
  return () => left.shift() ?? assert.fail(`more than ${numbers.length} draws`)
}

/** Counts the results of a function over many rounds. */
export function countOf(rounds: number, answer: () => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (let round = 0; round < rounds; round += 1) {
    const one = answer()
    counts.set(one, (counts.get(one) ?? 0) + 1)
  }
  return counts
}

/**
 * Fails if counts differ from expected shares, by Pearson's chi-square. One in a million runs of
 * fair draws would fail; the draws here are the same in every run.
 */
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
