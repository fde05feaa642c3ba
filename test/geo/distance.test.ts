import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DEGREE_KM, distance, pointOf } from '../../lib/geo/distance.js'
import type { Coordinates } from '../../lib/model.js'

const RADIUS = 6371.0088

function between(a: Coordinates, b: Coordinates): number {
  return distance(pointOf(a), pointOf(b))
}

/** The same distance by angles (Sinnott, 1984). */
function haversine([phi1, lambda1]: Coordinates, [phi2, lambda2]: Coordinates): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180
  const half = (degrees: number) => Math.sin(radians(degrees) / 2) ** 2
  const cosines = Math.cos(radians(phi1)) * Math.cos(radians(phi2))
  const square = half(phi2 - phi1) + cosines * half(lambda2 - lambda1)
  return 2 * RADIUS * Math.atan2(Math.sqrt(square), Math.sqrt(Math.max(0, 1 - square)))
}

function assertAbout(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not about ${expected}`)
}

const PLACES = {
  Frankfurt: [50.11, 8.68],
  'New York': [40.71, -74.01],
  London: [51.51, -0.13],
  Paris: [48.86, 2.35],
  Tokyo: [35.68, 139.69],
  Sydney: [-33.87, 151.21],
  Singapore: [1.35, 103.82],
  'São Paulo': [-23.55, -46.63],
  Johannesburg: [-26.2, 28.05],
  'San Francisco': [37.77, -122.42],
  Auckland: [-36.85, 174.76],
  Suva: [-18.14, 178.44],
  Apia: [-13.83, -171.77],
} satisfies Record<string, Coordinates>

/**
 * Kilometres of flight tables and atlases, which differ by what they take as the centre of a city.
 */
const KNOWN: readonly (readonly [from: keyof typeof PLACES, to: keyof typeof PLACES, kilometres: number])[] =
  [
    ['Frankfurt', 'New York', 6205],
    ['London', 'Paris', 344],
    ['London', 'New York', 5570],
    ['Paris', 'Tokyo', 9710],
    ['Tokyo', 'San Francisco', 8270],
    ['London', 'Sydney', 16_990],
    ['Singapore', 'Frankfurt', 10_260],
    ['Johannesburg', 'São Paulo', 7430],
    ['Sydney', 'Auckland', 2155],
    // Across the antimeridian, where plane coordinates are 350 degrees apart.
    ['Suva', 'Apia', 1150],
  ]

for (const [from, to, kilometres] of KNOWN) {
  test(`from ${from} to ${to} it is about ${kilometres} km`, () => {
    assertAbout(between(PLACES[from], PLACES[to]), kilometres, kilometres * 0.005 + 5)
    assert.equal(between(PLACES[to], PLACES[from]), between(PLACES[from], PLACES[to]))
  })
}

test('a degree is 111.195 km, along the equator and along every meridian', () => {
  assertAbout(DEGREE_KM, 111.195, 0.001)
  assertAbout(between([0, 0], [0, 1]), DEGREE_KM, 1e-9)
  assertAbout(between([0, 179.5], [0, -179.5]), DEGREE_KM, 1e-9)
  for (const longitude of [-180, -77, 0, 90, 179]) {
    assertAbout(between([0, longitude], [1, longitude]), DEGREE_KM, 1e-9)
    assertAbout(between([89, longitude], [90, longitude]), DEGREE_KM, 1e-9)
  }
})

test('a degree of longitude is half as long at 60 degrees', () => {
  assertAbout(between([60, 0], [60, 1]), DEGREE_KM / 2, 0.01)
})

test('a place is at no distance from itself, by whatever longitude a pole or the antimeridian is named', () => {
  for (const place of [...Object.values(PLACES), [0, 0], [90, 0], [-90, 12.5]] satisfies Coordinates[])
    assert.equal(between(place, place), 0)
  assertAbout(between([90, 0], [90, 123]), 0, 1e-9)
  assertAbout(between([-90, -180], [-90, 77]), 0, 1e-9)
  assertAbout(between([12, 180], [12, -180]), 0, 1e-9)
})

test('antipodes are half of a great circle apart: 20,015 km', () => {
  for (const [a, b] of [
    [
      [90, 0],
      [-90, 0],
    ],
    [
      [0, 0],
      [0, 180],
    ],
    [
      [0, -180],
      [0, 0],
    ],
    [
      [50.11, 8.68],
      [-50.11, -171.32],
    ],
  ] satisfies [Coordinates, Coordinates][]) {
    assertAbout(between(a, b), 20_015.115, 0.001)
  }
})

test('from pole to equator it is a quarter of a great circle', () => {
  for (const longitude of [-180, -1, 0, 45, 180])
    assertAbout(between([90, 17], [0, longitude]), 10_007.557, 0.001)
})

const place = fc.tuple(
  fc.oneof(fc.double({ min: -90, max: 90, noNaN: true }), fc.constantFrom(-90, 0, 90)),
  fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(-180, 0, 180)),
)

test('everywhere, it is what the haversine says', () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      // Near the antipodes both formulas lose digits: about a metre.
      assertAbout(between(a, b), haversine(a, b), 0.001)
    }),
    { numRuns: 2000 },
  )
})

test('everywhere, it is the same both ways, from 0 to 20,016 km, and no way round is shorter', () => {
  fc.assert(
    fc.property(place, place, place, (a, b, c) => {
      const direct = between(a, b)
      assert.equal(direct, between(b, a))
      assert.ok(direct >= 0 && direct <= 20_016, `${direct}`)
      assert.ok(direct <= between(a, c) + between(c, b) + 0.001)
    }),
    { numRuns: 2000 },
  )
})

test('a few metres are told from none', () => {
  assertAbout(between([50, 8], [50.000_01, 8]), 0.001_112, 0.000_001)
})
