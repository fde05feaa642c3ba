import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { type ErrorCode, errorMessage, MirroredByError } from './errors.js'

/** A schema that is checked synchronously. */
export type Schema<Output> = v.GenericSchema<unknown, Output>

/**
 * Returns the schema of an object with exactly these keys. Refuses arrays, which valibot accepts
 * as objects.
 */
export function mapping<const Entries extends v.ObjectEntries>(entries: Entries, message: string) {
  return v.pipe(
    v.unknown(),
    v.check((value) => !Array.isArray(value), message),
    v.strictObject(entries, message),
  )
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
  throw new MirroredByError(code, `${subject}: ${result.issues.map(describe).join('; ')}`)
}

/**
 * Checks a YAML file and returns its value with all defaults filled in. Mistakes are named as
 * `file:line:column: path: reason`, one per line.
 *
 * @throws MirroredByError with the code `code` if the file cannot be read, is not YAML, or does
 * not match the schema
 */
export function validateYamlFile<Output>(schema: Schema<Output>, file: string, code: ErrorCode): Output {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new MirroredByError(code, `cannot read ${file}: ${errorMessage(error)}`, error)
  }
  return validateYaml(schema, text, file, code)
}

/** Checks the text of a YAML file, as `validateYamlFile` does. */
export function validateYaml<Output>(
  schema: Schema<Output>,
  text: string,
  file: string,
  code: ErrorCode,
): Output {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  if (document.errors.length > 0) {
    const mistakes = document.errors.map((error) => `${place(error.pos[0])}: not YAML: ${error.message}`)
    throw new MirroredByError(code, mistakes.join('\n'))
  }
  const result = v.safeParse(schema, document.toJS())
  if (result.success) return result.output
  const mistakes = result.issues.map((issue) => {
    const offset = offsetOf(document.contents, pathOf(issue))
    return `${place(offset)}: ${describe(issue)}`
  })
  throw new MirroredByError(code, mistakes.join('\n'))
}

function pathOf(issue: v.BaseIssue<unknown>): readonly unknown[] {
  return issue.path?.map(({ key }) => key) ?? []
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = pathOf(issue)
  const last = path[path.length - 1]
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const within = pathName(path.slice(0, -1))
    return `${within === '' ? '' : `${within}: `}unknown key ${JSON.stringify(last)}`
  }
  const name = pathName(path)
  const missing = issue.input === undefined && issue.kind === 'schema'
  const reason = missing ? 'is missing' : issue.message
  return name === '' ? reason : `${name}: ${reason}`
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
