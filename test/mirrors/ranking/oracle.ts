import { BlockList, isIP } from 'node:net'
import { centroidOf, continentOf } from '../../../lib/geo/countries.js'
import type { StrategyName } from '../../../lib/mirrors/ranking/strategies/strategies.js'
import type { Client, Coordinates, Mirror } from '../../../lib/model.js'

/** A request in the words of docs/mirrors.md. */
export interface Case {
  readonly strategy: StrategyName
  readonly nearFactor: number
  readonly preferSecure: boolean
  readonly mirrors: readonly Mirror[]
  readonly client: Client
  readonly secure: boolean
  readonly isRedirect: boolean
  readonly path: string
  readonly avoid: ReadonlySet<string>
  /** Ids of mirrors that are down, lack the file, hold another version or are unchecked for it. */
  readonly unavailable: ReadonlySet<string>
}

/** Mirrors that come before all later groups. */
export interface Group {
  readonly ids: readonly string[]
  /** Probability of each mirror to be the first of the group in a redirect. Undefined: in order. */
  readonly shares: readonly number[] | undefined
}

export interface Expected {
  readonly groups: readonly Group[]
  readonly limit: number
}

/** A mirror as a client sees it. */
interface Seen {
  readonly mirror: Mirror
  readonly km: number | undefined
  readonly bits: number | undefined
  readonly sameAsn: boolean
  readonly inOwnCountry: boolean
  readonly inOtherCountry: boolean
  readonly sameContinent: boolean
}

/** Returns what docs/mirrors.md says of a request. It shares no code with the ranking. */
export function expected(request: Case): Expected {
  const serving = request.mirrors
    .filter((mirror) => mirror.enabled && mirror.weight > 0 && hasUrl(mirror, request))
    .map((mirror) => see(mirror, request.client))
    .filter((seen) => serves(seen, request.client))
  const usable = serving.filter(({ mirror }) => isUsable(mirror, request))
  const others = serving.filter((seen) => !usable.includes(seen))
  const parts = [usable, others]
    .map((all) => ({ all, fit: all.filter((seen) => isFit(seen, request)) }))
    .filter(({ fit }) => fit.length > 0)
    .map(({ all, fit }) => RULES[request.strategy](fit, all, request))
  return { groups: parts.flatMap(({ groups }) => groups), limit: parts[0]?.limit ?? Number.POSITIVE_INFINITY }
}

function hasUrl({ urls }: Mirror, { secure }: Case): boolean {
  return !secure || urls.some((url) => url.startsWith('https:'))
}

/** Whether a mirror that serves the client can be named to it for this very file. */
function isFit({ mirror }: Seen, { path, avoid, unavailable, isRedirect }: Case): boolean {
  const { id, urls, paths } = mirror
  const names = [id, ...urls.map((url) => new URL(url).hostname)]
  // The cases have these lists of paths alone.
  const carries = paths.length === 0 || (paths[0] === '!iso/**') !== path.startsWith('iso/')
  const canRedirect = urls.some((url) => /^https?:/.test(url))
  return (
    carries && !unavailable.has(id) && !names.some((name) => avoid.has(name)) && (!isRedirect || canRedirect)
  )
}

/** Whether the client can probably use the mirror. The others come last. */
function isUsable({ family, urls }: Mirror, { client, secure, preferSecure }: Case): boolean {
  const own = client.address === '' ? client.family : isIP(client.address) === 6 ? 'ipv6' : 'ipv4'
  const hasFamily = family === undefined || own === undefined || family === own
  const hasScheme =
    secure ||
    preferSecure ||
    urls.some((url) => url.startsWith('http:')) ||
    !urls.some((url) => url.startsWith('https:'))
  return hasFamily && hasScheme
}

function serves({ mirror, bits, sameAsn, ...seen }: Seen, { country, assumed }: Client): boolean {
  if (country !== undefined && mirror.excludes.includes(country)) return false
  const inNetwork = bits !== undefined || sameAsn
  if (mirror.private && (assumed === true || !inNetwork)) return false
  const inCountry = inNetwork || seen.inOwnCountry || seen.inOtherCountry
  const circles = {
    world: true,
    continent: inCountry || seen.sameContinent,
    country: inCountry,
    asn: inNetwork,
    subnet: bits !== undefined,
  }
  return circles[mirror.serves]
}

function see(mirror: Mirror, { address, country, continent, coordinates, asn }: Client): Seen {
  const { location } = mirror
  const place = mirror.coordinates ?? (location === undefined ? undefined : centroidOf(location))
  const own = location === undefined ? undefined : continentOf(location)
  return {
    mirror,
    km: place && coordinates && kilometres(place, coordinates),
    bits: longestPrefix(mirror.subnets, address),
    sameAsn: asn !== undefined && mirror.asn.includes(asn),
    inOwnCountry: country !== undefined && location === country,
    inOtherCountry: country !== undefined && location !== country && mirror.countries.includes(country),
    sameContinent: own !== undefined && own === continent,
  }
}

function longestPrefix(subnets: readonly string[], address: string): number | undefined {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const lengths = subnets.flatMap((subnet) => {
    const [network = '', bits] = subnet.split('/')
    if (isIP(address) === 0 || isIP(network) !== isIP(address)) return []
    const list = new BlockList()
    list.addSubnet(network, Number(bits), family)
    return list.check(address, family) ? [Number(bits)] : []
  })
  return lengths.length === 0 ? undefined : Math.max(...lengths)
}

const DEGREES = Math.PI / 180
const EARTH_KM = 6371.0088

/** Returns the length of a great circle, by the haversine formula. */
function kilometres([latitudeA, longitudeA]: Coordinates, [latitudeB, longitudeB]: Coordinates): number {
  const height = Math.sin(((latitudeB - latitudeA) * DEGREES) / 2) ** 2
  const width = Math.sin(((longitudeB - longitudeA) * DEGREES) / 2) ** 2
  const cosines = Math.cos(latitudeA * DEGREES) * Math.cos(latitudeB * DEGREES)
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(height + cosines * width)))
}

type Rule = (fit: readonly Seen[], all: readonly Seen[], request: Case) => Expected

const RULES: { readonly [S in StrategyName]: Rule } = {
  nearest: (fit, _all, { nearFactor, client }) => {
    const groups = tiersOf(fit).flatMap(([tier, members]): Group[] => {
      if (tier === 'subnet') return byPrefix(members)
      const located = members.filter(({ km }) => km !== undefined)
      const isCountryOnly = client.approximate === true && (tier === 'asn' || tier === 'country')
      if (located.length === 0 || isCountryOnly) return [byWeight(members)]
      const closest = Math.min(...located.map(({ km = 0 }) => km))
      const isNear = ({ km = 0 }: Seen) => km <= Math.max(closest * nearFactor, 50)
      return [
        byWeight(located.filter(isNear)),
        inOrder(sortedByDistance(located.filter((seen) => !isNear(seen)))),
        byWeight(members.filter(({ km }) => km === undefined)),
      ]
    })
    return { groups: groups.filter(({ ids }) => ids.length > 0), limit: Number.POSITIVE_INFINITY }
  },

  mirrorbits: (fit, all, { nearFactor, client }) => {
    if (client.coordinates === undefined)
      return { groups: [{ ids: idsOf(fit), shares: fit.map(() => 1 / fit.length) }], limit: 5 }
    // Closest and farthest of all that serve the client, whether or not they have the file.
    const distances = all.flatMap(({ km }) => km ?? [])
    const closest = Math.min(...distances)
    const farthest = Math.max(0, ...distances)
    const excessOf = (seen: Seen) =>
      mirrorbitsScore(seen, closest, farthest, nearFactor) - Math.trunc(farthest)
    const sorted = fit.toSorted((a, b) => excessOf(b) - excessOf(a) || heavierFirst(a, b))
    const drawn = sorted.filter((seen) => excessOf(seen) > 0)
    const withShare = all.filter((seen) => excessOf(seen) > 0).length
    const sum = drawn.reduce((total, seen) => total + excessOf(seen), 0)
    const groups = [
      { ids: idsOf(drawn), shares: drawn.map((seen) => excessOf(seen) / sum) },
      inOrder(sorted.slice(drawn.length)),
    ]
    return {
      groups: groups.filter(({ ids }) => ids.length > 0),
      limit: withShare === 0 ? 5 : Math.min(5, withShare),
    }
  },

  almalinux: (fit, _all, { client }) => {
    const isLocated = client.country !== undefined || client.coordinates !== undefined
    const group = (members: readonly Seen[]) =>
      isLocated ? inOrder(sortedByDistance(members)) : byWeight(members)
    const isNetwork = ({ bits, sameAsn }: Seen) => bits !== undefined || sameAsn
    const network = fit.filter(isNetwork)
    const rest = fit.filter((seen) => !isNetwork(seen))
    const nonEmpty = (...lists: readonly (readonly Seen[])[]) =>
      lists.filter((list) => list.length > 0).map(group)
    if (network.length > 0) return { groups: nonEmpty(network, rest), limit: Math.max(5, network.length) }
    if (!isLocated) return { groups: nonEmpty(rest), limit: Number.POSITIVE_INFINITY }
    const inCountry = ({ inOwnCountry, inOtherCountry }: Seen) => inOwnCountry || inOtherCountry
    const elsewhere = rest.filter((seen) => !inCountry(seen))
    return {
      groups: nonEmpty(
        rest.filter(inCountry),
        elsewhere.filter(({ sameContinent }) => sameContinent),
        elsewhere.filter(({ sameContinent }) => !sameContinent),
      ),
      limit: 10,
    }
  },

  mirrorbrain: (fit, _all, { client }) => {
    const groups = tiersOf(fit).flatMap(([, members]): Group[] => {
      if (client.coordinates === undefined) return [byWeight(members)]
      const degree = (EARTH_KM * Math.PI) / 180
      const rankOf = ({ km = Number.POSITIVE_INFINITY, mirror }: Seen) =>
        (km / degree) * 1000 + 2_000_000 / members.length / mirror.weight
      const ranks = [...new Set(members.map(rankOf))].sort((a, b) => a - b)
      return ranks.map((rank) => {
        const equals = members.filter((seen) => rankOf(seen) === rank)
        return equals.length === 1 ? inOrder(equals) : byWeight(equals)
      })
    })
    return { groups, limit: Number.POSITIVE_INFINITY }
  },
}

function mirrorbitsScore(
  { km, inOwnCountry, inOtherCountry, sameAsn, mirror }: Seen,
  closest: number,
  farthest: number,
  range: number,
): number {
  const distance = km ?? farthest
  const most = Math.trunc(farthest)
  let score = most - Math.trunc(distance) + 1
  if (distance <= range * closest) score += Math.trunc(inOwnCountry ? most - distance : (most - distance) / 2)
  else if (inOwnCountry) score += Math.trunc(most - 5 * distance)
  else if (inOtherCountry) score += Math.trunc(most - closest)
  if (sameAsn) score += Math.trunc(most / 2)
  return Math.trunc(Math.max(1, score + (score * (mirror.weight - 100)) / 100 + 0.5))
}

const TIERS = ['subnet', 'asn', 'country', 'continent', 'world'] as const

function tiersOf(seen: readonly Seen[]): [tier: (typeof TIERS)[number], members: Seen[]][] {
  return TIERS.map((tier): [(typeof TIERS)[number], Seen[]] => [
    tier,
    seen.filter((one) => tierOf(one) === tier),
  ]).filter(([, members]) => members.length > 0)
}

function tierOf({
  bits,
  sameAsn,
  inOwnCountry,
  inOtherCountry,
  sameContinent,
}: Seen): (typeof TIERS)[number] {
  if (bits !== undefined) return 'subnet'
  if (sameAsn) return 'asn'
  if (inOwnCountry || inOtherCountry) return 'country'
  return sameContinent ? 'continent' : 'world'
}

function byPrefix(members: readonly Seen[]): Group[] {
  const lengths = [...new Set(members.map(({ bits = 0 }) => bits))].sort((a, b) => b - a)
  return lengths.map((length) => byWeight(members.filter(({ bits }) => bits === length)))
}

function byWeight(members: readonly Seen[]): Group {
  const sorted = members.toSorted(heavierFirst)
  const sum = sorted.reduce((total, { mirror }) => total + mirror.weight, 0)
  return { ids: idsOf(sorted), shares: sorted.map(({ mirror }) => mirror.weight / sum) }
}

function inOrder(members: readonly Seen[]): Group {
  return { ids: idsOf(members), shares: undefined }
}

function sortedByDistance(members: readonly Seen[]): Seen[] {
  const far = Number.MAX_VALUE
  return members.toSorted((a, b) => (a.km ?? far) - (b.km ?? far) || heavierFirst(a, b))
}

function heavierFirst({ mirror: a }: Seen, { mirror: b }: Seen): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : 1)
}

function idsOf(members: readonly Seen[]): string[] {
  return members.map(({ mirror }) => mirror.id)
}
