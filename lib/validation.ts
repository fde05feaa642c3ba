import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { type ErrorCode, errorMessage, MirroredByError } from './errors.js'
import { counted, escapeUnprintable } from './message-text.js'
import { nearestName } from './nearest-name.js'

/** Mistakes that one error names. A wrong list of thousands of entries must not fill a log. */
const MAX_MISTAKES = 20
const MAX_MISTAKE_LENGTH = 600

/** A schema that is checked synchronously. */
export type Schema<Output> = v.GenericSchema<unknown, Output>

/**
 * Returns the schema of an object with exactly these keys. Refuses arrays, which valibot accepts
 * as objects. The message of an unknown key names the key that was probably meant.
 */
export function mapping<const Entries extends v.ObjectEntries>(entries: Entries, message: string) {
  const names = Object.keys(entries).filter((name) => !isRenamed(entries[name]))
  return v.pipe(
    v.unknown(),
    v.check((value) => !Array.isArray(value), message),
    v.strictObject(entries, (issue) =>
      isUnknownKey(issue) ? unknownKeyMessage(String(issue.path?.at(-1)?.key), names) : message,
    ),
  )
}

/** Returns the schema of a former name of an option: it refuses every value, with the new name. */
export function renamed(name: string) {
  return v.optional(v.never(`is now called ${name}`))
}

function isRenamed(schema: v.ObjectEntries[string] | undefined): boolean {
  return schema?.type === 'optional' && 'wrapped' in schema && isNever(schema.wrapped)
}

function isNever(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'never'
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never'
}

function unknownKeyMessage(key: string, names: readonly string[]): string {
  const nearest = nearestName(key, names)
  const hint = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  return `unknown key ${JSON.stringify(key)}${hint}`
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Returns the schema of a number, or a text of a number and a unit. The result is in the unit of
 * factor 1.
 */
export function quantity(units: Readonly<Record<string, number>>, message: string) {
  return v.pipe(
    v.union([v.number(), v.string()], message),
    v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
      const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(String(dataset.value)) ?? []
      const value =
        typeof dataset.value === 'number' ? dataset.value : Number(digits) * (units[unit] ?? Number.NaN)
      if (Number.isFinite(value) && value >= 0) return value
      addIssue({ message })
      return NEVER
    }),
  )
}

/** Milliseconds, or a text with a unit, such as `'90s'`. */
export const durationSchema = quantity(
  DURATION_UNITS,
  "must be milliseconds, or a text such as '90s', '5m' or '12h'",
)

/**
 * Checks a value and returns it with all defaults filled in.
 *
 * @param subject name of the value for the message, such as `createOrigin`
 * @throws MirroredByError with the code `code`, which names every mistake by its path
 */
export function validate<Output>(
  schema: Schema<Output>,
  value: unknown,
  subject: string,
  code: ErrorCode,
): Output {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const mistakes = firstOf(result.issues.map(describe), (more) => `and ${more} more`)
  throw new MirroredByError(code, `${subject}: ${mistakes.join('; ')}`)
}

/** Returns the first mistakes, and a line that counts the rest. */
function firstOf(mistakes: readonly string[], moreText: (count: number) => string): readonly string[] {
  if (mistakes.length <= MAX_MISTAKES) return mistakes
  return [...mistakes.slice(0, MAX_MISTAKES), moreText(mistakes.length - MAX_MISTAKES)]
}

/**
 * Checks a YAML file and returns its value with all defaults filled in. Mistakes are named as
 * `file:line:column: path: reason`, one per line.
 *
 * @throws MirroredByError with the code `code` if the file cannot be read, is not YAML, or does
 * not match the schema
 */
export function validateYamlFile<Output>(schema: Schema<Output>, file: string, code: ErrorCode): Output {
  return readYamlFile(file, code).check(schema)
}

/** Checks the text of a YAML file, as `validateYamlFile` does. */
export function validateYaml<Output>(
  schema: Schema<Output>,
  text: string,
  file: string,
  code: ErrorCode,
): Output {
  return new YamlFile(text, file, code).check(schema)
}

/** @throws MirroredByError with the code `code` if the file cannot be read, or is not YAML */
export function readYamlFile(file: string, code: ErrorCode): YamlFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new MirroredByError(code, `cannot read ${file}: ${errorMessage(error)}`, error)
  }
  return new YamlFile(text, file, code)
}

/** The content of a YAML file. */
export class YamlFile {
  /** The value as it was written, before any check. */
  readonly value: unknown
  readonly #file: string
  readonly #code: ErrorCode
  readonly #contents: Node | null
  readonly #lines = new LineCounter()

  /** @throws MirroredByError with the code `code` if the text is not YAML */
  constructor(text: string, file: string, code: ErrorCode) {
    this.#file = file
    this.#code = code
    try {
      const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
      const [first] = document.errors
      if (first !== undefined)
        throw this.#errorOf(document.errors.map(({ pos, message }) => [pos[0], `not YAML: ${message}`]))
      this.value = document.toJS()
      this.#contents = document.contents
    } catch (error) {
      if (error instanceof MirroredByError) throw error
      // Aliases that multiply their content, or that have no anchor; or too many levels.
      throw new MirroredByError(code, `${file}: not YAML of use here: ${errorMessage(error)}`, error)
    }
  }

  /**
   * Returns the value with all defaults filled in.
   *
   * @throws MirroredByError naming the mistakes in the order of their lines
   */
  check<Output>(schema: Schema<Output>): Output {
    const result = v.safeParse(schema, this.value)
    if (result.success) return result.output
    throw this.errorFor(schema)
  }

  /** Returns the error that names the mistakes of a value which the schema does not accept. */
  errorFor(schema: Schema<unknown>): MirroredByError {
    const { issues = [] } = v.safeParse(schema, this.value)
    return this.#errorOf(issues.map((issue) => this.#placeOf(issue)))
  }

  #placeOf(issue: v.BaseIssue<unknown>): readonly [offset: number, reason: string] {
    return [offsetOf(this.#contents, pathOf(issue)), describe(issue)]
  }

  /** @param mistakes offsets and reasons */
  #errorOf(mistakes: readonly (readonly [offset: number, reason: string])[]): MirroredByError {
    const places = mistakes
      .toSorted(([one], [other]) => one - other)
      .map(([offset, reason]) => {
        const { line, col } = this.#lines.linePos(offset)
        return `${this.#file}:${line}:${col}: ${reason}`
      })
    const lines = firstOf(places, (more) => `${this.#file}: and ${counted(more, 'more mistake')}`)
    return new MirroredByError(this.#code, lines.join('\n'))
  }
}

function pathOf(issue: v.BaseIssue<unknown>): readonly unknown[] {
  return issue.path?.map(({ key }) => key) ?? []
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = pathOf(issue)
  const name = pathName(isUnknownKey(issue) ? path.slice(0, -1) : path)
  const missing = issue.input === undefined && issue.kind === 'schema' && issue.type !== 'never'
  const reason = missing ? 'is missing' : issue.message
  return escapeUnprintable(name === '' ? reason : `${name}: ${reason}`, MAX_MISTAKE_LENGTH)
}

function pathName(path: readonly unknown[]): string {
  return path.reduce<string>(
    (name, key) => (typeof key === 'number' ? `${name}[${key}]` : name === '' ? `${key}` : `${name}.${key}`),
    '',
  )
}

/**
 * Returns the offset of a mistake: of the deepest node of its path that exists, or of the key
 * that is wrong.
 */
function offsetOf(contents: Node | null, path: readonly unknown[]): number {
  let node: unknown = contents
  let offset = contents?.range?.[0] ?? 0
  for (const key of path) {
    let next: unknown
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
      if (pair === undefined) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      next = pair.value
    } else if (typeof key === 'number' && typeof node === 'object' && node !== null && 'items' in node) {
      next = Array.isArray(node.items) ? node.items[key] : undefined
      offset = rangeStart(next) ?? offset
    }
    if (next === undefined || next === null) break
    node = next
  }
  return offset
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range))
    return undefined
  const start: unknown = node.range[0]
  return typeof start === 'number' ? start : undefined
}
