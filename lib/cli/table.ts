/** Returns rows as lines with aligned columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Returns milliseconds for a column: `1.9 ms`, `14 ms`. */
export function roundTripText(roundTripMs: number | undefined): string {
  return roundTripMs === undefined ? '-' : `${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms`
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const

/** Returns an age in the largest unit that gives a number of at least two: `90 min`, `3 h`. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000))
  const [size, name] = UNITS.find(([unit]) => seconds >= 2 * unit) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${name}`
}
