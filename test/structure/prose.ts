import { parseSync } from 'oxc-parser'

/**
 * Words that send a reader to the dictionary, or back to the sentence before; the plain word stands
 * behind.
 */
export const BANNED: Readonly<Record<string, string>> = {
  whoever: 'the client, the caller, the reader: name it',
  whomever: 'name it',
  whom: 'name it',
  somebody: 'name it',
  nobody: 'name it, or use the passive',
  anew: 'again',
  ail: 'status',
  ails: 'status',
  ailment: 'status',
  heed: 'read, obey',
  heeds: 'reads, obeys',
  wonder: 'request a check',
  wonders: 'requests a check',
  fare: 'status',
  fares: 'status',
  hasten: 'expedite',
  likewise: 'repeat the noun',
  'is none': 'say what it is',
}

/** Characters of a line that holds a comment. */
export const MAX_COLUMNS = 100
/** Words of a sentence. */
export const MAX_WORDS = 25

export interface Fault {
  readonly line: number
  readonly what: string
}

/** Banned words in a text. */
export function bannedWords(text: string): Fault[] {
  return text.split('\n').flatMap((line, index) =>
    Object.entries(BANNED)
      .filter(([word]) => new RegExp(`(?<![\\w\`-])${word}(?![\\w\`-])`, 'i').test(line))
      .map(([word, instead]) => ({ line: index + 1, what: `"${word}": ${instead}` })),
  )
}

/** A comment as it reads, and the line that it begins on. */
interface Comment {
  readonly line: number
  readonly text: string
}

/** The comments of a source; line comments on lines that follow each other are one. */
function commentsOf(source: string): readonly Comment[] {
  const { comments } = parseSync('source.ts', source)
  const joined: Comment[] = []
  let end = -1
  for (const { value, start, end: last, type } of comments) {
    const line = source.slice(0, start).split('\n').length
    const own = source.slice(source.lastIndexOf('\n', start - 1) + 1, start).trim() === ''
    const text = value.replace(/^\s*\*? ?/gm, '')
    const before = joined.at(-1)
    if (type === 'Line' && own && before !== undefined && line === end + 1)
      joined[joined.length - 1] = { line: before.line, text: `${before.text}\n${text}` }
    else joined.push({ line, text })
    end = type === 'Line' && own ? source.slice(0, last).split('\n').length : -1
  }
  return joined
}

/** Sentences, without code spans, links, examples and lists of quoted values. */
function sentencesOf(text: string): readonly string[] {
  return text
    .replace(/```[\s\S]*?```|\n\s*\n/g, '. ')
    .replace(/^\s*(?:@\w+|[-*] |\d\. )/gm, '. ')
    .replace(/`[^`]*`/g, 'code')
    .replace(/https?:\S+/g, 'link')
    .split(/[.:;?!](?:\s|$)/)
    .map((sentence) => sentence.trim())
}

/** What the comments of a source break of the rules: width, banned words, length of sentences. */
export function faultsOfComments(source: string, { sentences }: { readonly sentences: boolean }): Fault[] {
  const lines = source.split('\n')
  return commentsOf(source).flatMap(({ line, text }) => {
    const height = text.split('\n').length
    const wide = lines
      .slice(line - 1, line - 1 + height)
      .flatMap((one, index) =>
        one.length > MAX_COLUMNS && /^\s*(\/\/|\/\*|\*)/.test(one)
          ? [{ line: line + index, what: `${one.length} columns` }]
          : [],
      )
    const words = bannedWords(text).map((fault) => ({ ...fault, line: line + fault.line - 1 }))
    const long = sentences
      ? sentencesOf(text)
          .filter((sentence) => sentence.split(/\s+/).length > MAX_WORDS)
          .map((sentence) => ({ line, what: `a sentence of more than ${MAX_WORDS} words: ${sentence}` }))
      : []
    return [...wide, ...words, ...long]
  })
}

/** Banned words in what a source says: texts of more than one word. */
export function faultsOfTexts(source: string): Fault[] {
  return source.split('\n').flatMap((line, index) =>
    [...line.matchAll(/'((?:[^'\\]|\\.)* (?:[^'\\]|\\.)*)'|`([^`]* [^`]*)`|"([^"]* [^"]*)"/g)].flatMap(
      ([, ...texts]) =>
        bannedWords(texts.find((text) => text !== undefined) ?? '').map(({ what }) => ({
          line: index + 1,
          what,
        })),
    ),
  )
}
