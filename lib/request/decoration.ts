import fresh from 'fresh'
import { isLastModified } from '../fields/last-modified.js'
import { sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
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
}

/**
 * Returns the fields to add to a response that carries the indexed file, whole or in part.
 * Undefined for any other response, and in doubt.
 *
 * @param present identity of the file now, best read from the descriptor that the bytes come from
 */
export function decoration(
  plan: DecoratePlan,
  request: RequestView,
  response: ResponseView,
  present: Identity | undefined,
): Decoration | undefined {
  const { file, fields, etag } = plan
  if (present === undefined || !sameIdentity(present, file.identity)) return undefined
  if (!carriesFile(response, file.identity, etag)) return undefined
  if (response.header('etag') !== undefined) return { fields, notModified: false }
  if (etag === undefined) return { fields, notModified: false }
  const notModified =
    response.status === 200 &&
    request.header('if-none-match') !== undefined &&
    fresh(
      { 'if-none-match': request.header('if-none-match'), 'cache-control': request.header('cache-control') },
      { etag },
    )
  return { fields: [...fields, ['ETag', etag]], notModified }
}

function carriesFile(response: ResponseView, identity: Identity, etag: string | undefined): boolean {
  const coding = response.header('content-encoding')
  if (coding !== undefined && coding !== 'identity') return false
  const modified = response.header('last-modified')
  if (modified !== undefined && !isLastModified(modified, identity)) return false
  switch (response.status) {
    case 200:
      return response.header('content-length') === String(identity.size)
    case 206:
      return totalOf(response.header('content-range')) === identity.size
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

/** Returns the complete length in `bytes 0-99/1234` (RFC 9110 §14.4). */
function totalOf(contentRange: string | undefined): number | undefined {
  const match = /^bytes \d+-\d+\/(\d+)$/.exec(contentRange ?? '')
  return match?.[1] === undefined ? undefined : Number(match[1])
}
