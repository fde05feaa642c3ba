import { type Command, Option } from 'commander'
import { LIST_FORMATS, type ListFormat } from '../../mirrors/list/import/import.js'
import type { Output } from '../output.js'
import { importLists } from './mirrors-import.js'

interface ImportFlags {
  from: ListFormat
  archive?: string
  output?: string
  force?: boolean
  json?: boolean
}

/**
 * Adds the commands of `mirrored-by mirrors`.
 *
 * @param failed says that the status is 1
 */
export function addImportCommand(mirrors: Command, output: Output, failed: () => void): void {
  mirrors
    .command('import')
    .description('make a mirrors file of the lists of another program')
    .argument('<file...>', 'lists, folders of lists, or - for the standard input')
    .addOption(
      new Option('--from <format>', 'whose lists they are').choices(LIST_FORMATS).makeOptionMandatory(),
    )
    .option('--archive <name>', 'with debian: whose fields to read, as in Archive-http (default: Archive)')
    .option('--output <file>', 'write to a new file (default: standard output)')
    .option('--force', 'replace the file of --output where it exists')
    .option('--json', 'print the list as JSON')
    .action((files: string[], flags: ImportFlags) => {
      if (!importLists(files, flags, output)) failed()
    })
}
