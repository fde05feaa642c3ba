import type { Command } from 'commander'
import { eventOf } from '../../mirrors/health/summary.js'
import type { CheckedOptions } from '../../options.js'
import type { CommandContext } from '../command.js'
import { addServerFlags, type ServerFlags, serverOptions } from '../flags.js'
import { configuredMirrors, findMirror, knownMirrors, storedHealth } from '../known-mirrors.js'
import type { Output } from '../output.js'
import { isServerRunning, requireStatesFile, storeStates, useStates } from '../states.js'

/** Adds `mirrored-by mirrors enable`. */
export function addEnableCommand(mirrors: Command, { output }: CommandContext): void {
  addServerFlags(mirrors.command('enable').description('give a mirror to clients again'))
    .argument('<id>', 'id of the mirror')
    .action((id: string, flags: ServerFlags) => switchMirror(serverOptions(flags), id, true, output))
}

/** Adds `mirrored-by mirrors disable`. */
export function addDisableCommand(mirrors: Command, { output }: CommandContext): void {
  addServerFlags(mirrors.command('disable').description('give a mirror to no client, until it is enabled'))
    .argument('<id>', 'id of the mirror')
    .action((id: string, flags: ServerFlags) => switchMirror(serverOptions(flags), id, false, output))
}

/**
 * Enables or disables a mirror. A running server applies the change within a second.
 *
 * @throws MirroredByError ERR_OPTIONS for an unknown mirror, ERR_NO_SERVER if no server has stored
 *   anything, ERR_ROOT, ERR_MIRRORS_FILE, ERR_STORE, ERR_STORE_VERSION
 */
async function switchMirror(
  options: CheckedOptions,
  id: string,
  isEnabled: boolean,
  output: Output,
): Promise<void> {
  const configured = await configuredMirrors(options)
  const file = requireStatesFile(options)
  const isRunning = await isServerRunning(options)
  await useStates(file, async (store) => {
    const states = await store.read()
    const presence = await store.presence(0)
    const mirror = findMirror(id, knownMirrors(configured, { states, presence }, options))
    if (states.disabled.has(id) !== isEnabled) {
      output.line(`${id} is ${isEnabled ? 'not disabled' : 'disabled already'}`)
    } else {
      const now = Date.now()
      const disabled = isEnabled ? undefined : now
      const health = { ...storedHealth(mirror, states, options), disabled }
      const reason = isEnabled ? 'its operator enabled it' : 'its operator disabled it'
      await storeStates(store, [
        { kind: 'disable', mirror: id, at: disabled },
        { kind: 'event', event: { ...eventOf(mirror, health, now), reason } },
      ])
      output.line(`${id} is ${isEnabled ? 'enabled' : 'disabled'}`)
    }
    if (!isRunning) output.warning(`no server runs with these files; one that does will read ${file}`)
    if (isEnabled && !mirror.enabled) output.warning(`the list of mirrors says that ${id} is not enabled`)
  })
}
