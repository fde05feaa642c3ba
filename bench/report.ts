import type { Comparison } from './compare.js'

/** Target of a ratio. Only printed: the speed of a machine must not fail a run. */
export type Aim = { readonly atLeast: number } | { readonly atMost: number }

/** One line of the report. */
export interface Line extends Comparison {
  readonly name: string
  readonly unit: 'requests/s' | 'MiB/s' | 's' | 'ms' | 'ns' | 'MiB'
  readonly aim?: Aim
}

/** A group of lines that are measured together, chosen by its name. */
export interface Measurement {
  readonly name: string
  /** Returns why the measurement is impossible here; undefined if it is possible. */
  readonly obstacle?: () => string | undefined
  /** Returns lines, and texts to print between them. */
  readonly run: () => Promise<readonly (Line | string)[]>
}

const WIDTHS = [44, 18, 18, 20, 8] as const

export function heading(): string {
  return columns(['', 'ours', 'reference', 'ratio (of pairs)', 'aim'])
}

export function lineOf({ name, unit, ours, reference, ratio, least, greatest, aim }: Line): string {
  return columns([
    name,
    `${round(ours)} ${unit}`,
    `${round(reference)} ${unit}`,
    `${ratio.toFixed(2)} (${least.toFixed(2)}–${greatest.toFixed(2)})`,
    aim === undefined ? '' : verdict(ratio, aim),
  ])
}

function verdict(ratio: number, aim: Aim): string {
  const [sign, limit] = 'atLeast' in aim ? ['≥', aim.atLeast] : ['≤', aim.atMost]
  const isMet = 'atLeast' in aim ? ratio >= limit : ratio <= limit
  return `${sign} ${limit}${isMet ? '' : '  missed'}`
}

function columns(texts: readonly string[]): string {
  return texts
    .map((text, column) => text.padEnd(WIDTHS[column] ?? 0))
    .join('')
    .trimEnd()
}

/** Rounds to three digits: measurements are not more precise. */
function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
