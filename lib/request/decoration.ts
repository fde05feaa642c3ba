import fresh from 'fresh'
import { isLastModified } from '../fields/last-modified.js'
import { sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import type { DecoratePlan } from './plan.js'
import type { RequestView } from './view.js'

/** An answer that somebody else is about to send, as its head says. */
export interface ResponseView {
  readonly status: number
  /** A field's value by its name in lower case. */
  header(name: string): string | undefined
}

export interface Decoration {
  readonly fields: readonly Field[]
  /** The client has these bytes already, by our entity tag, which whoever answers cannot know: answer 304. */
  readonly notModified: boolean
}

/**
 * What to add to an answer, if it is this file's, whole or in part, as the index knows it; in doubt, nothing.
 *
 * @param present the file's identity at this moment, best read from the descriptor that the bytes come from
 */
export function decoration(
  plan: DecoratePlan,
  request: RequestView,
  answer: ResponseView,
  present: Identity | undefined,
): Decoration | undefined {
  const { file, fields, etag } = plan
  if (present === undefined || !sameIdentity(present, file.identity)) return undefined
  if (!isOfFile(answer, file.identity, etag)) return undefined
  if (answer.header('etag') !== undefined) return { fields, notModified: false }
  if (etag === undefined) return { fields, notModified: false }
  const notModified =
    answer.status === 200 &&
    request.header('if-none-match') !== undefined &&
    fresh(
      { 'if-none-match': request.header('if-none-match'), 'cache-control': request.header('cache-control') },
      { etag },
    )
  return { fields: [...fields, ['ETag', etag]], notModified }
}

function isOfFile(answer: ResponseView, identity: Identity, etag: string | undefined): boolean {
  const coding = answer.header('content-encoding')
  if (coding !== undefined && coding !== 'identity') return false
  const modified = answer.header('last-modified')
  if (modified !== undefined && !isLastModified(modified, identity)) return false
  switch (answer.status) {
    case 200:
      return answer.header('content-length') === String(identity.size)
    case 206:
      return totalOf(answer.header('content-range')) === identity.size
    case 304: {
      // There is no length to go by: one of the validators must be the file's.
      const length = answer.header('content-length')
      if (length !== undefined && length !== String(identity.size)) return false
      return modified !== undefined || (etag !== undefined && answer.header('etag') === etag)
    }
    default:
      return false
  }
}

/** The complete length in `bytes 0-99/1234` (RFC 9110 §14.4). */
function totalOf(contentRange: string | undefined): number | undefined {
  const match = /^bytes \d+-\d+\/(\d+)$/.exec(contentRange ?? '')
  return match?.[1] === undefined ? undefined : Number(match[1])
}
