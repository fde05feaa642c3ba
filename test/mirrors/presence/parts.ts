import fc from 'fast-check'

/** Lengths of the parts in which something comes. */
export const parts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })

/** A text in parts of these lengths, over and over. */
export function inParts(text: string, lengths: readonly number[]): string[] {
  const found: string[] = []
  for (let at = 0, index = 0; at < text.length; index += 1) {
    const length = lengths[index % lengths.length] ?? 1
    found.push(text.slice(at, at + length))
    at += length
  }
  return found
}
