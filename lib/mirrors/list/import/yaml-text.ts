import { type Document, Lexer, LineCounter, parseAllDocuments } from 'yaml'
import { errorMessage } from '../../../errors.js'

/** Limits of nesting in a text and in one line, and of indentation: beyond any list of mirrors. */
const MAX_DEPTH = 16
const MAX_INDENTATION = 200

/** Token of `Lexer` before a scalar; the next token is the scalar's text. */
const SCALAR = '\u001f'

/** One document of a YAML text: its value, or why it is refused. */
export type YamlDocument =
  | { readonly line?: number | undefined; readonly value: unknown }
  | { readonly line?: number | undefined; readonly refusal: string }

/**
 * Reads untrusted YAML. Refuses deep nesting, keys that are collections, and aliases by the tokens
 * of the text: parsing them costs unbounded time and memory and can end the process.
 */
export function readYaml(text: string): YamlDocument[] {
  try {
    const refusal = refusalOf(text)
    if (refusal !== undefined) return [{ refusal }]
    const lines = new LineCounter()
    // No `uniqueKeys`: the check for duplicate keys takes quadratic time.
    const options = { prettyErrors: false, uniqueKeys: false, lineCounter: lines, logLevel: 'error' } as const
    return [...parseAllDocuments(text, options)].map((document) => documentOf(document, lines))
  } catch (error) {
    return [notYaml(error)]
  }
}

function documentOf(document: Document, lines: LineCounter): YamlDocument {
  const [fault] = document.errors
  const offset = fault?.pos[0] ?? document.contents?.range?.[0]
  const line = offset === undefined ? undefined : lines.linePos(offset).line
  if (fault !== undefined) return { line, ...notYaml(fault) }
  try {
    return { line, value: document.toJS() }
  } catch (error) {
    return { line, ...notYaml(error) }
  }
}

function notYaml(error: unknown): { refusal: string } {
  return { refusal: `it is not YAML: ${errorMessage(error)}` }
}

/** Returns why a text is refused without parsing. */
function refusalOf(text: string): string | undefined {
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
