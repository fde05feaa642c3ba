import type { Reading } from './listed-mirror.js'
import { readColumns } from './mirrorbrain-columns.js'
import { isShown, readShown } from './mirrorbrain-show.js'
import { isSql, readSql } from './mirrorbrain-sql.js'
import { bySequence, linesOf, readUrlLines } from './url-lines.js'

/** In which order `mb export` writes the URLs of a mirror for mirmon. */
const ORDER = [['http:', 'https:'], ['ftp:'], ['rsync:']]

/**
 * Reads what MirrorBrain prints: `mb export` in the formats `postgresql`, `vcs`, `mirmon` and `mirmon-apache`,
 * `mb show` for one mirror after the other, and `mb list` with its URLs.
 */
export function readMirrorBrain(text: string): Reading {
  const lines = linesOf(text)
  if (isSql(text)) return readSql(text)
  if (isShown(lines)) return { found: readShown(lines), remarks: [] }
  // The formats for mirmon have tabs between their words, and `mb list` has none.
  if (!text.includes('\t')) return readColumns(text)
  const { lines: urlLines, remarks } = readUrlLines(text)
  return { found: bySequence(urlLines, ORDER), remarks }
}
