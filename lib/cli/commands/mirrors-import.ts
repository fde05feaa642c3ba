import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Command, Option } from 'commander'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import { counted, escapeUnprintable } from '../../message-text.js'
import { entryOf, mirrorsFile } from '../../mirrors/list/import/document.js'
import { importMirrors, type ListSource } from '../../mirrors/list/import/import.js'
import { LIST_FORMATS, type ListFormat } from '../../mirrors/list/import/list-format.js'
import type { Remark } from '../../mirrors/list/import/listed-mirror.js'
import { requireFormat } from '../../mirrors/list/import/recognize.js'
import type { CommandContext } from '../command.js'
import type { Output } from '../output.js'

/** Size limit of one list. The largest lists in use have some 100 KB. */
const MAX_LIST_BYTES = 64 * 1024 * 1024

/** Limits for the names of lists in the comment at the top of a mirrors file. */
const MAX_NAMES = 5
const MAX_NAME_LENGTH = 100

/** Endings of the lists in a folder, by format. Formats without endings take every file. */
const ENDINGS: { readonly [F in ListFormat]?: RegExp } = { almalinux: /\.(?:ya?ml|json)$/ }

interface ImportFlags {
  readonly from: ListFormat
  readonly archive?: string
  readonly output?: string
  readonly force?: boolean
  readonly json?: boolean
}

/** Adds `mirrored-by mirrors import`: makes a mirrors file of lists in another format. */
export function addImportCommand(mirrors: Command, { output, fail }: CommandContext): void {
  mirrors
    .command('import')
    .description('make a mirrors file of the lists of another program')
    .argument('<file...>', 'lists, folders of lists, or - for the standard input')
    .addOption(
      new Option('--from <format>', 'format of the lists').choices(LIST_FORMATS).makeOptionMandatory(),
    )
    .option('--archive <name>', 'with debian: whose fields to read, as in Archive-http (default: Archive)')
    .option('--output <file>', 'write to a new file (default: standard output)')
    .option('--force', 'replace the file of --output where it exists')
    .option('--json', 'print the list as JSON')
    .action((files: string[], flags: ImportFlags) => {
      if (!importLists(files, flags, output)) fail()
    })
}

/**
 * @returns false if the lists give no mirrors
 * @throws MirroredByError ERR_IMPORT, ERR_OPTIONS
 */
function importLists(paths: readonly string[], flags: ImportFlags, output: Output): boolean {
  const { from, archive = 'Archive', output: target, force = false, json = false } = flags
  if (flags.archive !== undefined && from !== 'debian') {
    throw new MirroredByError('ERR_OPTIONS', '--archive is for lists of debian only')
  }
  if (force && target === undefined) {
    throw new MirroredByError('ERR_OPTIONS', '--force is for --output only')
  }
  const sources = paths.flatMap((path) => listFiles(path, from)).map(readList)
  for (const source of sources) requireFormat(from, source)
  const { mirrors, remarks } = importMirrors(from, sources, { archive })
  for (const remark of remarks) output.warning(remarkText(remark))
  const leftOut = remarks.filter((remark) => remark.leftOut).length
  const counts = `${counted(mirrors.length, 'mirror')}, ${counted(leftOut, 'entry', 'entries')} left out`
  if (mirrors.length === 0) {
    output.warning(`nothing is imported: ${counts}`)
    return false
  }
  const origin = `Imported from ${namesOf(paths)} (${from}) by mirrored-by: ${counts}.`
  const text = json ? JSON.stringify(mirrors.map(entryOf)) : mirrorsFile(mirrors, [origin]).trimEnd()
  if (target === undefined) output.line(text)
  else {
    writeWhole(target, `${text}\n`, force)
    output.line(`wrote ${escapeUnprintable(target)}: ${counts}`)
  }
  return true
}

/** Returns the first names, without their folders. */
function namesOf(paths: readonly string[]): string {
  const names = paths.map((path) => (path === '-' ? 'standard input' : basename(path)))
  const first = names.slice(0, MAX_NAMES).map((name) => escapeUnprintable(name, MAX_NAME_LENGTH))
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return `${first.join(', ')}${more}`
}

/** Returns a file, or the lists of a folder, sorted by name. */
function listFiles(path: string, format: ListFormat): string[] {
  if (path === '-') return [path]
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => ENDINGS[format]?.test(name) ?? true)
    return names.sort().map((name) => join(path, name))
  } catch (error) {
    throw unreadable(path, error)
  }
}

function readList(path: string): ListSource {
  try {
    const size = path === '-' ? 0 : statSync(path).size
    const bytes = size > MAX_LIST_BYTES ? undefined : readFileSync(path === '-' ? 0 : path)
    if (bytes === undefined || bytes.length > MAX_LIST_BYTES) {
      throw new Error(`it is larger than ${MAX_LIST_BYTES / 1024 / 1024} MiB`)
    }
    return { file: path === '-' ? 'standard input' : path, text: decode(bytes) }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Decodes UTF-8, or else Latin-1, which old lists use. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('latin1').decode(bytes)
  }
}

function unreadable(path: string, error: unknown): MirroredByError {
  return new MirroredByError('ERR_IMPORT', `cannot read ${path}: ${errorMessage(error)}`, error)
}

/** Returns the known parts of `FILE:LINE: NAME: REASON`. Texts of lists are escaped. */
function remarkText({ file, line, name, reason: text, leftOut }: Remark & { file: string }): string {
  const place = line === undefined ? file : `${file}:${line}`
  const parts = [place, ...(name === undefined ? [] : [name]), ...(leftOut ? ['left out'] : []), text]
  return parts.map((part) => escapeUnprintable(part)).join(': ')
}

/** Writes a whole file or nothing, because a server may be watching the file. */
function writeWhole(file: string, text: string, replace: boolean): void {
  try {
    if (!replace) {
      writeFileSync(file, text, { flag: 'wx' })
      return
    }
    const partial = join(dirname(file), `.${basename(file)}.${process.pid}`)
    try {
      writeFileSync(partial, text, { flag: 'wx' })
      renameSync(partial, file)
    } catch (error) {
      rmSync(partial, { force: true })
      throw error
    }
  } catch (error) {
    const isTaken = systemCode(error) === 'EEXIST'
    const why = isTaken ? 'it exists; name another file, or replace it by --force' : errorMessage(error)
    throw new MirroredByError('ERR_IMPORT', `cannot write ${file}: ${why}`, error)
  }
}
