import type { Reading } from './listed-mirror.js'
import { byHost, readUrlLines } from './url-lines.js'

/** Reads a `mirror_list` of mirmon in any `list_style`. */
export function readMirmon(text: string): Reading {
  const { lines, remarks } = readUrlLines(text)
  return { mirrors: byHost(lines), remarks }
}
