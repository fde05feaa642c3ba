import type { ListedMirror } from './listed-mirror.js'
import { keyOf, mirrorOf } from './mirrorbrain-record.js'

const BEGIN = /^identifier\s*:/
const NEXT = /^(?:operatorName|baseurl)\s*:/
const COMMENTS = '---------- comments ----------'

/** Where the lines of each mirror begin. Its comments are free text and may well say `identifier:`. */
function starts(lines: readonly string[]): number[] {
  return lines.flatMap((line, index) =>
    BEGIN.test(line) && NEXT.test(lines[index + 1] ?? '') ? [index] : [],
  )
}

/** Whether these are the lines of `mb show`, `mb edit`, or a file of `mb export --format=vcs`. */
export function isShown(lines: readonly string[]): boolean {
  return lines.some((line, index) => BEGIN.test(line) && NEXT.test(lines[index + 1] ?? ''))
}

/** Reads the mirrors of such lines, one after the other. */
export function readShown(lines: readonly string[]): ListedMirror[] {
  const begins = starts(lines)
  return begins.map((begin, index) => {
    const record = new Map<string, string>()
    for (const line of lines.slice(begin, begins[index + 1])) {
      if (line === COMMENTS) break
      const colon = line.indexOf(':')
      if (colon === -1) continue
      const name = keyOf(line.slice(0, colon))
      const value = line.slice(colon + 1).trim()
      if (name === 'lat,lng') {
        const [latitude = '', longitude = ''] = value.split(',', 2)
        record.set('lat', latitude).set('lng', longitude)
      } else if (!record.has(name)) record.set(name, value)
    }
    return mirrorOf(record, begin + 1)
  })
}
