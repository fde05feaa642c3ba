import { withoutCredentials } from '../../../message-text.js'
import type { Mirror } from '../../../model.js'
import { readAlmaLinux } from './almalinux.js'
import { readDebian } from './debian.js'
import { checkEntry } from './entry.js'
import { Ids } from './ids.js'
import type { ListFormat } from './list-format.js'
import type { Reading, Remark } from './listed-mirror.js'
import { readMirmon } from './mirmon.js'
import { readMirrorbits } from './mirrorbits.js'
import { readMirrorBrain } from './mirrorbrain.js'

export interface ImportOptions {
  /** Debian's lists have several trees per mirror; see `readDebian`. */
  readonly archive: string
}

/** A list with the name of its file. */
export interface ListSource {
  readonly file: string
  readonly text: string
}

export interface Imported {
  readonly mirrors: readonly Mirror[]
  readonly remarks: readonly (Remark & { readonly file: string })[]
}

const READERS: { readonly [F in ListFormat]: (text: string, options: ImportOptions) => Reading } = {
  almalinux: readAlmaLinux,
  debian: (text, { archive }) => readDebian(text, archive),
  mirmon: readMirmon,
  mirrorbits: readMirrorbits,
  mirrorbrain: readMirrorBrain,
}

/** Converts lists of one format to mirrors. Remarks name everything that cannot be converted. */
export function importMirrors(
  format: ListFormat,
  sources: readonly ListSource[],
  options: ImportOptions,
): Imported {
  const mirrors: Mirror[] = []
  const remarks: (Remark & { file: string })[] = []
  const ids = new Ids()
  const firstPlaces = new Map<string, string>()
  for (const { file, text } of sources) {
    const reading = READERS[format](text, options)
    const fileRemarks = reading.remarks.map((remark) => ({ ...remark, file }))
    for (const listed of reading.mirrors) {
      const { line } = listed
      const remark = (name: unknown, reason: string, leftOut = false) => {
        fileRemarks.push({ file, line, name: typeof name === 'string' ? name : undefined, reason, leftOut })
      }
      const result = checkEntry(listed)
      const name = 'mirror' in result ? result.mirror.id : (listed.name ?? nameOf(listed.urls, listed.rsync))
      for (const reason of result.remarks) remark(name, reason)
      if ('refusal' in result) {
        remark(name, result.refusal, true)
        continue
      }
      const { mirror } = result
      const content = JSON.stringify([mirror.id, mirror.urls])
      const place = firstPlaces.get(content)
      if (place !== undefined) {
        remark(name, `it is the same as in ${place}`, true)
        continue
      }
      firstPlaces.set(content, line === undefined ? file : `${file}:${line}`)
      const id = ids.take(mirror.id)
      if (id !== mirror.id) remark(name, `another mirror has this id; it becomes ${id}`)
      mirrors.push({ ...mirror, id })
    }
    // Sort by line; remarks on the whole file come last.
    fileRemarks.sort((a, b) => (a.line ?? Number.MAX_VALUE) - (b.line ?? Number.MAX_VALUE))
    for (const remark of fileRemarks) remarks.push(remark)
  }
  return { mirrors, remarks }
}

/** Returns the URL of a mirror without a name, for remarks. */
function nameOf(urls: readonly unknown[], rsync: unknown): string | undefined {
  const url = [...urls, rsync].find((value) => typeof value === 'string')
  return url === undefined ? undefined : withoutCredentials(url)
}
