import type { Coordinates } from '../model.js'

/** Mean radius of the earth (IUGG). */
const EARTH_RADIUS_KM = 6371.0088
/** Length of one degree on a great circle. */
export const DEGREE_KM = (EARTH_RADIUS_KM * Math.PI) / 180

/** A point on the unit sphere. Precomputed, so that a distance costs a single arc sine. */
export type Point = readonly [x: number, y: number, z: number]

export function pointOf([latitude, longitude]: Coordinates): Point {
  const phi = (latitude * Math.PI) / 180
  const lambda = (longitude * Math.PI) / 180
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)]
}

/**
 * Returns the great-circle distance in kilometres, by the chord. Near 0 an arc cosine is inexact.
 */
export function distance(a: Point, b: Point): number {
  const [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
  // `Math.hypot` is ten times slower, because it also handles numbers far from 1.
  const chord = Math.sqrt(x * x + y * y + z * z)
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2))
}
