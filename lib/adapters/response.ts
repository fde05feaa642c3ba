import { type BigIntStats, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import vary from 'vary'
import { identityOf, sameIdentity } from '../identity.js'
import type { Field, Identity } from '../model.js'
import type { Origin } from '../origin.js'
import { type AnswerView, decoration } from '../plan/decoration.js'
import type { DecoratePlan } from '../plan/plan.js'
import type { RequestView } from '../plan/view.js'

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
 * Adds a plan's fields to whatever answer the response turns out to be, if that is the plan's file. Decided as late as
 * can be, when the head is about to be written: by then every layer above and below has said what it sends.
 *
 * @param descriptor of the bytes being sent, where it is known: a path may lead elsewhere by now
 */
export function decorateWhenSent(
  origin: Origin,
  plan: DecoratePlan,
  request: RequestView,
  response: ServerResponse,
  descriptor: () => BigIntStats | undefined,
): void {
  onHeaders(response, () => {
    try {
      const added = decoration(
        plan,
        request,
        answerOf(response),
        identify(origin, plan, response, descriptor),
      )
      if (added === undefined) return
      setFields(response, added.fields)
      if (added.notModified) becomeNotModified(response)
    } catch (error) {
      origin.warn(error)
    }
  })
}

/** What a response says of itself so far. */
export function answerOf(response: ServerResponse): AnswerView {
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
  descriptor: () => BigIntStats | undefined,
): Identity | undefined {
  // Answers that cannot be the file's cost no system call.
  if (![200, 206, 304].includes(response.statusCode)) return undefined
  const stats = descriptor() ?? statSync(plan.absolute, { bigint: true, throwIfNoEntry: false })
  const identity = stats?.isFile() ? identityOf(stats) : undefined
  if (identity === undefined || !sameIdentity(identity, plan.file.identity)) origin.touch(plan.file.path)
  return identity
}

/** A 304 has no content, and Node then drops what is written as one (RFC 9110 §15.4.5). */
function becomeNotModified(response: ServerResponse): void {
  response.statusCode = 304
  for (const name of ['Content-Length', 'Content-Type', 'Transfer-Encoding']) response.removeHeader(name)
}
