import { isIP } from 'node:net'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import * as v from 'valibot'
import { type ErrorCode, errorMessage, MirroredByError } from '../errors.js'
import { MODES } from '../model.js'
import { type CheckedOptions, checkOptions } from '../options.js'
import { index } from './commands/index.js'
import { addImportCommand } from './commands/mirrors.js'
import { addMirrorHealthCommands } from './commands/mirrors-health.js'
import { ranking, rankingText } from './commands/rank.js'
import { serve } from './commands/serve.js'
import { type Configuration, portSchema, readConfiguration } from './config.js'
import type { Output } from './output.js'

const FAILED = 1
const WRONG_USAGE = 2

/** What the user can mend by another command line or configuration. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'ERR_OPTIONS',
  'ERR_ROOT',
  'ERR_MIRRORS_FILE',
  'ERR_GEO',
  'ERR_CONFIG_FILE',
  'ERR_IMPORT',
])

/** Where a program writes, and what it shows progress on. */
export interface Terminal {
  /** What a command says, and help. */
  out(text: string): void
  /** Warnings and errors. */
  err(text: string): void
  readonly progress: NodeJS.WriteStream
}

/** Options that several commands share; names are those of `createOrigin`. */
interface CommonFlags extends Omit<Configuration, 'root'> {
  config?: string
  json?: boolean
}

/** Those that name a server. */
interface ServerFlags extends CommonFlags {
  root?: string
}

/**
 * Runs a command.
 *
 * @param args without the names of the interpreter and the program
 * @returns the exit status: 0, 1 where it failed, 2 where its usage is wrong. `serve` goes on until a signal ends the process
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0
  const program = createProgram(terminal, () => {
    status = FAILED
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    return statusOf(error, terminal)
  }
}

/** @param failed says that the status is 1, though nothing is thrown */
function createProgram(terminal: Terminal, failed: () => void): Command {
  const output: Output = {
    line: (text) => terminal.out(`${text}\n`),
    warning: (text) => terminal.err(`warning: ${text}\n`),
  }
  const program = new Command('mirrored-by')
    .description('Tells clients of a download server which mirrors hold each file, and its digests.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'mirrored-by: ')),
    })

  const config = new Option('--config <file>', 'YAML file with the options of createOrigin, port and host')
  const mirrors = new Option('--mirrors <file>', 'mirrors file')
  const geo = new Option('--geo <mmdb...>', 'databases of where clients are, most trusted first')
  const store = new Option('--store <file>', 'file that keeps the index')
  const folder = new Option(
    '--root <folder>',
    "folder of the server's repository, which tells its store (default: .)",
  )
  const json = new Option('--json', 'print data as JSON')

  program
    .command('serve')
    .description('serve a repository')
    .argument('[root]', 'folder of the repository')
    .addOption(mirrors)
    .addOption(geo)
    .option('--port <number>', 'port to listen on, 0 for a free one (default: 8080)', parsePort)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .addOption(
      new Option('--mode <mode>', 'decorate answers, or redirect to a mirror (default: decorate)').choices(
        MODES,
      ),
    )
    .addOption(store)
    .option('--base-url <url>', "URL of the repository's root on this server")
    .option('--trust-proxy <cidr...>', 'proxies whose X-Forwarded-For is believed')
    .addOption(config)
    .action(async (root: string | undefined, flags: CommonFlags) => {
      const { port = 8080, host = '127.0.0.1', ...options } = merge(root, flags)
      const { stop } = await serve({ ...options, port, host }, output)
      stopOnSignal(stop, terminal)
    })

  program
    .command('index')
    .description('bring the index of a repository up to date')
    .argument('[root]', 'folder of the repository')
    .addOption(store)
    .addOption(config)
    .addOption(json)
    .action(async (root: string | undefined, flags: CommonFlags) => {
      const { json: asJson, ...rest } = flags
      const { port: _port, host: _host, ...options } = merge(root, rest)
      const interruption = new AbortController()
      const interrupt = () => interruption.abort()
      process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
      const indexed = await index(options, output, terminal.progress, interruption.signal)
      const { files, hashed, seconds } = indexed
      if (interruption.signal.aborted) {
        output.warning(`interrupted: the ${files} files indexed so far are kept`)
        failed()
        return
      }
      output.line(
        asJson
          ? JSON.stringify(indexed)
          : `indexed ${files} files in ${seconds.toFixed(1)} s, ${hashed} of them hashed`,
      )
    })

  program
    .command('rank')
    .description('explain which mirrors a client is given for a file')
    .argument('<path>', 'path of the file in the repository')
    .requiredOption('--ip <address>', "the client's address", parseAddress)
    .option('--https', 'as for a client that came by https')
    .addOption(mirrors)
    .addOption(geo)
    .addOption(folder)
    .addOption(store)
    .addOption(config)
    .addOption(json)
    .action(async (path: string, flags: ServerFlags & { ip: string; https?: boolean }) => {
      const { ip, https = false, json: asJson, ...rest } = flags
      const result = await ranking(readServer(rest), path, ip, https, output)
      output.line(asJson ? JSON.stringify(result) : rankingText(result))
    })

  const mirrorsCommand = program.command('mirrors').description('see to mirrors, and make lists of them')
  addMirrorHealthCommands(mirrorsCommand, {
    output,
    server: [mirrors, folder, store, config],
    json,
    read: readServer,
    failed,
  })
  addImportCommand(mirrorsCommand, output, failed)
  return program
}

/** Options of a server that this process is not: where nothing tells its root, it is the working directory. */
function readServer({ root, ...flags }: ServerFlags): CheckedOptions {
  const { port: _port, host: _host, ...options } = merge(root, flags, '.')
  return checkOptions(options)
}

/** Flags stand above the configuration file. */
function merge(
  root: string | undefined,
  { config: file, ...flags }: CommonFlags,
  otherwise?: string,
): Configuration & { root: string } {
  const configuration = file === undefined ? {} : readConfiguration(file)
  const merged = { ...configuration, ...flags }
  const known = root ?? configuration.root ?? otherwise
  if (known === undefined) {
    throw new MirroredByError(
      'ERR_OPTIONS',
      'root is missing: name the folder of the repository as argument, or in --config',
    )
  }
  return { ...merged, root: known }
}

function parsePort(text: string): number {
  const port = v.safeParse(portSchema, /^\d+$/.test(text) ? Number(text) : Number.NaN)
  if (!port.success) throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return port.output
}

function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It must be an IPv4 or IPv6 address.')
  return text
}

/** The first signal stops in good order, the second at once. */
function stopOnSignal(stop: () => Promise<void>, terminal: Terminal): void {
  let stopping = false
  const signalled = (): void => {
    if (stopping) process.exit(FAILED)
    stopping = true
    stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(statusOf(error, terminal)),
    )
  }
  process.on('SIGTERM', signalled)
  process.on('SIGINT', signalled)
}

function statusOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE
  const usage = error instanceof MirroredByError && USAGE_CODES.has(error.code)
  terminal.err(`mirrored-by: ${errorMessage(error)}\n`)
  return usage ? WRONG_USAGE : FAILED
}
