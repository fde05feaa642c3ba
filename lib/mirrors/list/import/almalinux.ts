import * as v from 'valibot'
import { errorMessage } from '../../../errors.js'
import { counted } from '../../../message-text.js'
import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { flagOf, isBlank } from './values.js'
import { readYaml, type YamlDocument } from './yaml-text.js'

/** The structure of an entry. `checkEntry` checks the values. */
const entrySchema = v.looseObject({
  name: v.string(),
  address: v.looseObject({}),
  geolocation: v.fallback(v.nullish(v.looseObject({})), undefined),
})
type Entry = v.InferOutput<typeof entrySchema>

/**
 * Reads one or more concatenated files of AlmaLinux's `mirrors.d`, or the JSON list of all mirrors.
 */
export function readAlmaLinux(text: string): Reading {
  const mirrors: ListedMirror[] = []
  const remarks: Remark[] = []
  let approximateCount = 0
  for (const document of /^\s*[[{]/.test(text) ? [readJson(text)] : readYaml(text)) {
    const { line } = document
    if ('refusal' in document) {
      remarks.push({ line, reason: document.refusal, leftOut: true })
      continue
    }
    const entries = Array.isArray(document.value) ? document.value : [document.value]
    for (const [index, value] of entries.entries()) {
      const entry = v.safeParse(entrySchema, value)
      if (entry.success) {
        mirrors.push(mirrorOf(entry.output, line))
        if (isApproximate(entry.output)) approximateCount += 1
      } else {
        const place = entries.length === 1 ? 'it' : `entry ${index + 1}`
        const reason = `${place} has no name, or no address with URLs`
        remarks.push({ line, name: nameIn(value), reason, leftOut: true })
      }
    }
  }
  if (approximateCount > 0) {
    remarks.push({ reason: `approximate coordinates of ${counted(approximateCount, 'mirror')} are left out` })
  }
  return { mirrors, remarks }
}

/** Whether coordinates are of the country, or of another city of that name: a lookup is better. */
function isApproximate({ geolocation }: Entry): boolean {
  return !isBlank(geolocation?.coordinates) && flagOf(geolocation?.approximate) !== false
}

function mirrorOf(entry: Entry, line: number | undefined): ListedMirror {
  const { name, address, geolocation, cloud_type: cloud } = entry
  const remarks: string[] = []
  if (!isBlank(cloud)) {
    remarks.push(
      `it is for clients in the cloud ${JSON.stringify(cloud)}, whose subnets the list does not have`,
    )
  }
  if (flagOf(entry.monopoly) !== false) {
    remarks.push('it is the only one for its own clients; here it is the first of several')
  }
  return {
    line,
    name,
    urls: [address.https, address.http, address.ftp],
    rsync: address.rsync,
    country: geolocation?.country,
    coordinates: isApproximate(entry) ? undefined : geolocation?.coordinates,
    asn: entry.asn,
    subnets: entry.subnets,
    only: { subnet: !isBlank(cloud) },
    sponsor: { name: entry.sponsor, url: entry.sponsor_url },
    private: entry.private,
    remarks,
  }
}

function readJson(text: string): YamlDocument {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { refusal: `it is not JSON: ${errorMessage(error)}` }
  }
}

function nameIn(value: unknown): string | undefined {
  const entry = v.safeParse(v.looseObject({ name: v.string() }), value)
  return entry.success ? entry.output.name : undefined
}
