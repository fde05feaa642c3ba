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

/** Sets fields on a response: lines of one name stay separate, and join those that are there. */
export function setFields(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields)) {
    if (!JOINED.has(name) || !response.hasHeader(name)) response.setHeader(name, lines)
    else if (name === 'Vary') vary(response, lines)
    else response.setHeader(name, [...linesOf(response.getHeader(name)), ...linesOf(lines)])
  }
}

/** Fields that others may have set with as much right as we. */
const JOINED = new Set(['Link', 'Vary'])

/** Writes a head of ours alone: in one go, unless others have set fields before. */
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

/** As Node takes fields: several lines of one name, which stand together, as an array. */
function byName(fields: readonly Field[]): [name: string, lines: string | string[]][] {
  const named: [name: string, lines: string | string[]][] = []
  for (const [name, value] of fields) {
    const last = named[named.length - 1]
    if (last?.[0] !== name) named.push([name, value])
    else if (typeof last[1] === 'string') last[1] = [last[1], value]
    else last[1].push(value)
  }
  return named
}

function linesOf(value: number | string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'object' ? value : [String(value)]
}

/**
 * What is known of the bytes that go out: the state of the open file that they come from; nothing more than the path; or
 * that they may be other bytes.
 */
export type SentContent = BigIntStats | 'path' | 'other'

/**
 * Adds a plan's fields to whatever answer the response turns out to be, if that is the plan's file. Decided as late as
 * can be, when the head is about to be written: by then every layer above and below has said what it sends.
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
      else takeBackWhenChanged(response, added.fields)
    } catch (error) {
      origin.warn(error)
    }
  })
}

/**
 * Takes fields back that tell of a file, and are set already, where other bytes of it are sent after all.
 *
 * @param isSame whether the bytes are the file's, as far as that can be known beside the head
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
    if (coding === 'identity' && isWhole && isSame()) takeBackWhenChanged(response, fields)
    else takeBack(response, fields)
  })
}

/**
 * Layers that have asked for it before us, by `on-headers` as `compression` does, are heard after us, and may then code
 * what we have taken for the file's bytes. Nothing comes after them; but what they say shows it.
 */
function takeBackWhenChanged(response: ServerResponse, fields: readonly Field[]): void {
  const { setHeader, removeHeader } = response
  response.setHeader = (name, value) => {
    if (isChange(name, value)) takeBack(response, fields)
    return setHeader.call(response, name, value)
  }
  response.removeHeader = (name) => {
    if (isChange(name, undefined)) takeBack(response, fields)
    removeHeader.call(response, name)
  }
  function isChange(name: string, value: unknown): boolean {
    const lowered = name.toLowerCase()
    if (lowered === 'content-encoding') return value !== undefined && value !== 'identity'
    return lowered === 'content-length' && String(value) !== String(response.getHeader(name))
  }
}

function takeBack(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields)) {
    // That an answer depends on more than it does is no lie.
    if (name === 'Vary') continue
    const others = linesOf(response.getHeader(name)).filter((line) => !linesOf(lines).includes(line))
    if (others.length > 0) response.setHeader(name, others)
    else response.removeHeader(name)
  }
}

/** What a response says of itself so far. */
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
  // Answers that cannot be the file's cost no system call.
  if (![200, 206, 304].includes(response.statusCode)) return undefined
  const { file } = plan
  const sent = content()
  const opened = typeof sent === 'object' ? regular(sent) : undefined
  if (opened !== undefined && sameIdentity(opened, file.identity)) return opened
  // What was opened may be another file, as one that is coded already; the index is wrong only where the path says so.
  const found = present(plan)
  if (found !== undefined && sameIdentity(found, file.identity)) return sent === 'path' ? found : undefined
  origin.invalidate(file.path)
  return undefined
}

function present(plan: DecoratePlan): Identity | undefined {
  const stats = statSync(plan.absolute, { bigint: true, throwIfNoEntry: false })
  return stats && regular(stats)
}

function regular(stats: BigIntStats): Identity | undefined {
  return stats.isFile() ? identityOf(stats) : undefined
}

/** A 304 has no content, and Node then drops what is written as one (RFC 9110 §15.4.5). */
function becomeNotModified(response: ServerResponse): void {
  response.statusCode = 304
  for (const name of ['Content-Length', 'Content-Type', 'Transfer-Encoding']) response.removeHeader(name)
}
