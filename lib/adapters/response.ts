import { type BigIntStats, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import onHeaders from 'on-headers'
import vary from 'vary'
import { identityOf, sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import type { Origin } from '../origin.js'
import { decoration, type ResponseView } from '../request/decoration.js'
import type { DecoratePlan } from '../request/plan.js'
import type { RequestView } from '../request/view.js'

/**
 * Sets fields on a response. Lines of one name stay separate, and are added to lines that are set
 * already.
 */
export function setFields(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields)) {
    if (!JOINED.has(name) || !response.hasHeader(name)) response.setHeader(name, lines)
    else if (name === 'Vary') vary(response, lines)
    else response.setHeader(name, [...linesOf(response.getHeader(name)), ...linesOf(lines)])
  }
}

/** Fields to which lines are added. Other fields are replaced. */
const JOINED = new Set(['Link', 'Vary'])

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

/** Groups fields as Node takes them: adjacent lines of one name as an array. */
function byName(fields: readonly Field[]): [name: string, lines: string | string[]][] {
  const grouped: [name: string, lines: string | string[]][] = []
  for (const [name, value] of fields) {
    const last = grouped[grouped.length - 1]
    if (last?.[0] !== name) grouped.push([name, value])
    else if (typeof last[1] === 'string') last[1] = [last[1], value]
    else last[1].push(value)
  }
  return grouped
}

function linesOf(value: number | string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'object' ? value : [String(value)]
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
  onHeaders(response, () => {
    try {
      const added = decoration(
        plan,
        request,
        responseViewOf(response),
        identify(origin, plan, response, content),
      )
      if (added === undefined) return
      setFields(response, added.fields)
      if (added.notModified) becomeNotModified(response)
      else removeWhenChanged(response, added.fields)
    } catch (error) {
      origin.warn(error)
    }
  })
}

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
  onHeaders(response, () => {
    const coding = response.getHeader('Content-Encoding') ?? 'identity'
    const isWhole = response.statusCode === 304 || String(response.getHeader('Content-Length')) === length
    if (coding === 'identity' && isWhole && isSame()) removeWhenChanged(response, fields)
    else removeFields(response, fields)
  })
}

/**
 * Removes fields if a later layer changes the head. Listeners of `on-headers` that were added
 * before ours run after ours, and may then code the bytes of the file, as `compression` does. No
 * hook runs after them, so this watches the fields that they set.
 */
function removeWhenChanged(response: ServerResponse, fields: readonly Field[]): void {
  const { setHeader, removeHeader } = response
  response.setHeader = (name, value) => {
    if (isChange(name, value)) removeFields(response, fields)
    return setHeader.call(response, name, value)
  }
  response.removeHeader = (name) => {
    if (isChange(name, undefined)) removeFields(response, fields)
    removeHeader.call(response, name)
  }
  function isChange(name: string, value: unknown): boolean {
    const lowered = name.toLowerCase()
    if (lowered === 'content-encoding') return value !== undefined && value !== 'identity'
    return lowered === 'content-length' && String(value) !== String(response.getHeader(name))
  }
}

function removeFields(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields)) {
    // A `Vary` that names too much is harmless.
    if (name === 'Vary') continue
    const otherLines = linesOf(response.getHeader(name)).filter((line) => !linesOf(lines).includes(line))
    if (otherLines.length > 0) response.setHeader(name, otherLines)
    else response.removeHeader(name)
  }
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

function identify(
  origin: Origin,
  plan: DecoratePlan,
  response: ServerResponse,
  content: () => SentContent,
): Identity | undefined {
  // Responses that cannot carry the file cost no system call.
  if (![200, 206, 304].includes(response.statusCode)) return undefined
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

/**
 * Turns a response into a 304, which has no content (RFC 9110 §15.4.5). Node then drops the body.
 */
function becomeNotModified(response: ServerResponse): void {
  response.statusCode = 304
  for (const name of ['Content-Length', 'Content-Type', 'Transfer-Encoding']) response.removeHeader(name)
}
