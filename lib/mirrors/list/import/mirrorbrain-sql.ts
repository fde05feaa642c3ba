import type { ListedMirror, Reading, Remark } from './listed-mirror.js'
import { keyOf, mirrorOf } from './mirrorbrain-record.js'

const STATEMENT = /INSERT\s+INTO\s+(?:"?\w+"?\.)?"?server"?\s*\(/gi

/** Longer than any value of the table. Without a limit, unterminated texts cost quadratic time. */
const MAX_VALUE_LENGTH = 65_536

/** Whether a text has INSERT statements for MirrorBrain's table of servers. */
export function isSql(text: string): boolean {
  return new RegExp(STATEMENT).test(text)
}

/** Reads the output of `mb export --format=postgresql`, and of `pg_dump` with column names. */
export function readSql(text: string): Reading {
  const mirrors: ListedMirror[] = []
  const remarks: Remark[] = []
  const lines = new LineCount(text)
  for (const { index, 0: opening } of text.matchAll(STATEMENT)) {
    const line = lines.at(index)
    const scanner = new Scanner(text, index + opening.length)
    const rows = readStatement(scanner)
    if (rows === undefined) {
      remarks.push({ line, reason: 'its INSERT cannot be read: a quote in a value, perhaps', leftOut: true })
    } else for (const row of rows) mirrors.push(mirrorOf(row, line))
  }
  return { mirrors, remarks }
}

/** Reads the rows of a statement, starting after the parenthesis before its columns. */
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

/** Reads names and values of SQL. */
class Scanner {
  readonly #text: string
  #position: number

  constructor(text: string, position: number) {
    this.#text = text
    this.#position = position
  }

  /** Returns and skips a match at the current position. The expression must be sticky. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#position
    const [match] = expression.exec(this.#text) ?? []
    if (match !== undefined) this.#position += match.length
    return match
  }

  /** Returns values separated by commas, and skips the closing parenthesis. */
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
    // A doubled quote stands for one quote in the value.
    while (value !== undefined && this.take(quote === "'" ? /'/y : /"/y)) {
      const more = this.#upTo(quote)
      value = more === undefined || value.length > MAX_VALUE_LENGTH ? undefined : `${value}${quote}${more}`
    }
    return value
  }

  /** Returns the text before an ending, and skips the ending. */
  #upTo(ending: string): string | undefined {
    const part = this.#text.slice(this.#position, this.#position + MAX_VALUE_LENGTH)
    const length = part.indexOf(ending)
    if (length === -1) return undefined
    this.#position += length + ending.length
    return part.slice(0, length)
  }
}

/** Returns line numbers for ascending positions. */
class LineCount {
  readonly #text: string
  #position = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  at(position: number): number {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#position)
      if (end === -1 || end >= position) return this.#line
      this.#position = end + 1
      this.#line += 1
    }
  }
}
