import { type Document, Lexer, LineCounter, parseAllDocuments } from 'yaml'
import { errorMessage } from '../../../errors.js'

/** No list of mirrors is nested more deeply, and none has lines that open more than this. */
const MAX_DEPTH = 16
const MAX_INDENTATION = 200

/** The mark that `Lexer` sets before a scalar, whose text comes next. */
const SCALAR = '\u001f'

/** One document of a YAML text: what it says, or why that is not known. */
export type YamlDocument =
  | { readonly line?: number | undefined; readonly value: unknown }
  | { readonly line?: number | undefined; readonly refusal: string }

/**
 * Reads YAML from somebody else. Parsing deep nesting, keys that are collections, and many aliases takes the `yaml`
 * package time and memory without bounds, up to the end of the process, so such a text is refused by its tokens first.
 */
export function readYaml(text: string): YamlDocument[] {
  try {
    const refusal = excess(text)
    if (refusal !== undefined) return [{ refusal }]
    const lines = new LineCounter()
    // Keys that come twice are looked for in quadratic time.
    const options = { prettyErrors: false, uniqueKeys: false, lineCounter: lines, logLevel: 'error' } as const
    return [...parseAllDocuments(text, options)].map((document) => documentOf(document, lines))
  } catch (error) {
    return [notYaml(error)]
  }
}

function documentOf(document: Document, lines: LineCounter): YamlDocument {
  const [mistake] = document.errors
  const offset = mistake?.pos[0] ?? document.contents?.range?.[0]
  const line = offset === undefined ? undefined : lines.linePos(offset).line
  if (mistake !== undefined) return { line, ...notYaml(mistake) }
  try {
    return { line, value: document.toJS() }
  } catch (error) {
    return { line, ...notYaml(error) }
  }
}

function notYaml(error: unknown): { refusal: string } {
  return { refusal: `it is not YAML: ${errorMessage(error)}` }
}

function excess(text: string): string | undefined {
  let depth = 0
  let opened = 0
  let isScalar = false
  for (const token of new Lexer().lex(text)) {
    if (isScalar) isScalar = false
    else if (token === SCALAR) isScalar = true
    else if (token === '\n' || token === '\r\n') opened = 0
    else if (token === '[' || token === '{') depth += 1
    else if (token === ']' || token === '}') depth -= 1
    else if (depth === 0 && (token === '-' || token === ':')) opened += 1
    else if (token === '?') return 'its YAML has keys that are collections'
    else if (token.startsWith('*')) return 'its YAML has aliases'
    else if (token.startsWith(' ') && token.length > MAX_INDENTATION) return 'its YAML is indented too far'
    if (depth > MAX_DEPTH || opened > MAX_DEPTH) return 'its YAML is nested too deeply'
  }
  return undefined
}
