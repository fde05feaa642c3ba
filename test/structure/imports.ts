import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** Files by their paths below `lib/`, and what each imports of the others. */
export type Graph = ReadonlyMap<string, readonly string[]>

/** From top to bottom: a file imports of its own folder, folders within included, and of what stands below. */
export const LAYERS: readonly (readonly string[])[] = [
  ['cli/'],
  ['adapters/'],
  ['index.ts'],
  ['origin.ts'],
  ['options.ts'],
  ['plan/', 'presence/'],
  ['health/'],
  ['indexer.ts', 'leader.ts'],
  ['mirrors/import/'],
  ['mirrors/'],
  ['mirrors/strategies/'],
  ['documents/'],
  ['fields/'],
  ['store/', 'digest/', 'geo/', 'network/'],
  ['repository/'],
  ['validation.ts'],
  ['identity.ts'],
  ['model.ts', 'errors.ts'],
]

/** Every source file below a folder, with what it imports. */
export function readGraph(folder: string): Graph {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return new Map(
    files.sort().map((file) => {
      const path = file.replaceAll('\\', '/')
      return [path, importsOf(path, readFileSync(join(folder, file), 'utf8'))]
    }),
  )
}

/**
 * What a file imports of the library: statically, dynamically, only as types, by exporting it again, or by starting it
 * as a thread (`new URL('./x.js', import.meta.url)`).
 */
export function importsOf(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join('; ')}`)
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.map(({ moduleRequest }) => moduleRequest?.value),
    ),
    // Types by `import('./x.js').Y` are in no record.
    ...[...source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)].map(([, specifier]) => specifier),
    ...[...source.matchAll(/new URL\(\s*['"]([^'"]+)['"],\s*import\.meta\.url/g)].map(
      ([, specifier]) => specifier,
    ),
  ]
  const files = specifiers
    .filter((specifier) => specifier?.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(file), specifier ?? '').replace(/\.js$/, '.ts'))
  return [...new Set(files)]
}

/** The number of a file's layer, from the top, by the longest place that it is in; undefined where it has none. */
function layerOf(file: string): number | undefined {
  const places = LAYERS.flatMap((layer, index) => layer.map((place) => ({ place, index })))
  const own = places
    .filter(({ place }) => (place.endsWith('/') ? file.startsWith(place) : file === place))
    .sort((a, b) => b.place.length - a.place.length)
  return own[0]?.index
}

/** The outermost folder that a file is in. */
function topOf(file: string): string | undefined {
  return file.split('/')[0]
}

/** Imports that do not point downwards, each as `from → to`; files of no layer; imports of what is not there. */
export function strayImports(graph: Graph): string[] {
  const stray: string[] = []
  for (const [file, imports] of graph) {
    const layer = layerOf(file)
    if (layer === undefined) stray.push(`${file} has no layer`)
    for (const imported of imports) {
      const below = layerOf(imported)
      const sameFolder = file.includes('/') && topOf(file) === topOf(imported)
      if (!graph.has(imported)) stray.push(`${file} → ${imported}, which is not there`)
      else if (!sameFolder && layer !== undefined && below !== undefined && below <= layer)
        stray.push(`${file} → ${imported}`)
    }
  }
  return stray
}

/** Files that import each other, around: each circle once, as `a → b → a`. */
export function circles(graph: Graph): string[] {
  const found: string[] = []
  const finished = new Set<string>()
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      found.push([...way.slice(way.indexOf(file)), file].join(' → '))
      return
    }
    if (finished.has(file)) return
    for (const imported of graph.get(file) ?? []) visit(imported, [...way, file])
    finished.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}
