import type { Field } from '../../lib/index.js'

export interface FixedSetup {
  readonly root: string
  readonly status: number
  /** All lines of our answer. */
  readonly fields: Field[]
}

/** Lines as they would be written into a program: several of one name as an array. */
export function written(fields: readonly Field[]): [name: string, value: string | string[]][] {
  const lines = new Map<string, string[]>()
  for (const [name, value] of fields) lines.set(name, [...(lines.get(name) ?? []), value])
  return [...lines].map(([name, values]) => {
    const [only, ...others] = values
    return [name, only === undefined || others.length > 0 ? values : only]
  })
}
