import { posix, relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url))
/** Files of the library: as built, or as written where Node reads source maps. */
const LIBRARY = /^(?:dist\/)?(lib\/.*)$/
const KINDS = ['Line', 'Branch', 'Function'] as const

type Counts = Readonly<
  Record<`total${(typeof KINDS)[number]}Count` | `covered${(typeof KINDS)[number]}Count`, number>
>

/**
 * A reporter for `node --test`: prints failed tests, and then which share of each folder of the
 * library the tests reached. It leaves out the tests, which Node 20 cannot exclude by an option.
 */
export default async function* coverage(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type === 'test:fail') yield `failed: ${data.name}\n`
    if (type === 'test:coverage') yield table(data.summary.files)
  }
}

function table(files: readonly (Counts & { readonly path: string })[]): string {
  const folders = new Map<string, Counts[]>()
  for (const file of files) {
    const [, path] = LIBRARY.exec(relative(PROJECT, file.path).replaceAll('\\', '/')) ?? []
    if (path === undefined) continue
    for (const folder of [posix.dirname(path), 'all of lib'])
      folders.set(folder, [...(folders.get(folder) ?? []), file])
  }
  const rows = [...folders].sort(([one], [other]) => (one < other ? -1 : 1))
  const lines = rows.map(([folder, counts]) => row(folder, ...KINDS.map((kind) => share(counts, kind))))
  return [row('folder', ...KINDS.map((kind) => `${kind.toLowerCase()} %`)), ...lines].join('')
}

function share(counts: readonly Counts[], kind: (typeof KINDS)[number]): string {
  const sum = (key: keyof Counts) => counts.reduce((total, one) => total + one[key], 0)
  const total = sum(`total${kind}Count`)
  return total === 0 ? '' : `${((100 * sum(`covered${kind}Count`)) / total).toFixed(1)}`
}

function row(name: string, ...values: readonly string[]): string {
  return `${name.padEnd(36)}${values.map((value) => value.padStart(12)).join('')}\n`
}
