/**
 * Returns the name that was probably meant by a wrong one; undefined if none is similar. Case,
 * hyphens and underscores do not count, and one typing error per three characters is forgiven.
 */
export function nearestName(wrong: string, names: readonly string[]): string | undefined {
  const text = plain(wrong)
  // A longer text is no name, and its comparison would take long.
  if (text.length > MAX_NAME_LENGTH) return undefined
  const limit = Math.max(1, Math.floor(text.length / 3))
  let nearest: string | undefined
  let least = limit + 1
  for (const name of names) {
    const edits = editsBetween(text, plain(name))
    if (edits < least) {
      least = edits
      nearest = name
    }
  }
  return nearest
}

const MAX_NAME_LENGTH = 40

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Returns the number of characters to insert, remove, replace or swap with their neighbour. */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      const swapped = isSwap ? (beforeLast[column - 2] ?? 0) + 1 : replaced
      current.push(Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced, swapped))
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}
