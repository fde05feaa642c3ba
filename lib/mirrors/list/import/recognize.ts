import { MirroredByError } from '../../../errors.js'
import type { ListFormat } from './list-format.js'
import { isShown } from './mirrorbrain-show.js'
import { isSql } from './mirrorbrain-sql.js'
import { linesOf } from './url-lines.js'

/** What a text is: formats of which it may be a list, or a name of something else. */
type Recognized = { readonly formats: readonly ListFormat[] } | { readonly other: string }

/** `[TYPE] CC URL`, as mirmon reads it. */
const URL_LINE = /^\s*(?:(?:http|ftp|rsync|backup)\s+)?[a-z]{2}\s+[a-z]+:\/\//i
/** A line of `mb list`: an identifier, padded to 30 columns, and columns. */
const COLUMN_LINE = /^(?=\S+\s)(?:.{30}|\S{30,}) .*(?:\s[a-z]+:\/\/|\s\w+=\w)/i

/**
 * Refuses a list that is clearly of another format. Its reader would make mirrors of wrong words.
 *
 * @throws MirroredByError ERR_IMPORT
 */
export function requireFormat(
  format: ListFormat,
  { file, text }: { readonly file: string; readonly text: string },
): void {
  const recognized = recognize(text)
  if (recognized === undefined) return
  if ('other' in recognized)
    throw new MirroredByError('ERR_IMPORT', `${file} is ${recognized.other}, and not a list of ${format}`)
  const { formats } = recognized
  if (formats.includes(format)) return
  const remedy = formats.map((name) => `--from ${name}`).join(' or ')
  throw new MirroredByError(
    'ERR_IMPORT',
    `${file} looks like a list of ${formats.join(' or ')}, and not of ${format}: import it by ${remedy}`,
  )
}

/** Returns what a text is, by its form; undefined if its form fits nothing, or everything. */
function recognize(text: string): Recognized | undefined {
  const lines = linesOf(text).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  if (lines.length === 0) return undefined
  if (/^\s*<(?:!doctype|html|\?xml)/i.test(text)) return { other: 'a web page' }
  if (lines.some((line) => /^mirrors:\s*(?:\[|$)/.test(line))) return { other: 'a mirrors file already' }
  if (isSql(text) || isShown(lines)) return { formats: ['mirrorbrain'] }
  if (lines.some((line) => /^(?:HttpURL:|Identifier\s)/.test(line))) return { formats: ['mirrorbits'] }
  if (lines.some((line) => /^Site:\s/i.test(line))) return { formats: ['debian'] }
  if (isAlmaLinux(text)) return { formats: ['almalinux'] }
  if (haveForm(lines, URL_LINE)) {
    // The exports for mirmon separate words by tabs; mirmon itself reads any space.
    return { formats: text.includes('\t') ? ['mirmon', 'mirrorbits', 'mirrorbrain'] : ['mirmon'] }
  }
  return haveForm(lines, COLUMN_LINE) ? { formats: ['mirrorbrain'] } : undefined
}

/** Returns whether more than half of the lines have a form: a list may contain bad lines. */
function haveForm(lines: readonly string[], form: RegExp): boolean {
  return lines.filter((line) => form.test(line)).length * 2 > lines.length
}

function isAlmaLinux(text: string): boolean {
  const isJson = /^\s*[[{]/.test(text) && /"address"\s*:/.test(text)
  return isJson || (/^name:\s/m.test(text) && /^address:\s*$/m.test(text))
}
