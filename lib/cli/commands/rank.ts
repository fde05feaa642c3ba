import { isIP } from 'node:net'
import { type Command, InvalidArgumentError } from 'commander'
import { MirroredByError } from '../../errors.js'
import { urlPath } from '../../fields/url.js'
import { openLocator } from '../../geo/locator.js'
import { changedOnDisk, checkRoot } from '../../indexing/repository/on-disk.js'
import { mirrorStatusOf } from '../../mirrors/health/summary.js'
import { nameServers } from '../../mirrors/list/hosts.js'
import { Registry } from '../../mirrors/list/registry.js'
import { isChecked, storageKey } from '../../mirrors/presence/persistence.js'
import { ownMirrors } from '../../mirrors/ranking/own-mirrors.js'
import { explain, type Ranking } from '../../mirrors/ranking/rank.js'
import type { Client } from '../../model.js'
import { type CheckedOptions, presenceSettingsOf } from '../../options.js'
import { createPathFilter, ignoredGlobs } from '../../paths.js'
import { sqliteStore } from '../../store/sqlite.js'
import type { StoredPresence } from '../../store/states.js'
import type { CommandContext } from '../command.js'
import {
  CONFIG,
  GEO,
  JSON_OUTPUT,
  MIRRORS,
  ROOT_OPTION,
  type ServerFlags,
  STORE,
  serverOptions,
} from '../flags.js'
import { storedHealth } from '../known-mirrors.js'
import type { Output } from '../output.js'
import { restoreFiles } from '../presence.js'
import { readStates, requireIndexFile, requireStatesFile } from '../states.js'
import { table } from '../table.js'

interface RankFlags extends ServerFlags {
  ip: string
  https?: boolean
}

/** Adds `mirrored-by rank`: explains which mirrors a client gets for a file. */
export function addRankCommand(program: Command, { output }: CommandContext): void {
  program
    .command('rank')
    .description('explain which mirrors a client is given for a file')
    .argument('<path>', 'path of the file in the repository')
    .requiredOption('--ip <address>', "the client's address", parseAddress)
    .option('--https', 'rank for a client that uses https')
    .addOption(MIRRORS)
    .addOption(GEO)
    .addOption(ROOT_OPTION)
    .addOption(STORE)
    .addOption(CONFIG)
    .addOption(JSON_OUTPUT)
    .action(async (path: string, { ip, https = false, json: asJson, ...flags }: RankFlags) => {
      const result = await ranking(serverOptions(flags), path, ip, https, output)
      output.line(asJson ? JSON.stringify(result) : rankingText(result))
    })
}

function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It must be an IPv4 or IPv6 address.')
  return text
}

/**
 * @throws MirroredByError ERR_OPTIONS for a file that the repository does not have, ERR_ROOT,
 *   ERR_NO_SERVER without the index and the mirror states of a server, ERR_MIRRORS_FILE, ERR_GEO
 */
async function ranking(
  options: CheckedOptions,
  path: string,
  ip: string,
  secure: boolean,
  output: Output,
): Promise<Ranking> {
  const warning = (error: Error): void => output.warning(error.message)
  const locator = await openLocator(options)
  const locate = (address: string): Client => locator.locate(address)
  const hosts = options.lookupHosts ? { ...nameServers(), locate } : undefined
  const registry = new Registry(options.mirrors, false, options, { replaced: () => {}, warning }, hosts)
  try {
    const file = await fileToRank(options, path, warning)
    const hasMirrors = typeof options.mirrors === 'string' || options.mirrors.length > 0
    if (hasMirrors) requireStatesFile(options)
    else output.warning('no mirrors are listed: name the list of the server by --mirrors or --config')
    locator.start(false, warning)
    await registry.complete
    const stored = hasMirrors ? await readStates(options).catch(warning) : undefined
    if (stored !== undefined)
      registry.setStatuses((candidate) =>
        mirrorStatusOf(candidate, storedHealth(candidate.mirror, stored.states, options)),
      )
    setInventories(registry, options, stored?.presence)
    const own = ownMirrors(registry.snapshot.candidates, options.baseUrl)
    return explain(registry.snapshot, { ...file, secure, own }, locate(ip), urlPath(file.path))
  } finally {
    await registry.close()
    await locator.close()
  }
}

/**
 * Returns a file as the server's index and the disk have it.
 *
 * @throws MirroredByError ERR_OPTIONS if the repository has no such file, ERR_ROOT, ERR_NO_SERVER
 */
async function fileToRank(options: CheckedOptions, path: string, warning: (error: Error) => void) {
  const relative = path.replace(/^\/+/, '')
  const root = checkRoot(options.root)
  const changed = changedOnDisk(root, relative, createPathFilter(ignoredGlobs(options)))
  if (changed === undefined) throw noSuchFile(relative, root)
  const index = sqliteStore(requireIndexFile(options))
  try {
    const number = (await index.get(relative))?.number
    if (number === undefined)
      warning(new Error(`${relative} is not indexed yet: no mirror is given for it until then`))
    return { path: relative, changed, number }
  } finally {
    await index.close()
  }
}

/** Gives the registry what mirrors hold, as a server with these options would. */
function setInventories(
  registry: Registry,
  options: CheckedOptions,
  presence: StoredPresence | undefined,
): void {
  if (presenceSettingsOf(options) === undefined) return
  const mirrors = registry.snapshot.mirrors.filter(isChecked)
  const restored = restoreFiles(
    mirrors.map((mirror) => ({ id: mirror.id, key: storageKey(mirror) })),
    presence,
  )
  registry.setInventories(({ id }) => restored.get(id)?.files)
}

function noSuchFile(path: string, root: string): MirroredByError {
  return new MirroredByError(
    'ERR_OPTIONS',
    `the repository ${root} has no file ${JSON.stringify(path)}: name a file by its path below the root, ` +
      'and the root by --root or --config',
  )
}

/** Returns the ranking as text. */
function rankingText({ path, client, ranked, omitted }: Ranking): string {
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

/** Returns the known parts of `de, 50.11 north 8.68 east, AS64500`. */
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
