import { type Command, Option } from 'commander'
import { MirroredByError } from '../errors.js'
import { type CheckedOptions, checkOptions } from '../options.js'
import { type Configuration, originOptionsOf, readConfiguration } from './config.js'

export const CONFIG = new Option(
  '--config <file>',
  'YAML file with the options of createOrigin, port, host and indexPages',
)
export const MIRRORS = new Option('--mirrors <file>', 'mirrors file')
export const GEO = new Option('--geo <mmdb...>', 'databases of where clients are, most trusted first')
export const STORE = new Option('--store <file>', 'file that keeps the index')
export const ROOT_OPTION = new Option(
  '--root <folder>',
  "folder of the server's repository, which decides its store (default: .)",
)
export const JSON_OUTPUT = new Option('--json', 'print data as JSON')

/** Adds the flags that name a server. */
export function addServerFlags(command: Command): Command {
  return command.addOption(MIRRORS).addOption(ROOT_OPTION).addOption(STORE).addOption(CONFIG)
}

/** Flags of several commands. Flags have the names of the options of `createOrigin`. */
export interface CommonFlags extends Omit<Configuration, 'root'> {
  config?: string
  json?: boolean
}

/** Flags of commands that name a server by its root, store, mirrors file or configuration. */
export interface ServerFlags extends CommonFlags {
  root?: string
}

/**
 * Returns the options of a server that runs in another process. The default root is the working
 * directory.
 *
 * @throws MirroredByError ERR_OPTIONS, ERR_CONFIG_FILE
 */
export function serverOptions({ root, ...flags }: ServerFlags): CheckedOptions {
  return checkOptions(originOptionsOf(mergeFlags(root, flags, '.')))
}

/**
 * Returns the options of the configuration file, replaced by flags where both set an option.
 *
 * @throws MirroredByError ERR_OPTIONS without a root, ERR_CONFIG_FILE
 */
export function mergeFlags(
  root: string | undefined,
  { config: file, ...flags }: CommonFlags,
  defaultRoot?: string,
): Configuration & { root: string } {
  const configuration = file === undefined ? {} : readConfiguration(file)
  const chosenRoot = root ?? configuration.root ?? defaultRoot
  if (chosenRoot === undefined) {
    throw new MirroredByError(
      'ERR_OPTIONS',
      'root is missing: name the folder of the repository as argument, or in --config',
    )
  }
  // A flag such as `--no-index-pages` is true if it is not given.
  const { indexPages: isNotRefused, ...others } = flags
  const indexPages = isNotRefused === false ? false : configuration.indexPages
  return { ...configuration, ...others, indexPages, root: chosenRoot }
}
