import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** The imports of each file, by paths below `lib/`. */
export type Graph = ReadonlyMap<string, readonly string[]>

/** Shared ground, from top to bottom: a place imports only places of the lines below its own. */
const GROUND: readonly (readonly string[])[] = [
  ['store/'],
  ['fields/', 'geo/', 'network/'],
  [
    'clock.ts',
    'cooldown.ts',
    'identity.ts',
    'limiter.ts',
    'paths.ts',
    'pieces.ts',
    'token-bucket.ts',
    'validation.ts',
  ],
  ['dates.ts', 'errors.ts', 'message-text.ts', 'model.ts', 'nearest-name.ts'],
]

/** The parts of the mirrors flow. Each reads only the parts after it. */
const MIRRORS = ['mirrors/presence/', 'mirrors/health/', 'mirrors/list/', 'mirrors/ranking/']

/**
 * The rule of the architecture: indexing and mirrors do not read each other, the request flow reads
 * only `mirrors/ranking/`, and all three meet in the store and the snapshot.
 */
const FLOWS: Readonly<Record<string, readonly string[]>> = {
  'indexing/': [],
  'request/': ['mirrors/ranking/'],
  ...Object.fromEntries(MIRRORS.map((side, index) => [side, MIRRORS.slice(index + 1)])),
}

const EDGES = [
  'cli/',
  'adapters/',
  'index.ts',
  'origin.ts',
  'wiring.ts',
  'mirror-log.ts',
  'options.ts',
  'origin-events.ts',
  'warnings.ts',
]

/** The places that files of each place may import, besides their own. */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    EDGES.map((edge, index) => [edge, [...EDGES.slice(index + 1), ...Object.keys(FLOWS), ...GROUND.flat()]]),
  ),
  ...Object.fromEntries(Object.entries(FLOWS).map(([flow, reads]) => [flow, [...reads, ...GROUND.flat()]])),
  ...Object.fromEntries(
    GROUND.flatMap((line, index) => line.map((place) => [place, GROUND.slice(index + 1).flat()])),
  ),
}

/**
 * Returns every source file below a folder, with its imports.
 *
 * @param prefix the beginning of every path in the graph
 */
export function readGraph(folder: string, prefix = ''): Graph {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return new Map(
    files.sort().map((file) => {
      const path = prefix + file.replaceAll('\\', '/')
      return [path, importsOf(path, readFileSync(join(folder, file), 'utf8'))]
    }),
  )
}

/**
 * Returns the files that a file imports: statically, dynamically, as types, by re-export, or by
 * starting it as a thread (`new URL('./x.js', import.meta.url)`).
 */
export function importsOf(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join('; ')}`)
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.map(({ moduleRequest }) => moduleRequest?.value),
    ),
    // The module record does not contain types by `import('./x.js').Y`.
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

/** Returns the place of a file: a folder, or the file itself; undefined if it has none. */
function placeOf(file: string): string | undefined {
  return Object.keys(ALLOWED).find((place) => (place.endsWith('/') ? file.startsWith(place) : file === place))
}

/**
 * Returns imports that are not allowed, each as `from → to`, files without a place, and imports of
 * missing files.
 */
export function strayImports(graph: Graph): string[] {
  return [...graph].flatMap(([file, imports]) => {
    const place = placeOf(file)
    if (place === undefined) return [`${file} has no place`]
    return imports.flatMap((imported) => {
      if (!graph.has(imported)) return [`${file} → ${imported}, which does not exist`]
      const other = placeOf(imported)
      const isAllowed = other === undefined || other === place || ALLOWED[place]?.includes(other)
      return isAllowed ? [] : [`${file} → ${imported}`]
    })
  })
}

/** Folders of helpers below `test/`, with the folders of helpers that each may read. */
const TEST_HELPERS: Readonly<Record<string, readonly string[]>> = {
  'test/support': [],
  'test/lab': ['test/support'],
}

/**
 * Returns imports of tests that are not allowed, each as `from → to`. A test reads the library, the
 * examples, the helpers, and the files of its own folder and of the folders above that one.
 *
 * @param graph paths below the project, for example `test/fields/url.test.ts`
 */
export function strayTestImports(graph: Graph): string[] {
  return [...graph].flatMap(([file, imports]) => {
    const folder = posix.dirname(file)
    const helpers = TEST_HELPERS[folder] ?? Object.keys(TEST_HELPERS)
    return imports
      .filter((imported) => {
        const other = posix.dirname(imported)
        const isTested = /^(lib|examples)\//.test(imported)
        const isAbove = other !== 'test' && `${folder}/`.startsWith(`${other}/`)
        return imported.endsWith('.ts') && !(isTested || isAbove || helpers.includes(other))
      })
      .map((imported) => `${file} → ${imported}`)
  })
}

/** Returns the import cycles, each once, as `a → b → a`. */
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
