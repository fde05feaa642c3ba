import { Document, isMap, isScalar, isSeq } from 'yaml'
import type { Mirror } from '../../../model.js'

/** An entry of a mirrors file as somebody would write it: keys in one order, and none that says the default. */
export interface WrittenMirror {
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

/** How a mirror is written in a mirrors file. */
export function written(mirror: Mirror): WrittenMirror {
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
 * A mirrors file.
 *
 * @param comment lines at its top
 */
export function mirrorsFile(mirrors: readonly Mirror[], comment: readonly string[]): string {
  // Other programs read Norway's `no` as a flag: what YAML 1.1 would take for something else is quoted.
  const document = new Document(
    { mirrors: mirrors.map(written) },
    { aliasDuplicateObjects: false, compat: 'yaml-1.1' },
  )
  document.commentBefore = comment.map((line) => ` ${line}`).join('\n')
  const list = document.get('mirrors')
  for (const [index, entry] of (isSeq(list) ? list.items : []).entries()) {
    if (!isMap(entry)) continue
    if (index > 0) entry.spaceBefore = true
    for (const { key, value } of entry.items) {
      // URLs are long and have a line each.
      if (isSeq(value) && !(isScalar(key) && key.value === 'urls')) value.flow = true
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}
