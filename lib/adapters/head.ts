import type { ServerResponse } from 'node:http'
import vary from 'vary'
import { privateCacheControl } from '../fields/cache-control.js'
import type { Field } from '../model.js'
import type { ResponseView } from '../request/decoration.js'

/** Value of a field as Node takes it: several lines as an array. */
type FieldValue = string | string[]

/** Groups fields as Node takes them: adjacent lines of one name as an array. */
export function byName(fields: readonly Field[]): [name: string, lines: FieldValue][] {
  const grouped: [name: string, lines: FieldValue][] = []
  for (const [name, value] of fields) {
    const last = grouped[grouped.length - 1]
    if (last?.[0] !== name) grouped.push([name, value])
    else if (typeof last[1] === 'string') last[1] = [last[1], value]
    else last[1].push(value)
  }
  return grouped
}

/** Returns the lines of a field. */
export function fieldLines(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value.map(String) : [String(value)]
}

/**
 * Returns the value of a field after lines are added: `Link` gets more lines, `Vary` more members,
 * and `Cache-Control` becomes private. Other fields are replaced.
 */
export function joined(name: string, present: unknown, lines: FieldValue): FieldValue {
  const presentLines = fieldLines(present)
  if (presentLines.length === 0) return lines
  if (name === 'Cache-Control') return privateCacheControl(presentLines.join(', '))
  // The application's own CORS wins.
  if (name.startsWith('Access-Control-')) return [...presentLines]
  if (name === 'Vary') return vary.append(presentLines.join(', '), [...fieldLines(lines)])
  return name === 'Link' ? [...presentLines, ...fieldLines(lines)] : lines
}

/**
 * Calls a function whenever the head of a response is about to be written, explicitly or with the
 * first bytes. The function can change the head.
 *
 * What the application passes to `writeHead` stays as it is, and in its form: Node reads the forms
 * differently, and each version of Node reads them in its own way. If `writeHead` throws, all
 * changes are undone, so another attempt starts over.
 */
export function beforeHead(response: ServerResponse, change: (head: PendingHead) => void): void {
  const { writeHead } = response
  // An own `writeHead` is that of a layer above, which may change the head after us.
  const hasLayerAbove = Object.hasOwn(response, 'writeHead')
  response.writeHead = (...args: readonly unknown[]) => {
    const head = response.headersSent ? undefined : pendingHead(response, args)
    if (head === undefined) {
      Reflect.apply(writeHead, response, args)
      return response
    }
    change(head)
    const stopWatching = hasLayerAbove ? watch(response, head) : undefined
    try {
      Reflect.apply(writeHead, response, head.apply())
    } catch (error) {
      stopWatching?.()
      head.undo()
      throw error
    }
    stopWatching?.()
    return response
  }
}

/** Fields that `writeHead` got: an object, an array of names and values, or an array of pairs. */
type GivenFields = object | undefined

/** Returns undefined for arguments that Node refuses, or that have no meaning. */
function pendingHead(response: ServerResponse, args: readonly unknown[]): PendingHead | undefined {
  const [statusGiven, second, third] = args
  // As Node reads them, `'200'` is a status too.
  const status = Number(statusGiven) | 0
  const given = typeof second === 'string' ? third : (third ?? second)
  if (given === undefined || given === null) return new PendingHead(response, args, status, undefined)
  if (typeof given !== 'object') return undefined
  const isOdd = Array.isArray(given) && !Array.isArray(given[0]) && given.length % 2 !== 0
  return isOdd ? undefined : new PendingHead(response, args, status, given)
}

/** Head of a response that is about to be written. */
export class PendingHead implements ResponseView {
  readonly #response: ServerResponse
  readonly #args: readonly unknown[]
  readonly #given: GivenFields
  /** Names and values of `#given`. */
  readonly #entries: readonly (readonly [name: unknown, value: unknown])[]
  readonly #givenStatus: number
  #status: number
  #added: readonly Field[] = []
  #kept: readonly Field[] = []
  #removed: readonly string[] = []
  /** Fields of the response before the changes. */
  #before: (readonly [name: string, value: number | string | string[] | undefined])[] = []
  #messageBefore = ''

  constructor(response: ServerResponse, args: readonly unknown[], status: number, given: GivenFields) {
    this.#response = response
    this.#args = args
    this.#givenStatus = status
    this.#status = status
    this.#given = given
    this.#entries = given === undefined ? [] : entriesOf(given)
  }

  get status(): number {
    return this.#status
  }

  /** Fields that hold only for the content as it is. */
  get fieldsOfContent(): readonly Field[] {
    return [...this.#kept, ...this.#added]
  }

  /** Names of the fields that `writeHead` got in an array, in lower case. */
  get namesOfArray(): readonly string[] {
    return Array.isArray(this.#given) ? this.#entries.map(([name]) => String(name).toLowerCase()) : []
  }

  header(name: string): string | undefined {
    if (this.#entries.length > 0) {
      const lines = this.#entries.flatMap(([given, value]) => (isNamed(given, name) ? fieldLines(value) : []))
      if (lines.length > 0) return lines.join(', ')
    }
    const value = this.#response.getHeader(name)
    return value === undefined ? undefined : String(value)
  }

  /** Adds fields. Lines of `Link` and members of `Vary` are added to those of the application. */
  add(fields: readonly Field[]): void {
    this.#added = fields
  }

  /** Makes it the head of another response, without some fields, by lower-case names. */
  become(status: number, without: readonly string[]): void {
    this.#status = status
    this.#removed = without
  }

  /** Has fields that are set already removed if a layer above changes the content. */
  keepWhileSame(fields: readonly Field[]): void {
    this.#kept = fields
  }

  /** Sets what has changed, and returns the arguments for `writeHead`. */
  apply(): readonly unknown[] {
    if (this.#added.length === 0 && this.#removed.length === 0 && this.#status === this.#givenStatus)
      return this.#args
    const fields = byName(this.#added)
    const names = [...this.#removed, ...fields.map(([name]) => name)]
    this.#before = names.map((name) => [name, this.#response.getHeader(name)])
    for (const name of this.#removed) this.#response.removeHeader(name)
    const given = this.#given === undefined ? this.#set(fields) : this.#giveWith(this.#given, fields)
    const isOther = this.#status !== this.#givenStatus
    if (isOther) this.#forgetMessage()
    const [statusGiven, message] = this.#args
    const texts = typeof message === 'string' && !isOther ? [message] : []
    return [isOther ? this.#status : statusGiven, ...texts, ...(given === undefined ? [] : [given])]
  }

  /** Undoes what `apply` has set. */
  undo(): void {
    for (const [name, value] of this.#before) {
      if (value === undefined) this.#response.removeHeader(name)
      else this.#response.setHeader(name, value)
    }
    if (this.#status === this.#givenStatus) return
    this.#response.statusCode = this.#givenStatus
    if (this.#messageBefore !== '') this.#response.statusMessage = this.#messageBefore
  }

  #set(fields: readonly (readonly [name: string, lines: FieldValue])[]): undefined {
    for (const [name, lines] of fields)
      this.#response.setHeader(name, joined(name, this.#response.getHeader(name), lines))
  }

  /** Returns the given fields with more fields, in the form in which they were given. */
  #giveWith(given: object, fields: readonly (readonly [name: string, lines: FieldValue])[]): object {
    const entries = this.#entries.filter(([name]) => !this.#removed.some((gone) => isNamed(name, gone)))
    for (const [name, lines] of fields) {
      const index = entries.findLastIndex(([given]) => isNamed(given, name))
      const entry = entries[index]
      if (entry !== undefined) entries[index] = [entry[0], joined(name, entry[1], lines)]
      // Set in its place: Node moves the fields of an array to the end.
      else if (this.#response.hasHeader(name)) this.#set([[name, lines]])
      else entries.push([name, lines])
    }
    if (!Array.isArray(given))
      return Object.fromEntries(entries.map(([name, value]) => [String(name), value]))
    return Array.isArray(given[0]) ? entries : entries.flat(1)
  }

  /** The text after the status is that of the status which the application has set. */
  #forgetMessage(): void {
    this.#messageBefore = this.#response.statusMessage
    // With HTTP/2 it is always empty, and to set it is a warning.
    if (this.#messageBefore) this.#response.statusMessage = ''
  }
}

function entriesOf(given: object): (readonly [name: unknown, value: unknown])[] {
  if (!Array.isArray(given)) return Object.entries(given)
  const items: readonly unknown[] = given
  if (Array.isArray(items[0]))
    return items.map((pair): readonly [unknown, unknown] =>
      Array.isArray(pair) ? [pair[0], pair[1]] : [pair, undefined],
    )
  return items.flatMap((name, index) => (index % 2 === 0 ? [[name, items[index + 1]] as const] : []))
}

function isNamed(given: unknown, name: string): boolean {
  return (
    typeof given === 'string' && given.length === name.length && given.toLowerCase() === name.toLowerCase()
  )
}

/** Removes lines of fields from a response. */
export function removeFields(response: ServerResponse, fields: readonly Field[]): void {
  for (const [name, lines] of byName(fields)) {
    const value = withoutLines(name, response.getHeader(name), lines)
    if (value === undefined) response.removeHeader(name)
    else response.setHeader(name, value)
  }
}

function withoutLines(name: string, value: unknown, lines: FieldValue): FieldValue | undefined {
  const present = fieldLines(value)
  // Without these fields, caches would keep more than with them.
  const others =
    name === 'Vary' || name === 'Cache-Control'
      ? present
      : present.filter((line) => !fieldLines(lines).includes(line))
  return others.length > 1 ? [...others] : others[0]
}

/**
 * Leaves out the added fields if a layer above changes the head. Such layers run after us, and may
 * then code the bytes of the file, as `compression` does. No hook runs after them, so this watches
 * the fields that they set.
 *
 * @returns ends the watch
 */
function watch(response: ServerResponse, head: PendingHead): () => void {
  const added = head.fieldsOfContent
  if (added.length === 0) return () => {}
  const { setHeader, appendHeader, removeHeader } = response
  const length = head.header('content-length')
  const addedLines = new Map(byName(added).map(([name, lines]) => [name.toLowerCase(), lines]))
  // Fields of an array are removed before they are set.
  const replaced = new Set(head.namesOfArray)
  let isChanged = false
  const see = (name: string, value: unknown) => {
    if (isChanged || !isChange(name, value, length)) return
    isChanged = true
    removeFields(response, added)
  }
  const rest = (name: string, value: Parameters<typeof setHeader>[1]) => {
    const lines = isChanged ? addedLines.get(name.toLowerCase()) : undefined
    return lines === undefined ? value : withoutLines(name, value, lines)
  }
  response.setHeader = (name, value) => {
    see(name, value)
    const kept = rest(name, value)
    return kept === undefined ? response : setHeader.call(response, name, kept)
  }
  response.appendHeader = (name, value) => {
    see(name, value)
    const kept = rest(name, Array.isArray(value) ? value : String(value))
    if (kept === undefined || typeof kept === 'number') return response
    return appendHeader.call(response, name, kept)
  }
  response.removeHeader = (name) => {
    if (!replaced.delete(name.toLowerCase())) see(name, undefined)
    removeHeader.call(response, name)
  }
  return () => Object.assign(response, { setHeader, appendHeader, removeHeader })
}

/** @param length `Content-Length` of the head that we have seen */
function isChange(name: string, value: unknown, length: string | undefined): boolean {
  const lowered = name.toLowerCase()
  if (lowered === 'content-encoding') return value !== undefined && value !== 'identity'
  return lowered === 'content-length' && (value === undefined ? undefined : String(value)) !== length
}
