import { continentCodeOf, wordsOf } from './values.js'

/** A remark where the list has a mirror of one continent on another. A mirrors file has only the country. */
export function aboutContinent(continent: unknown, country: unknown): string[] {
  const [code = ''] = wordsOf(continent)
  const own = continentCodeOf(country)
  if (code === '' || own === undefined || code.toLowerCase() === own) return []
  return [`it serves the continent ${JSON.stringify(code)}; here that is ${own}, the one of its country`]
}
