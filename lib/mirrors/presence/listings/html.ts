/** Receives the parts of a page, in order. */
export interface HtmlSink {
  /** Text between tags, with character references unresolved. Long text comes in parts. */
  text(text: string): void
  /** @param attributes source text between the name and `>` */
  open(name: string, attributes: string): void
  close(name: string): void
}

/** Characters of a tag; longer tags are skipped, because no index needs them. */
const MAX_TAG_LENGTH = 64 * 1024
/** Elements whose content is not HTML. */
const RAW_TEXT_ELEMENTS = new Set(['script', 'style', 'textarea'])

/**
 * Splits HTML that comes in parts into tags and text, in linear time and bounded memory for any
 * input. Supports as much of HTML as indexes of folders need: quoted attributes, comments, and raw
 * text such as scripts.
 */
export class HtmlReader {
  readonly #sink: HtmlSink
  /** Unfinished end of the input so far: of a tag, a comment, or the end tag of a script. */
  #pending = ''
  /** Characters of `#pending` that need no second pass. */
  #examined = 0
  /** Quote that ends the open attribute value in `#pending`; empty outside of values. */
  #quote = ''
  /** Text that ends the raw text or comment being skipped; undefined outside of both. */
  #skipUntil: string | undefined
  /** Number of tags that were skipped for their length. */
  skippedTags = 0

  constructor(sink: HtmlSink) {
    this.#sink = sink
  }

  feed(part: string): void {
    const text = this.#pending + part
    let at = 0
    while (at < text.length) {
      const next =
        this.#skipUntil === undefined ? this.#read(text, at) : this.#skip(text, at, this.#skipUntil)
      if (next === undefined) break
      at = next
      this.#examined = 0
    }
    this.#pending = text.slice(at)
    if (this.#pending.length > MAX_TAG_LENGTH) {
      this.skippedTags += 1
      this.#pending = ''
      this.#examined = 0
      this.#quote = ''
    }
  }

  /**
   * Reads text or a tag from `at`. Returns where it ends; undefined if the end has not come yet.
   */
  #read(text: string, at: number): number | undefined {
    const start = this.#examined > 0 ? at : text.indexOf('<', at)
    if (start === -1) {
      this.#sink.text(text.slice(at))
      return text.length
    }
    if (start > at) {
      this.#sink.text(text.slice(at, start))
      return start
    }
    if (text.startsWith('<!--', at)) {
      this.#skipUntil = '-->'
      return at + 4
    }
    // May still become a comment.
    if ('<!--'.startsWith(text.slice(at, at + 4))) return undefined
    const end = this.#endOfTag(text, at)
    if (end === undefined) return undefined
    this.#tag(text.slice(at + 1, end))
    return end + 1
  }

  /** Skips raw text or a comment up to its end. Returns where the rest starts. */
  #skip(text: string, at: number, until: string): number | undefined {
    const end = indexOfIgnoringCase(text, until, at)
    if (end !== -1) {
      this.#skipUntil = undefined
      // `-->` is part of the comment; the end of a script is a tag, which is read next.
      return until === '-->' ? end + until.length : end
    }
    // The last characters may be the beginning of the end.
    const kept = Math.max(at, text.length - until.length + 1)
    return kept > at ? kept : undefined
  }

  /** Returns the position of the tag's `>`: the first one outside of quotes. */
  #endOfTag(text: string, at: number): number | undefined {
    for (let index = at + Math.max(1, this.#examined); index < text.length; index += 1) {
      const character = text[index]
      if (this.#quote !== '') {
        if (character === this.#quote) this.#quote = ''
      } else if (character === '>') {
        return index
      } else if ((character === '"' || character === "'") && text[index - 1] === '=') {
        this.#quote = character
      }
      // A quote that does not follow `=` is an ordinary character.
    }
    this.#examined = text.length - at
    return undefined
  }

  #tag(content: string): void {
    const start = content.startsWith('/') ? 1 : 0
    let end = start
    while (isLetterOrDigit(content.charCodeAt(end))) end += 1
    const name = content.slice(start, end).toLowerCase()
    if (name === '') return
    if (start === 1) {
      this.#sink.close(name)
      return
    }
    if (RAW_TEXT_ELEMENTS.has(name)) this.#skipUntil = `</${name}`
    this.#sink.open(name, content.slice(end))
  }
}

/** Whether a code unit is an ASCII letter or digit. False for NaN, the code beyond the end. */
function isLetterOrDigit(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57)
}

function indexOfIgnoringCase(text: string, lowerCase: string, from: number): number {
  const first = lowerCase.slice(0, 2)
  for (let at = text.indexOf(first, from); at !== -1; at = text.indexOf(first, at + 1))
    if (text.slice(at, at + lowerCase.length).toLowerCase() === lowerCase) return at
  return -1
}

/** Returns the value of an attribute, with references resolved; undefined if the tag lacks it. */
export function attribute(attributes: string, name: string): string | undefined {
  ATTRIBUTE.lastIndex = 0
  for (let match = ATTRIBUTE.exec(attributes); match !== null; match = ATTRIBUTE.exec(attributes)) {
    const [, attributeName = '', double, single, bare] = match
    if (attributeName.toLowerCase() === name) return resolveReferences(double ?? single ?? bare ?? '')
  }
  return undefined
}

const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g

const NAMED_REFERENCES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}

/**
 * Resolves character references such as `&amp;` and `&#x26;`. Unsupported ones stay as they are.
 */
export function resolveReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED_REFERENCES[String(name).toLowerCase()] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
  })
}
