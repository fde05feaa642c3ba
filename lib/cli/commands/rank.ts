import { urlPath } from '../../fields/url.js'
import { openLocator } from '../../geo/locator.js'
import { changedOnDisk } from '../../indexing/repository/on-disk.js'
import { mirrorStatusOf } from '../../mirrors/health/summary.js'
import { nameServers } from '../../mirrors/list/hosts.js'
import { Registry } from '../../mirrors/list/registry.js'
import { isChecked, storageKey } from '../../mirrors/presence/persistence.js'
import { explain, type Ranking } from '../../mirrors/ranking/rank.js'
import type { Client } from '../../model.js'
import { type CheckedOptions, presenceSettingsOf } from '../../options.js'
import { createPathFilter } from '../../paths.js'
import { sqliteStore } from '../../store/sqlite.js'
import type { StoredPresence } from '../../store/states.js'
import type { Output } from '../output.js'
import { readKept } from '../presence.js'
import { existingIndexFile, readStates } from '../states.js'
import { table } from '../table.js'
import { knownOf } from './mirrors-list.js'

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
  const hosts = options.lookupHosts ? { ...nameServers(), locate } : undefined
  const registry = new Registry(options.mirrors, false, options, { replaced: () => {}, warning }, hosts)
  await registry.complete
  const stored = await readStates(options).catch(warning)
  if (stored !== undefined)
    registry.setStatuses((candidate) =>
      mirrorStatusOf(candidate, knownOf(candidate.mirror, stored.states, options)),
    )
  heedFiles(registry, options, stored?.presence)
  const relative = path.replace(/^\/+/, '')
  const changed = changedOnDisk(options.root, relative, createPathFilter(options.ignore))
  const number = await numberOf(options, relative).catch(warning)
  const wanted = { path: relative, changed, secure, number: number ?? undefined }
  const result = explain(registry.snapshot, wanted, locate(ip), urlPath(relative))
  await registry.close()
  return result
}

/** What mirrors hold counts as it does for a server with these options. */
function heedFiles(registry: Registry, options: CheckedOptions, presence: StoredPresence | undefined): void {
  if (presenceSettingsOf(options) === undefined) return
  const looked = registry.snapshot.mirrors.filter(isChecked)
  const kept = readKept(
    looked.map((mirror) => ({ id: mirror.id, key: storageKey(mirror) })),
    presence,
  )
  registry.setInventories(({ id }) => kept.get(id)?.files)
}

/** Of the content that is indexed; undefined where it is not, or nothing is. */
async function numberOf(options: CheckedOptions, path: string): Promise<number | undefined> {
  const file = existingIndexFile(options)
  if (file === undefined) return undefined
  const index = sqliteStore(file)
  try {
    return (await index.get(path))?.number
  } finally {
    await index.close()
  }
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
