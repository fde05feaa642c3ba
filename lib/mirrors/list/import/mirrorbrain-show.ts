import type { ListedMirror } from './listed-mirror.js'
import { keyOf, mirrorOf } from './mirrorbrain-record.js'

const BEGIN = /^identifier\s*:/
const NEXT = /^(?:operatorName|baseurl)\s*:/
const COMMENTS = '---------- comments ----------'

/** Returns the first line of each mirror. Comments are free text and may contain `identifier:`. */
function startsOf(lines: readonly string[]): number[] {
  return lines.flatMap((line, index) =>
    BEGIN.test(line) && NEXT.test(lines[index + 1] ?? '') ? [index] : [],
  )
}

/** Whether lines are output of `mb show`, `mb edit`, or `mb export --format=vcs`. */
export function isShown(lines: readonly string[]): boolean {
  return lines.some((line, index) => BEGIN.test(line) && NEXT.test(lines[index + 1] ?? ''))
}

/** Reads the mirrors of such output. */
export function readShown(lines: readonly string[]): ListedMirror[] {
  const starts = startsOf(lines)
  return starts.map((start, index) => {
    const record = new Map<string, string>()
    for (const line of lines.slice(start, starts[index + 1])) {
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
    return mirrorOf(record, start + 1)
  })
}
