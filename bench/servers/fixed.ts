import type { Field } from '../../lib/index.js'

export interface FixedSetup {
  readonly root: string
  readonly status: number
  /** All field lines of our response. */
  readonly fields: Field[]
}

/** Returns field lines as a program would set them: several lines of one name as an array. */
export function written(fields: readonly Field[]): [name: string, value: string | string[]][] {
  const lines = new Map<string, string[]>()
  for (const [name, value] of fields) lines.set(name, [...(lines.get(name) ?? []), value])
  return [...lines].map(([name, values]) => {
    const [first, ...others] = values
    return [name, first === undefined || others.length > 0 ? values : first]
  })
}
