import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errorMessage, MirroredByError, systemCode } from '../../errors.js'
import { counted, escapeUnprintable } from '../../message-text.js'
import { mirrorsFile, written } from '../../mirrors/list/import/document.js'
import { importMirrors, type ListFormat, type ListSource } from '../../mirrors/list/import/import.js'
import type { Remark } from '../../mirrors/list/import/listed-mirror.js'
import type { Output } from '../output.js'

/** Bytes of a list. The largest that are known have some hundred thousand. */
const MAX_LIST_BYTES = 64 * 1024 * 1024

/** Of the lists' names, in the comment at the top. */
const MAX_NAMES = 5
const MAX_NAME_LENGTH = 100

/** By these endings, in a folder of lists; where there are none, every file is a list. */
const ENDINGS: { readonly [F in ListFormat]?: RegExp } = { almalinux: /\.(?:ya?ml|json)$/ }

export interface ImportRequest {
  readonly from: ListFormat
  readonly archive?: string
  readonly output?: string
  readonly force?: boolean
  readonly json?: boolean
}

/**
 * Makes a mirrors file of lists in another format: `mirrored-by mirrors import`.
 *
 * @returns whether any mirror came out of them
 * @throws MirroredByError ERR_IMPORT, ERR_OPTIONS
 */
export function importLists(paths: readonly string[], request: ImportRequest, output: Output): boolean {
  const { from, archive = 'Archive', output: target, force = false, json = false } = request
  if (request.archive !== undefined && from !== 'debian') {
    throw new MirroredByError('ERR_OPTIONS', '--archive is for lists of debian only')
  }
  if (force && target === undefined) {
    throw new MirroredByError('ERR_OPTIONS', '--force is for --output only')
  }
  const sources = paths.flatMap((path) => filesOf(path, from)).map(read)
  const { mirrors, remarks } = importMirrors(from, sources, { archive })
  for (const remark of remarks) output.warning(remarkText(remark))
  const leftOut = remarks.filter((remark) => remark.leftOut).length
  const counts = `${counted(mirrors.length, 'mirror')}, ${counted(leftOut, 'entry', 'entries')} left out`
  if (mirrors.length === 0) {
    output.warning(`nothing is imported: ${counts}`)
    return false
  }
  const origin = `Imported from ${namesOf(paths)} (${from}) by mirrored-by: ${counts}.`
  const text = json ? JSON.stringify(mirrors.map(written)) : mirrorsFile(mirrors, [origin]).trimEnd()
  if (target === undefined) output.line(text)
  else {
    write(target, `${text}\n`, force)
    output.line(`wrote ${escapeUnprintable(target)}: ${counts}`)
  }
  return true
}

/** The first few names, without their folders. */
function namesOf(paths: readonly string[]): string {
  const names = paths.map((path) => (path === '-' ? 'standard input' : basename(path)))
  const first = names.slice(0, MAX_NAMES).map((name) => escapeUnprintable(name, MAX_NAME_LENGTH))
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return `${first.join(', ')}${more}`
}

/** A file, or the files of a folder, by their names. */
function filesOf(path: string, format: ListFormat): string[] {
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

function read(path: string): ListSource {
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

/** UTF-8, or else Latin-1, which old lists are written in. */
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

/** `FILE:LINE: NAME: REASON`, as far as it is known. What comes from a list is escaped. */
function remarkText({ file, line, name, reason: text, leftOut }: Remark & { file: string }): string {
  const place = line === undefined ? file : `${file}:${line}`
  const parts = [place, ...(name === undefined ? [] : [name]), ...(leftOut ? ['left out'] : []), text]
  return parts.map((part) => escapeUnprintable(part)).join(': ')
}

/** A whole file or none: a server may be following it. */
function write(file: string, text: string, replace: boolean): void {
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
    const exists = systemCode(error) === 'EEXIST'
    const why = exists ? 'it exists; name another file, or replace it by --force' : errorMessage(error)
    throw new MirroredByError('ERR_IMPORT', `cannot write ${file}: ${why}`, error)
  }
}
