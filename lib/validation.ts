import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { type ErrorCode, errorMessage, MirroredByError } from './errors.js'

/** Any schema that can be checked without waiting. */
export type Schema<Output> = v.GenericSchema<unknown, Output>

/** An object with these keys and no others. A list, which valibot would take for an object, is none. */
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

/** A number, or a number with one of these units as a text; the number of the smallest comes out. */
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

/** Milliseconds, or a text with a unit: `'90s'`. */
export const durationSchema = quantity(
  DURATION_UNITS,
  "must be milliseconds, or a text such as '90s', '5m' or '12h'",
)

/**
 * Checks a value whole and gives it back with every default filled in.
 *
 * @param subject what the value is, for the message: `createOrigin`
 * @throws MirroredByError of that code, naming every mistake by its path
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
 * The same for a YAML file. Mistakes are named as `file:line:column: path: reason`, one a line.
 *
 * @throws MirroredByError of that code where the file cannot be read, is not YAML, or does not fit
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

/** The same for YAML at hand. */
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
  const why = missing ? 'is missing' : issue.message
  return name === '' ? why : `${name}: ${why}`
}

function pathName(path: readonly unknown[]): string {
  return path.reduce<string>(
    (name, key) => (typeof key === 'number' ? `${name}[${key}]` : name === '' ? `${key}` : `${name}.${key}`),
    '',
  )
}

/** Where the mistake stands: at the deepest node of its path that is there; at the key where that is what is wrong. */
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
