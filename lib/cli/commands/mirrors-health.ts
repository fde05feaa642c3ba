import type { Command, Option } from 'commander'
import type { CheckedOptions } from '../../options.js'
import type { Output } from '../output.js'
import { checkMirror, checkText } from './mirrors-check.js'
import { listMirrors, listText, switchMirror } from './mirrors-list.js'

/** Flags that these commands share. */
export interface MirrorsFlags {
  readonly json?: boolean
}

/** What these commands are given by the program. */
export interface MirrorsCommandDependencies {
  readonly output: Output
  /** Options that name the server which is meant. */
  readonly server: readonly Option[]
  readonly json: Option
  /** What they say, together with the configuration. */
  readonly read: (flags: object) => CheckedOptions
  /** Says that the status is 1. */
  readonly failed: () => void
}

/** Adds `list`, `enable`, `disable` and `check` to `mirrored-by mirrors`. */
export function addMirrorHealthCommands(
  mirrors: Command,
  { output, server, json, read, failed }: MirrorsCommandDependencies,
): void {
  const add = (name: string, description: string): Command => {
    const command = mirrors.command(name).description(description)
    for (const option of server) command.addOption(option)
    return command
  }

  add('list', 'tell how mirrors fare')
    .addOption(json)
    .action(async ({ json: asJson, ...flags }: MirrorsFlags) => {
      const list = await listMirrors(read(flags))
      output.line(asJson ? JSON.stringify(list) : listText(list))
    })

  for (const [name, isOn, what] of [
    ['enable', true, 'give a mirror to clients again'],
    ['disable', false, 'give a mirror to no client, until it is enabled'],
  ] as const) {
    add(name, what)
      .argument('<id>', 'id of the mirror')
      .action(async (id: string, flags: MirrorsFlags) => {
        await switchMirror(read(flags), id, isOn, output)
      })
  }

  add('check', 'probe a mirror now; the status is 1 where it is down')
    .argument('<id>', 'id of the mirror')
    .addOption(json)
    .action(async (id: string, { json: asJson, ...flags }: MirrorsFlags) => {
      const checked = await checkMirror(read(flags), id)
      output.line(asJson ? JSON.stringify(checked) : checkText(checked))
      if (!checked.up) failed()
    })
}
