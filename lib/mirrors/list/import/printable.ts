/** Control characters, marks that turn the direction of writing, ends of line, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** A text of unknown origin as one line that a terminal shows and does not obey, of so many characters at most. */
export function escapeUnprintable(text: string, limit = 400): string {
  const line = text.slice(0, limit).replace(UNPRINTABLE, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`
  })
  return text.length > limit ? `${line}…` : line
}

/** A name of unknown origin as plain text: what cannot be printed becomes a space, and spaces become one. */
export function plainText(text: string): string {
  return text.replace(UNPRINTABLE, ' ').split(/\s+/).join(' ').trim()
}

/** A number with its noun: `1 mirror`, `2 mirrors`. */
export function counted(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`
}

/** Hides user and password of the URLs in a text. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/\s@]*@/g, '//…@')
}
