import { type BigIntStats, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { identityOf, sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import type { Origin } from '../origin.js'
import { decoration, type ResponseView } from '../request/decoration.js'
import type { DecoratePlan } from '../request/plan.js'
import type { RequestView } from '../request/view.js'
import { beforeHead, byName, joined, removeFields } from './head.js'

/**
 * Sets fields on a response. Lines of one name stay separate, and are added to lines that are set
 * already.
 */
export function setFields(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields))
    response.setHeader(name, joined(name, response.getHeader(name), lines))
}

/**
 * Writes the head of a response of ours: in one call, unless the application has set fields before.
 */
export function writeHead(response: ServerResponse, status: number, fields: readonly Field[]): void {
  if (response.getHeaderNames().length === 0) response.writeHead(status, Object.fromEntries(byName(fields)))
  else {
    response.statusCode = status
    setFields(response, fields)
  }
}

/** Returns a stream of a document's bytes, which reads nothing before it is read itself. */
export function readableOf(body: AsyncIterable<Uint8Array>): Readable {
  return body instanceof Readable ? body : Readable.from(body, { objectMode: false })
}

/**
 * Source of the bytes of a response: the stats of the open file that they come from; `path` if only
 * the path is known; `other` if they may differ from the file.
 */
export type SentContent = BigIntStats | 'path' | 'other'

/**
 * Adds the fields of a plan to the response of the application, if that carries the file of the
 * plan. Decides when the head is about to be written: by then every layer above and below has set
 * its status and fields.
 */
export function decorateWhenSent(
  origin: Origin,
  plan: DecoratePlan,
  request: RequestView,
  response: ServerResponse,
  content: () => SentContent,
): void {
  beforeHead(response, (head) => {
    try {
      const added = decoration(plan, request, head, identify(origin, plan, head.status, content))
      if (added === undefined) return
      head.add(added.fields)
      // A 304 has no content (RFC 9110 §15.4.5), and Node drops the body.
      if (added.notModified) head.become(304, CONTENT_FIELDS)
    } catch (error) {
      origin.warn(error)
    }
  })
}

/** Fields of content, which a response without content lacks. */
const CONTENT_FIELDS = ['content-length', 'content-type', 'transfer-encoding']

/**
 * Removes fields of a file that are set already, if other bytes are sent after all.
 *
 * @param isSame returns true if the bytes are those of the file, as far as the adapter can tell
 * apart from the head
 */
export function keepWhileSame(
  response: ServerResponse,
  fields: readonly Field[],
  isSame: () => boolean,
): void {
  const length = String(response.getHeader('Content-Length'))
  beforeHead(response, (head) => {
    const coding = head.header('content-encoding') ?? 'identity'
    const isWhole = head.status === 304 || String(head.header('content-length')) === length
    if (coding === 'identity' && isWhole && isSame()) head.keepWhileSame(fields)
    else removeFields(response, fields)
  })
}

function identify(
  origin: Origin,
  plan: DecoratePlan,
  status: number,
  content: () => SentContent,
): Identity | undefined {
  // Responses that cannot carry the file cost no system call.
  if (![200, 206, 304].includes(status)) return undefined
  const { file } = plan
  const sent = content()
  const opened = typeof sent === 'object' ? regularFile(sent) : undefined
  if (opened !== undefined && sameIdentity(opened, file.identity)) return opened
  // The opened file can be another one, for example a precompressed file. Only the path shows
  // whether the index is out of date.
  const onDisk = identityOnDisk(plan)
  if (onDisk !== undefined && sameIdentity(onDisk, file.identity)) return sent === 'path' ? onDisk : undefined
  origin.invalidate(file.path)
  return undefined
}

function identityOnDisk(plan: DecoratePlan): Identity | undefined {
  const stats = statSync(plan.absolute, { bigint: true, throwIfNoEntry: false })
  return stats && regularFile(stats)
}

function regularFile(stats: BigIntStats): Identity | undefined {
  return stats.isFile() ? identityOf(stats) : undefined
}

/** Returns the head of a response as set so far. */
export function responseViewOf(response: ServerResponse): ResponseView {
  return {
    status: response.statusCode,
    header: (name: string) => {
      const value = response.getHeader(name)
      return value === undefined ? undefined : String(value)
    },
  }
}
