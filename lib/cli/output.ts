/** Where a command writes. */
export interface Output {
  line(text: string): void
  warning(text: string): void
}
