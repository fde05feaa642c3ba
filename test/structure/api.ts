import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { type ParseResult, parseSync } from 'oxc-parser'

/** A name in another file, or in a package. */
interface Reference {
  /** A path, or the name of a package. */
  readonly module: string
  /** `*` for all of the module, `default` for its default export. */
  readonly name: string
}

/** A declaration file, read once. */
interface DeclarationFile {
  /** Declarations by name; overloads of one function stand together. */
  readonly declarations: ReadonlyMap<string, readonly Declaration[]>
  /** What each imported name refers to. */
  readonly imports: ReadonlyMap<string, Reference>
  /** What each exported name refers to; a name that the file declares has the module `''`. */
  readonly exports: ReadonlyMap<string, Reference>
  /** Modules of `export * from`. */
  readonly stars: readonly string[]
}

interface Declaration {
  /** Without comments and without `export declare`. */
  readonly text: string
  /** Names of types and values in the declaration. */
  readonly names: ReadonlySet<string>
}

/** Returns the text of a file of declarations, by its path. */
export type Read = (path: string) => string

/**
 * Returns a report of the public API: every exported name of each entry point with its declaration,
 * and after them the declarations of our own types that these name without exporting them.
 *
 * @param entries paths of declaration files, by the specifiers under which users import them
 */
export function apiReport(
  entries: Readonly<Record<string, string>>,
  read: Read = (path) => readFileSync(path, 'utf8'),
): string {
  const api = new Api(read)
  const sections = Object.entries(entries).map(([specifier, path]) => {
    const lines = api.exportsOf(path).map(({ name, text }) => `${name}\n${indented(text)}`)
    return `## ${specifier}\n\n${lines.join('\n\n')}\n`
  })
  const internal = api.namedOnly().map(({ name, text }) => `${name}\n${indented(text)}`)
  return `${[...sections, `## named, and not exported\n\n${internal.join('\n\n')}\n`].join('\n')}`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ')
}

interface Reported {
  readonly name: string
  readonly text: string
}

class Api {
  readonly #read: Read
  readonly #files = new Map<string, DeclarationFile>()
  /** Declarations that are in the report already, as `path name`. */
  readonly #reported = new Set<string>()
  readonly #exported: Reference[] = []

  constructor(read: Read) {
    this.#read = read
  }

  /** The exported names of a file, sorted, each with its declaration. */
  exportsOf(path: string): readonly Reported[] {
    const names = [...this.#namesOf(path)].sort()
    return names.map((name) => {
      const declared = this.#resolve({ module: path, name })
      this.#exported.push(declared)
      const key = keyOf(declared)
      const isRepeated = this.#reported.has(key)
      this.#reported.add(key)
      return { name, text: isRepeated ? 'as above' : this.#textOf(declared) }
    })
  }

  /** Declarations that exported declarations name, directly or through each other. */
  namedOnly(): readonly Reported[] {
    const reported: Reported[] = []
    const queue = [...this.#exported]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { module } = next
      for (const name of this.#declarationsOf(next).flatMap(({ names }) => [...names])) {
        if (!this.#isOwn({ module, name })) continue
        const named = this.#resolve({ module, name })
        const key = keyOf(named)
        if (this.#reported.has(key) || this.#declarationsOf(named).length === 0) continue
        this.#reported.add(key)
        reported.push({ name: named.name, text: this.#textOf(named) })
        queue.push(named)
      }
    }
    return reported.sort((one, other) => (one.name + one.text < other.name + other.text ? -1 : 1))
  }

  #namesOf(path: string): ReadonlySet<string> {
    const { exports, stars } = this.#file(path)
    const starred = stars.filter(isPath).flatMap((star) => [...this.#namesOf(star)])
    return new Set([...exports.keys(), ...starred.filter((name) => name !== 'default')])
  }

  /**
   * Whether a name that stands in a file is declared there, or imported from another file of ours.
   */
  #isOwn({ module, name }: Reference): boolean {
    const { declarations, imports } = this.#file(module)
    const imported = imports.get(name)
    return imported === undefined ? declarations.has(name) : isPath(imported.module) && imported.name !== '*'
  }

  /** Follows a name to the file that declares it, or to the package that it is from. */
  #resolve(reference: Reference): Reference {
    const { module, name } = reference
    if (!isPath(module)) return reference
    const { exports, imports, declarations, stars } = this.#file(module)
    const exported = exports.get(name)
    if (exported !== undefined && exported.module !== '') return this.#resolve(exported)
    const local = exported?.name ?? name
    const imported = imports.get(local)
    if (imported !== undefined) return this.#resolve(imported)
    if (declarations.has(local)) return { module, name: local }
    const star = stars.filter(isPath).find((other) => this.#namesOf(other).has(name))
    if (star === undefined) throw new Error(`${module} declares no ${name}`)
    return this.#resolve({ module: star, name })
  }

  #declarationsOf({ module, name }: Reference): readonly Declaration[] {
    return isPath(module) ? (this.#file(module).declarations.get(name) ?? []) : []
  }

  #textOf(reference: Reference): string {
    const texts = this.#declarationsOf(reference).map(({ text }) => text)
    return texts.length > 0 ? texts.join('\n') : `from ${reference.module}`
  }

  #file(path: string): DeclarationFile {
    const cached = this.#files.get(path)
    if (cached !== undefined) return cached
    const file = parse(path, this.#read(path))
    this.#files.set(path, file)
    return file
  }
}

function keyOf({ module, name }: Reference): string {
  return `${module} ${name}`
}

function isPath(module: string): boolean {
  return module.endsWith('.d.ts')
}

function parse(path: string, source: string): DeclarationFile {
  const result = parseSync(path, source)
  const [error] = result.errors
  if (error !== undefined) throw new Error(`${path}: ${error.message}`)
  const target = (specifier: string): string =>
    specifier.startsWith('.')
      ? posix.join(posix.dirname(path), specifier.replace(/\.js$/, '.d.ts'))
      : specifier
  const imports = new Map<string, Reference>()
  for (const { moduleRequest, entries } of result.module.staticImports)
    for (const { localName, importName } of entries)
      imports.set(localName.value, {
        module: target(moduleRequest.value),
        name: { Name: importName.name ?? '', NamespaceObject: '*', Default: 'default' }[importName.kind],
      })
  const exports = new Map<string, Reference>()
  const stars: string[] = []
  for (const { moduleRequest, exportName, importName, localName } of result.module.staticExports.flatMap(
    ({ entries }) => entries,
  )) {
    const module = moduleRequest === null ? '' : target(moduleRequest.value)
    const name = exportName.kind === 'Default' ? 'default' : exportName.name
    if (name === null) stars.push(module)
    else exports.set(name, { module, name: (module === '' ? localName.name : importName.name) ?? name })
  }
  return { declarations: declarationsOf(result, source), imports, exports, stars }
}

function declarationsOf(
  { program, comments }: ParseResult,
  source: string,
): ReadonlyMap<string, readonly Declaration[]> {
  const declarations = new Map<string, Declaration[]>()
  for (const statement of program.body) {
    const isExport =
      statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration'
    const node = isExport ? statement.declaration : statement
    if (node === null || !('type' in node) || /^(Import|Export|Empty)/.test(node.type)) continue
    const declaration: Declaration = {
      text: withoutComments(source, node.start, node.end, comments),
      names: namesIn(node),
    }
    for (const name of declaredNames(node))
      declarations.set(name, [...(declarations.get(name) ?? []), declaration])
  }
  return declarations
}

function withoutComments(
  source: string,
  start: number,
  end: number,
  comments: ParseResult['comments'],
): string {
  let text = ''
  let position = start
  for (const comment of comments.filter((one) => one.start >= start && one.end <= end)) {
    text += source.slice(position, comment.start)
    position = comment.end
  }
  return (text + source.slice(position, end)).replace(/^declare /, '').replaceAll(/\n\s*(?=\n)|[ \t]+$/gm, '')
}

/** The names that a statement declares: one, or those of its variables. */
function declaredNames(node: object): readonly string[] {
  if ('declarations' in node && Array.isArray(node.declarations))
    return node.declarations.flatMap((variable: object) => declaredNames(variable))
  return 'id' in node && isNode(node.id) && 'name' in node.id ? [String(node.id.name)] : []
}

/** The names that a declaration mentions, apart from those of its properties and parameters. */
function namesIn(node: object): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visit(one)
    else if (isNode(value)) {
      if ('type' in value && value.type === 'Identifier' && 'name' in value) names.add(String(value.name))
      for (const [key, child] of Object.entries(value)) {
        if (key === 'key' && !('computed' in value && value.computed)) continue
        if (key === 'params' || key === 'parameters') visitParameters(child)
        else visit(child)
      }
    }
  }
  const visitParameters = (value: unknown): void => {
    for (const parameter of Array.isArray(value) ? value : [value])
      if (isNode(parameter) && 'type' in parameter && parameter.type === 'Identifier')
        visit('typeAnnotation' in parameter ? parameter.typeAnnotation : undefined)
      else visit(parameter)
  }
  visit(node)
  return names
}

function isNode(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
