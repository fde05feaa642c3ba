import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import * as v from 'valibot'
import type { CommandContext } from './command.js'
import { addIndexCommand } from './commands/index.js'
import { addCheckCommand } from './commands/mirrors-check.js'
import { addImportCommand } from './commands/mirrors-import.js'
import { addListCommand } from './commands/mirrors-list.js'
import { addDisableCommand, addEnableCommand } from './commands/mirrors-switch.js'
import { addRankCommand } from './commands/rank.js'
import { addServeCommand } from './commands/serve.js'
import { FAILED, reportError } from './exit-status.js'
import { outputOf, type Terminal } from './output.js'

/**
 * Runs a command. `serve` continues in the background until a signal ends the process.
 *
 * @param args without the names of the interpreter and the program
 * @returns the exit status: 0, 1 if the command failed, 2 if its usage is wrong
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0
  const fail = () => {
    status = FAILED
  }
  try {
    const program = createProgram({ terminal, output: outputOf(terminal), fail })
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    return reportError(error, terminal)
  }
}

/** Returns the version of this package. */
function version(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const text = readFileSync(join(here, '..', '..', '..', 'package.json'), 'utf8')
  return v.parse(v.object({ version: v.string() }), JSON.parse(text)).version
}

function createProgram(context: CommandContext): Command {
  const { terminal } = context
  const program = new Command('mirrored-by')
    .description('Tells clients of a download server which mirrors hold each file, and its digests.')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'mirrored-by: ')),
    })
  addServeCommand(program, context)
  addIndexCommand(program, context)
  addRankCommand(program, context)

  const mirrors = program.command('mirrors').description('manage mirrors, and import lists of mirrors')
  addListCommand(mirrors, context)
  addEnableCommand(mirrors, context)
  addDisableCommand(mirrors, context)
  addCheckCommand(mirrors, context)
  addImportCommand(mirrors, context)
  return program
}
