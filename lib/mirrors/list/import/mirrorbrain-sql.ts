import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { keyOf, mirrorOf } from './mirrorbrain-record.js'

const STATEMENT = /INSERT\s+INTO\s+(?:"?\w+"?\.)?"?server"?\s*\(/gi

/** No value of the table is longer; without a bound, texts without an end cost quadratic time. */
const MAX_VALUE_LENGTH = 65_536

/** Whether a text has statements for MirrorBrain's table of servers. */
export function isSql(text: string): boolean {
  return new RegExp(STATEMENT).test(text)
}

/** Reads the statements of `mb export --format=postgresql`, and of `pg_dump` with column names. */
export function readSql(text: string): Reading {
  const found: ListedMirror[] = []
  const remarks: Remark[] = []
  const lines = new LineCount(text)
  for (const { index, 0: opening } of text.matchAll(STATEMENT)) {
    const line = lines.at(index)
    const scanner = new Scanner(text, index + opening.length)
    const rows = readStatement(scanner)
    if (rows === undefined) {
      remarks.push({ line, reason: 'its INSERT cannot be read: a quote in a value, perhaps', leftOut: true })
    } else for (const row of rows) found.push(mirrorOf(row, line))
  }
  return { found, remarks }
}

/** The rows of a statement, from behind the bracket before its columns. */
function readStatement(scanner: Scanner): Map<string, string>[] | undefined {
  const columns = scanner.list()
  if (columns === undefined || !scanner.take(/\s*VALUES\s*/iy)) return undefined
  const rows: Map<string, string>[] = []
  do {
    if (!scanner.take(/\s*\(/y)) return undefined
    const values = scanner.list()
    if (values?.length !== columns.length) return undefined
    rows.push(new Map(columns.map((column, index) => [keyOf(column), values[index] ?? ''])))
  } while (scanner.take(/\s*,/y))
  return scanner.take(/\s*;/y) ? rows : undefined
}

/** Reads names and values of SQL from a place on. */
class Scanner {
  readonly #text: string
  #place: number

  constructor(text: string, place: number) {
    this.#text = text
    this.#place = place
  }

  /** Goes past what matches here; the expression is a sticky one. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#place
    const [match] = expression.exec(this.#text) ?? []
    if (match !== undefined) this.#place += match.length
    return match
  }

  /** Values with commas between them, up to and past the closing bracket. */
  list(): string[] | undefined {
    const values: string[] = []
    do {
      const value = this.#value()
      if (value === undefined) return undefined
      values.push(value)
    } while (this.take(/\s*,/y))
    return this.take(/\s*\)/y) === undefined ? undefined : values
  }

  #value(): string | undefined {
    this.take(/\s+/y)
    const tag = this.take(/\$\w{0,32}\$/y)
    if (tag !== undefined) return this.#upTo(tag)
    const quote = this.take(/['"]/y)
    if (quote === undefined) return this.take(/[\w.+-]{1,64}/y)
    let value = this.#upTo(quote)
    // A quote in a quoted value is written twice.
    while (value !== undefined && this.take(quote === "'" ? /'/y : /"/y)) {
      const more = this.#upTo(quote)
      value = more === undefined || value.length > MAX_VALUE_LENGTH ? undefined : `${value}${quote}${more}`
    }
    return value
  }

  /** The text before an ending, which is passed too. */
  #upTo(ending: string): string | undefined {
    const part = this.#text.slice(this.#place, this.#place + MAX_VALUE_LENGTH)
    const length = part.indexOf(ending)
    if (length === -1) return undefined
    this.#place += length + ending.length
    return part.slice(0, length)
  }
}

/** Numbers of lines, for places that only go forwards. */
class LineCount {
  readonly #text: string
  #place = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  at(place: number): number {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#place)
      if (end === -1 || end >= place) return this.#line
      this.#place = end + 1
      this.#line += 1
    }
  }
}
