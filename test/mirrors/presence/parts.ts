import fc from 'fast-check'

/** Lengths of the parts in which a text arrives. */
export const parts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })

/** Returns a text in parts of these lengths, repeatedly. */
export function inParts(text: string, lengths: readonly number[]): string[] {
  const parts: string[] = []
  for (let at = 0, index = 0; at < text.length; index += 1) {
    const length = lengths[index % lengths.length] ?? 1
    parts.push(text.slice(at, at + length))
    at += length
  }
  return parts
}
