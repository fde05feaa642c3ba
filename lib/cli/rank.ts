import { urlPath } from '../fields/url.js'
import { openLocator } from '../geo/locator.js'
import { ailmentOf } from '../health/standing.js'
import { nameServers } from '../mirrors/hosts.js'
import { explain, type Ranking } from '../mirrors/rank.js'
import { Registry } from '../mirrors/registry.js'
import type { Client } from '../model.js'
import type { CheckedOptions } from '../options.js'
import { knownOf } from './mirror-states.js'
import type { Output } from './output.js'
import { readStates } from './states.js'
import { table } from './table.js'

/**
 * Which mirrors a client would be given for a file: `mirrored-by rank`.
 *
 * @throws MirroredByError ERR_MIRRORS_FILE, ERR_GEO
 */
export async function ranking(
  options: CheckedOptions,
  path: string,
  ip: string,
  secure: boolean,
  output: Output,
): Promise<Ranking> {
  const warning = (error: Error): void => output.warning(error.message)
  const locator = await openLocator(options)
  locator.begin(false, warning)
  const locate = (address: string): Client => locator.locate(address)
  const hosts = options.resolve ? { ...nameServers(), locate } : undefined
  const registry = new Registry(options.mirrors, false, options, { replaced: () => {}, warning }, hosts)
  await registry.complete
  const states = await readStates(options).catch(warning)
  if (states !== undefined)
    registry.heed((candidate) => ailmentOf(candidate, knownOf(candidate.mirror.id, states, options)))
  const relative = path.replace(/^\/+/, '')
  const wanted = { path: relative, secure }
  const result = explain(registry.snapshot, wanted, locate(ip), urlPath(relative))
  await registry.close()
  return result
}

/** The choice as a person reads it. */
export function rankingText({ path, client, ranked, omitted }: Ranking): string {
  const lines = [`${path} for ${client.address} (${placeText(client)})`, '']
  if (ranked.length === 0) lines.push('no mirror: the origin answers')
  else {
    lines.push(
      ...table([
        ['#', 'MIRROR', 'TIER', 'KM', 'WEIGHT', 'SHARE', 'URL'],
        ...ranked.map(({ id, tier, distance, weight, share, url }, index) => [
          String(index + 1),
          id,
          tier,
          distance === undefined ? '-' : distance.toFixed(0),
          String(weight),
          share === undefined ? '-' : `${(share * 100).toFixed(1)} %`,
          url,
        ]),
      ]),
    )
  }
  if (omitted.length > 0) {
    lines.push('', ...table([['LEFT OUT', 'BECAUSE'], ...omitted.map(({ id, reason }) => [id, reason])]))
  }
  return lines.join('\n')
}

/** `de, 50.11 north 8.68 east, AS64500`: what is known. */
function placeText({ country, continent, coordinates, approximate, asn }: Client): string {
  const parts: string[] = []
  if (country !== undefined) parts.push(country)
  else if (continent !== undefined) parts.push(`continent ${continent}`)
  if (coordinates !== undefined) {
    const [latitude, longitude] = coordinates
    const north = degrees(latitude, 'north', 'south')
    parts.push(`${approximate ? 'about ' : ''}${north} ${degrees(longitude, 'east', 'west')}`)
  }
  if (asn !== undefined) parts.push(`AS${asn}`)
  return parts.length === 0 ? 'place unknown' : parts.join(', ')
}

function degrees(value: number, positive: string, negative: string): string {
  return `${Number(Math.abs(value).toFixed(2))} ${value < 0 ? negative : positive}`
}
