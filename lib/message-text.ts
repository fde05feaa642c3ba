/** Control and format characters (bidirectional marks too), line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const MAX_QUOTE_LENGTH = 200

/**
 * Returns untrusted text as one line that a terminal shows and does not obey. Each unprintable
 * character becomes an escape such as `\u{1b}`, so that the original can be told from the output.
 *
 * @param maxLength characters of `text` that are kept; an ellipsis stands for the rest
 */
export function escapeUnprintable(text: string, maxLength = 400): string {
  const line = text.slice(0, maxLength).replace(UNPRINTABLE, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`
  })
  return text.length > maxLength ? `${line}…` : line
}

/**
 * Returns untrusted text as one line that a terminal shows and does not obey. Each unprintable
 * character becomes U+FFFD, so that the length stays.
 */
export function replaceUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd')
}

/** Returns untrusted text in quotes, printable, and cut to `MAX_QUOTE_LENGTH` characters. */
export function quote(text: string): string {
  const short = text.length > MAX_QUOTE_LENGTH ? `${text.slice(0, MAX_QUOTE_LENGTH)}…` : text
  return `"${replaceUnprintable(short)}"`
}

/**
 * Returns an untrusted name as plain text: unprintable characters become spaces, and runs of spaces
 * become one.
 */
export function plainText(text: string): string {
  return text.replace(UNPRINTABLE, ' ').split(/\s+/).join(' ').trim()
}

/** Returns a number with its noun: `1 mirror`, `2 mirrors`. */
export function counted(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`
}

/** Hides user and password of the URLs in a text. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/\s@]*@/g, '//…@')
}
