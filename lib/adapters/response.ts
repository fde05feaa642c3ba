import { type BigIntStats, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { identityOf, sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import type { Origin } from '../origin.js'
import { isMetByUs, type JudgedConditions } from '../request/conditions.js'
import { contentRangeIn, judgedDecoration, type ResponseView } from '../request/decoration.js'
import type { DecoratePlan } from '../request/plan.js'
import { DroppableBody, type EntityTags } from './entity-tags.js'
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
  tags: EntityTags,
  judged: JudgedConditions | undefined,
  response: ServerResponse,
  content: () => SentContent,
): void {
  const body = judged && new DroppableBody(response)
  beforeHead(response, (head) => {
    try {
      if (body !== undefined) body.isDropped = false
      const present = identify(origin, plan, head.status, content)
      const added = judgedDecoration(plan, judged, head, present)
      if (added !== undefined && head.status !== 304) tags.learn(plan, head.header('etag'))
      // The file has changed since the layer below was told that a condition is met.
      const isBroken =
        judged !== undefined && isMetByUs(judged) && present === undefined && CARRIES_FILE.has(head.status)
      if (added?.notModified !== true && added?.failed !== true && !isBroken) {
        if (added !== undefined) head.add(added.fields)
        return
      }
      if (body?.canBeDropped === false) return
      if (body !== undefined) body.isDropped = true
      if (added?.notModified === true) {
        head.become(304, CONTENT_FIELDS)
        head.add(added.fields)
      } else {
        head.become(412, [...CONTENT_FIELDS, 'content-encoding', 'etag'])
        head.add([['Content-Length', '0']])
      }
    } catch (error) {
      origin.warn(error)
    }
  })
}

const CARRIES_FILE = new Set([200, 206])

/** Fields of content, which a response without content lacks. */
const CONTENT_FIELDS = ['content-length', 'content-type', 'content-range', 'transfer-encoding']

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
  const status = response.statusCode
  beforeHead(response, (head) => {
    const isOfSameStatus = head.status === 304 || head.status === status
    const isWhole = head.status === 304 || String(head.header('content-length')) === length
    if (isUncoded(head) && isOfSameStatus && isWhole && isSame()) head.keepWhileSame(fields)
    else removeFields(response, fields)
  })
}

/**
 * Does the same for a whole file that a layer above cuts to a range. Such layers send ends beyond
 * the file as they were requested, and do not know `If-Range`: this sends the range that exists.
 *
 * @param ifRange value of If-Range, if the request has one
 */
export function keepWhileCut(
  response: ServerResponse,
  fields: readonly Field[],
  ifRange: string | undefined,
  isSame: () => boolean,
): void {
  const length = String(response.getHeader('Content-Length'))
  const size = Number(length)
  const body = new DroppableBody(response)
  beforeHead(response, (head) => {
    body.isDropped = false
    if (!isUncoded(head) || (head.status !== 206 && head.status !== 200)) {
      removeFields(response, fields)
    } else if (head.status === 200) {
      if (head.header('content-length') === length && isSame()) head.keepWhileSame(fields)
      else removeFields(response, fields)
    } else {
      const range = contentRangeIn(head.header('content-range'))
      const isMet =
        ifRange === undefined || [head.header('etag'), head.header('last-modified')].includes(ifRange)
      if (isMet && range !== undefined && range.start < size && range.start <= range.end) {
        head.keepWhileSame(fields)
        if (range.end >= size)
          head.add([
            ['Content-Range', `bytes ${range.start}-${size - 1}/${size}`],
            ['Content-Length', String(size - range.start)],
          ])
        return
      }
      removeFields(response, fields)
      body.isDropped = true
      head.become(isMet ? 416 : 412, [...CONTENT_FIELDS, 'etag'])
      head.add([...(isMet ? [['Content-Range', `bytes */${size}`] as const] : []), ['Content-Length', '0']])
    }
  })
}

function isUncoded(head: ResponseView): boolean {
  return (head.header('content-encoding') ?? 'identity') === 'identity'
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
