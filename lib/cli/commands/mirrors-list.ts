import type { Command } from 'commander'
import { healthOf, type MirrorHealth, timeText } from '../../mirrors/health/summary.js'
import { type MirrorPresence, presenceOf } from '../../mirrors/presence/report.js'
import type { CheckedOptions } from '../../options.js'
import type { CommandContext } from '../command.js'
import { addServerFlags, JSON_OUTPUT, type ServerFlags, serverOptions } from '../flags.js'
import { configuredMirrors, knownMirrors, storedHealth } from '../known-mirrors.js'
import { filesText, restoreFiles, troubleText } from '../presence.js'
import { readStates } from '../states.js'
import { ageText, roundTripText, table } from '../table.js'

/** Health and presence of a mirror. */
interface MirrorSummary extends MirrorHealth {
  readonly presence: MirrorPresence
}

const ASSUMED: MirrorPresence = { kind: 'assumed' }

/** Adds `mirrored-by mirrors list`: lists the mirrors of a server, with their health and files. */
export function addListCommand(mirrors: Command, { output }: CommandContext): void {
  addServerFlags(mirrors.command('list').description('list mirrors with their state and files'))
    .addOption(JSON_OUTPUT)
    .action(async ({ json: asJson, ...flags }: ServerFlags) => {
      const list = await listMirrors(serverOptions(flags))
      output.line(asJson ? JSON.stringify(list) : listText(list, Date.now()))
    })
}

/**
 * @throws MirroredByError ERR_ROOT, ERR_NO_SERVER, ERR_MIRRORS_FILE, ERR_STORE,
 *   ERR_STORE_VERSION
 */
async function listMirrors(options: CheckedOptions): Promise<readonly MirrorSummary[]> {
  const configured = await configuredMirrors(options)
  const stored = await readStates(options)
  const mirrors = knownMirrors(configured, stored, options)
  const restored = restoreFiles(mirrors, stored.presence)
  return mirrors.map((mirror) => {
    const health = storedHealth(mirror, stored.states, options)
    const events = stored.events.filter((event) => event.mirror === mirror.id)
    const files = restored.get(mirror.id)
    const presence = files === undefined ? ASSUMED : presenceOf(files)
    return { ...healthOf(mirror, health, events), presence }
  })
}

/**
 * Returns the list as text.
 *
 * @param now milliseconds since 1970
 */
function listText(list: readonly MirrorSummary[], now: number): string {
  if (list.length === 0)
    return 'no mirrors: none is listed, and the server has probed none; name its list by --mirrors or --config'
  return table([
    ['ID', 'STATE', 'SINCE', 'RTT', 'AGE', 'FILES', 'REASON'],
    ...list.map(({ id, state, since, reason, roundTrip, traced, presence }) => [
      id,
      state,
      since === undefined ? '-' : timeText(since.getTime()),
      roundTripText(roundTrip),
      traced === undefined ? '-' : ageText(now - traced.getTime()),
      filesText(presence),
      reason ?? troubleText(presence) ?? '',
    ]),
  ]).join('\n')
}
