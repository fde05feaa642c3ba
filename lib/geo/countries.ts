import { countries } from 'countries-list'
import type { Coordinates } from '../model.js'

export function continentOf(country: string): string | undefined {
  for (const [code, { continent }] of Object.entries(countries))
    if (code === country.toUpperCase()) return continent.toLowerCase()
  return undefined
}
export function centroidOf(_country: string): Coordinates | undefined {
  return undefined
}
