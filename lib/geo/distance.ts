import type { Coordinates } from '../model.js'

/** Kilometres of the earth's mean radius (IUGG). */
const EARTH_RADIUS_KM = 6371.0088
/** Kilometres of one degree on a great circle. */
export const DEGREE_KM = (EARTH_RADIUS_KM * Math.PI) / 180

/** A place as a point on the unit sphere: between two of them no trigonometry but one arc sine is left. */
export type Point = readonly [x: number, y: number, z: number]

export function pointOf([latitude, longitude]: Coordinates): Point {
  const phi = (latitude * Math.PI) / 180
  const lambda = (longitude * Math.PI) / 180
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)]
}

/** Great-circle distance in kilometres, by the chord: exact near 0, where an arc cosine is not. */
export function distance(a: Point, b: Point): number {
  const [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
  // Not `Math.hypot`, which is ten times as slow, for the sake of numbers far from 1.
  const chord = Math.sqrt(x * x + y * y + z * z)
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2))
}
