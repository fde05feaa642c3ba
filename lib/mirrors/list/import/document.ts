import { Document, isMap, isScalar, isSeq } from 'yaml'
import type { Mirror } from '../../../model.js'

/** An entry of a mirrors file: keys in a fixed order, without default values. */
export interface MirrorEntry {
  readonly id: string
  readonly url?: string
  readonly urls?: readonly string[]
  readonly rsync?: string
  readonly location?: string
  readonly countries?: readonly string[]
  readonly coordinates?: readonly number[]
  readonly asn?: readonly number[]
  readonly subnets?: readonly string[]
  readonly family?: string
  readonly weight?: number
  readonly paths?: readonly string[]
  readonly serves?: string
  readonly excludes?: readonly string[]
  readonly sponsor?: { readonly name: string; readonly url?: string | undefined }
  readonly private?: true
  readonly trust?: true
  readonly enabled?: false
}

/** Returns the entry of a mirrors file for a mirror. */
export function entryOf(mirror: Mirror): MirrorEntry {
  const { id, urls, rsync, location, countries, coordinates, asn, subnets, family } = mirror
  const { weight, paths, serves, excludes, sponsor } = mirror
  const [url] = urls
  return {
    id,
    ...(urls.length === 1 && url !== undefined ? { url } : { urls }),
    ...(rsync === undefined ? {} : { rsync }),
    ...(location === undefined ? {} : { location }),
    ...(countries.length === 0 ? {} : { countries }),
    ...(coordinates === undefined ? {} : { coordinates }),
    ...(asn.length === 0 ? {} : { asn }),
    ...(subnets.length === 0 ? {} : { subnets }),
    ...(family === undefined ? {} : { family }),
    ...(weight === 100 ? {} : { weight }),
    ...(paths.length === 0 ? {} : { paths }),
    ...(serves === 'world' ? {} : { serves }),
    ...(excludes.length === 0 ? {} : { excludes }),
    ...(sponsor === undefined ? {} : { sponsor }),
    ...(mirror.private ? { private: true } : {}),
    ...(mirror.trust ? { trust: true } : {}),
    ...(mirror.enabled ? {} : { enabled: false }),
  }
}

/**
 * Returns the text of a mirrors file.
 *
 * @param comment lines of the comment at the top
 */
export function mirrorsFile(mirrors: readonly Mirror[], comment: readonly string[]): string {
  // Quote texts that YAML 1.1 reads differently: other programs read Norway's `no` as a flag.
  const document = new Document(
    { mirrors: mirrors.map(entryOf) },
    { aliasDuplicateObjects: false, compat: 'yaml-1.1' },
  )
  document.commentBefore = comment.map((line) => ` ${line}`).join('\n')
  const list = document.get('mirrors')
  for (const [index, entry] of (isSeq(list) ? list.items : []).entries()) {
    if (!isMap(entry)) continue
    if (index > 0) entry.spaceBefore = true
    for (const { key, value } of entry.items) {
      // URLs are long, so each gets a line.
      if (isSeq(value) && !(isScalar(key) && key.value === 'urls')) value.flow = true
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
