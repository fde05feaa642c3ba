import fresh from 'fresh'
import type { EtagPolicy } from '../model.js'
import type { RequestView } from './view.js'

/** Conditions of a request that name entity tags (RFC 9110 §13.1). */
export interface TagConditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  /** Absent if the field has a date. */
  readonly ifRange: string | undefined
  readonly cacheControl: string | undefined
}

/** Returns the conditions of a request. Undefined if none names a tag, as in most requests. */
export function tagConditionsOf(request: Pick<RequestView, 'header'>): TagConditions | undefined {
  const ifMatch = request.header('if-match')
  const ifNoneMatch = request.header('if-none-match')
  const range = request.header('if-range')
  const ifRange = range?.includes('"') ? range.trim() : undefined
  if (ifMatch === undefined && ifNoneMatch === undefined && ifRange === undefined) return undefined
  return { ifMatch, ifNoneMatch, ifRange, cacheControl: request.header('cache-control') }
}

/** Shape of the strong tags of each policy. */
const SHAPES: { readonly [P in EtagPolicy]: RegExp } = {
  digest: /^"[\w-]{43}"$/,
  nginx: /^"[0-9a-f]+-[0-9a-f]+"$/,
  apache: /^"[0-9a-f]+-[0-9a-f]+"$/,
}

/** Conditions of a request, and the fields that the layer below does not see because of them. */
export interface JudgedConditions {
  readonly conditions: TagConditions
  readonly hidden: readonly string[]
}

/**
 * Returns the request fields that the layer below must not see, because we add the entity tag and
 * it does not know that tag. The layer below then acts as if the conditions were decided already,
 * in the order of RFC 9110 §13.2.2:
 *
 * - `If-Match` with our tag is met.
 * - `If-None-Match` makes `If-Modified-Since` void. With our tag, the response becomes a 304, which
 *   a range would not.
 * - `If-Range` with our tag is met. With another tag, the response is the whole file.
 *
 * @param etag our tag of the bytes on disk
 * @param isTaggedBelow whether the layer below sends tags of its own: then it judges other tags
 */
export function fieldsToHide(
  conditions: TagConditions,
  etag: string | undefined,
  isTaggedBelow: boolean,
  policy: EtagPolicy,
): readonly string[] {
  const { ifMatch, ifNoneMatch, ifRange } = conditions
  const hidden: string[] = []
  if (ifMatch !== undefined && etag !== undefined && meetsMatch(ifMatch, etag))
    hidden.push('if-match', 'if-unmodified-since')
  if (ifNoneMatch !== undefined) hidden.push('if-modified-since')
  if (etag !== undefined && isNotModified(conditions, etag)) hidden.push('range', 'if-range')
  else if (ifRange !== undefined && ifRange === etag) hidden.push('if-range')
  else if (ifRange !== undefined && (!isTaggedBelow || isOurs(ifRange, policy, isTaggedBelow)))
    hidden.push('range', 'if-range')
  return hidden
}

/**
 * Returns the request fields to hide for a path that is not in the index. A tag of ours in the
 * conditions is then that of another content.
 */
export function fieldsToHideUnindexed(
  { ifNoneMatch, ifRange }: TagConditions,
  isTaggedBelow: boolean,
  policy: EtagPolicy,
): readonly string[] {
  const isNamed = tagsOf(ifNoneMatch ?? '').some((tag) => isOurs(tag, policy, isTaggedBelow))
  return [
    ...(isNamed ? ['if-modified-since'] : []),
    ...(ifRange !== undefined && isOurs(ifRange, policy, isTaggedBelow) ? ['range', 'if-range'] : []),
  ]
}

/**
 * Other servers send tags of the shapes of `nginx` and `apache` too, but hardly those of a digest.
 */
function isOurs(tag: string, policy: EtagPolicy, isTaggedBelow: boolean): boolean {
  return SHAPES[policy].test(tag) && (policy === 'digest' || !isTaggedBelow)
}

/**
 * Returns true if a 304 is due, as the client has the bytes with this tag. Comparison is weak
 * (§13.1.2).
 */
export function isNotModified({ ifNoneMatch, cacheControl }: TagConditions, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  return fresh({ 'if-none-match': ifNoneMatch, 'cache-control': cacheControl }, { etag })
}

/** Evaluates If-Match against the tag of a file that exists (§13.1.1). Strong comparison. */
export function meetsMatch(ifMatch: string, etag: string | undefined): boolean {
  return ifMatch.trim() === '*' || (etag !== undefined && tagsOf(ifMatch).includes(etag))
}

/** Whether the layer below may have acted on conditions that only our tag meets. */
export function isMetByUs({ hidden }: JudgedConditions): boolean {
  return hidden.includes('if-match') || (hidden.includes('if-range') && !hidden.includes('range'))
}

/** Returns true if the conditions may name a tag. */
export function mayName({ ifMatch, ifNoneMatch, ifRange }: TagConditions, etag: string): boolean {
  return [ifMatch, ifNoneMatch, ifRange].some((value) => value?.includes(etag) || value?.trim() === '*')
}

/** Returns the strong entity tags of a list (§8.8.3). A tag can contain commas, but not quotes. */
function tagsOf(list: string): string[] {
  return [...list.matchAll(/(W\/)?("[^"]*")/g)].flatMap(([, weak, tag]) =>
    weak === undefined && tag !== undefined ? [tag] : [],
  )
}
