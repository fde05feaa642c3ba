import type { Reading } from './listed-mirror.js'
import { readColumns } from './mirrorbrain-columns.js'
import { isShown, readShown } from './mirrorbrain-show.js'
import { isSql, readSql } from './mirrorbrain-sql.js'
import { bySequence, linesOf, readUrlLines } from './url-lines.js'

/** Order in which `mb export` writes the URLs of a mirror for mirmon. */
const ORDER = [['http:', 'https:'], ['ftp:'], ['rsync:']]

/**
 * Reads the output of MirrorBrain: of `mb export` in the formats `postgresql`, `vcs`, `mirmon` and
 * `mirmon-apache`, of `mb show` for several mirrors, and of `mb list` with URLs.
 */
export function readMirrorBrain(text: string): Reading {
  const lines = linesOf(text)
  if (isSql(text)) return readSql(text)
  if (isShown(lines)) return { mirrors: readShown(lines), remarks: [] }
  // The formats for mirmon separate words by tabs; `mb list` prints no tabs.
  if (!text.includes('\t')) return readColumns(text)
  const { lines: urlLines, remarks } = readUrlLines(text)
  return { mirrors: bySequence(urlLines, ORDER), remarks }
}
