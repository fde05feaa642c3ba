/** Rows as lines, their columns aligned. */
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

/** Milliseconds for a column: `1.9 ms`, `14 ms`. */
export function roundTripText(roundTrip: number | undefined): string {
  return roundTrip === undefined ? '-' : `${roundTrip.toFixed(roundTrip < 10 ? 1 : 0)} ms`
}
