import { isLastModified } from '../fields/last-modified.js'
import { hasPreferred, withoutPreferred } from '../fields/link.js'
import { sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import { isNotModified, type JudgedConditions, meetsMatch, tagConditionsOf } from './conditions.js'
import type { DecoratePlan } from './plan.js'
import type { RequestView } from './view.js'

/** Head of the response that the application is about to send. */
export interface ResponseView {
  readonly status: number
  /** Returns a field by its lower-case name. */
  header(name: string): string | undefined
}

export interface Decoration {
  readonly fields: readonly Field[]
  /** Whether to send 304: the client names our entity tag, which the application does not know. */
  readonly notModified: boolean
  /**
   * Whether to send 412 without content: the client demands another entity tag than ours, and the
   * application has not judged that.
   */
  readonly failed?: true
}

/**
 * Returns the fields to add to a response that carries the indexed file, whole or in part.
 * Undefined for any other response, and in doubt.
 *
 * @param present identity of the file now, best read from the descriptor that the bytes come from
 */
export function decoration(
  plan: DecoratePlan,
  request: Pick<RequestView, 'header'>,
  response: ResponseView,
  present: Identity | undefined,
): Decoration | undefined {
  const conditions = tagConditionsOf(request)
  return judgedDecoration(plan, conditions && { conditions, hidden: [] }, response, present)
}

/** Does the same for a request whose conditions were read before the application saw it. */
export function judgedDecoration(
  { file, fields, etag }: DecoratePlan,
  judged: JudgedConditions | undefined,
  response: ResponseView,
  present: Identity | undefined,
): Decoration | undefined {
  if (present === undefined || !sameIdentity(present, file.identity)) return undefined
  if (!carriesFile(response, file.identity, etag)) return undefined
  const ownEtag = response.header('etag')
  if (etag === undefined || ownEtag === etag) return { fields, notModified: false }
  // `pref` would say that mirrors have the tag of this response (RFC 6249 §3.1).
  if (ownEtag !== undefined)
    return { fields: hasPreferred(fields) ? withoutPreferred(fields) : fields, notModified: false }
  const withEtag = fieldsWithEtag(fields, etag)
  if (judged === undefined) return { fields: withEtag, notModified: false }
  const { conditions, hidden } = judged
  const { ifMatch, ifRange } = conditions
  if (ifMatch !== undefined && !meetsMatch(ifMatch, etag)) return FAILED
  if (response.status !== 304 && isNotModified(conditions, etag))
    return { fields: withEtag, notModified: true }
  if (response.status !== 206 || ifRange === undefined || ifRange === etag)
    return { fields: withEtag, notModified: false }
  // A layer has cut a range that If-Range forbids. If we have judged that, the client has received
  // our tag with other bytes. Otherwise the tag is foreign, and ours must not stand beside it.
  return hidden.includes('range') ? FAILED : { fields, notModified: false }
}

/** Puts the entity tag in its place among our fields, in every mode: before `Vary`. */
export function fieldsWithEtag(fields: readonly Field[], etag: string): readonly Field[] {
  const last = fields[fields.length - 1]
  return last?.[0] === 'Vary' ? [...fields.slice(0, -1), ['ETag', etag], last] : [...fields, ['ETag', etag]]
}

const FAILED: Decoration = { fields: [], notModified: false, failed: true }

function carriesFile(response: ResponseView, identity: Identity, etag: string | undefined): boolean {
  const coding = response.header('content-encoding')
  if (coding !== undefined && coding !== 'identity') return false
  const modified = response.header('last-modified')
  if (modified !== undefined && !isLastModified(modified, identity)) return false
  switch (response.status) {
    case 200:
      return response.header('content-length') === String(identity.size)
    case 206:
      return isPartOf(response, identity.size)
    case 304: {
      // A 304 can lack a length, so one of its validators must be that of the file.
      const length = response.header('content-length')
      if (length !== undefined && length !== String(identity.size)) return false
      return modified !== undefined || (etag !== undefined && response.header('etag') === etag)
    }
    default:
      return false
  }
}

/** Returns true if the head is that of one part of a file of this size. */
function isPartOf(response: ResponseView, size: number): boolean {
  const range = contentRangeIn(response.header('content-range'))
  if (range === undefined || range.total !== size || range.start > range.end || range.end >= size)
    return false
  const length = response.header('content-length')
  return length === undefined || length === String(range.end - range.start + 1)
}

/** Reads `bytes 0-99/1234` (RFC 9110 §14.4). */
export function contentRangeIn(
  value: string | undefined,
): { readonly start: number; readonly end: number; readonly total: number } | undefined {
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(value ?? '') ?? []
  return start === undefined ? undefined : { start: Number(start), end: Number(end), total: Number(total) }
}
