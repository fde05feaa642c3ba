import { sep } from 'node:path'
import picomatch from 'picomatch'

/** Whether a backslash separates folders on this system. Elsewhere it is a character of names. */
export const BACKSLASH_SEPARATES = sep === '\\'

/** Suffixes of files whose download or upload is not complete. */
const TEMPORARY_SUFFIXES = [
  '.aria2', // aria2's control file, and its temporary copy
  '.aria2__temp',
  '.crdownload', // Chrome, Edge
  '.opdownload', // Opera
  '.download', // Safari
  '.part', // Firefox, curl and lftp as commonly wrapped
  '.partial',
  '.filepart', // WinSCP
  '.tmp',
]

/** Folder of the routes of `mirrored-by/koa`. */
const ROUTES = '.mirrored-by'

/** Returns whether a path below the root belongs to the repository. */
export type PathFilter = (path: string) => boolean

/** Names that begin with a dot and belong to repositories, by default of the option `hidden`. */
export const PUBLISHED_DOTFILES: readonly string[] = [
  '.treeinfo', // of Anaconda, in trees of Fedora and its relatives
  '.discinfo',
  '.composeinfo',
  '.buildstamp',
  '.disk', // of Debian and Ubuntu, in trees of CDs
  '.well-known', // RFC 8615
]

/**
 * Returns the globs that decide what belongs to a repository, for `createPathFilter`: names of
 * `hidden` are taken back, and then `ignore` is applied.
 */
export function ignoredGlobs(options: {
  readonly hidden: readonly string[]
  readonly ignore: readonly string[]
}): readonly string[] {
  return [...options.hidden.map((name) => `!${name}`), ...options.ignore]
}

/**
 * Returns the filter of a repository. It leaves out names that begin with a dot (such as the
 * temporary files of rsync) and paths that match a glob. A glob after `!` takes back what was left
 * out so far: the last match decides. Always left out are temporary files of download clients, and
 * names that cannot make a round trip through a URL.
 *
 * @param globs for picomatch, relative to the root; a glob without `/` is matched against the base
 * name
 */
export function createPathFilter(globs: readonly string[]): PathFilter {
  const rules = globs.map(ruleOf)
  return (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (isExcluded(name)) return false
    let isIgnored = name.startsWith('.')
    for (const { ignores, matches } of rules) {
      if (ignores !== isIgnored && matches(path)) isIgnored = ignores
    }
    return !isIgnored
  }
}

interface Rule {
  /** Whether paths that match are left out. Otherwise they are taken back. */
  readonly ignores: boolean
  readonly matches: PathFilter
}

function ruleOf(glob: string): Rule {
  const { pattern, ignores } = globParts(glob)
  // Flag `s`, because a name may contain a line feed, which `**` must match.
  const matches = picomatch(pattern, { basename: !glob.includes('/'), dot: true, flags: 's' })
  return { ignores, matches: (path) => matches(path) }
}

/** Returns false for a glob that matches nothing: it is empty. */
export function hasPattern(glob: string): boolean {
  return globParts(glob).pattern !== ''
}

function globParts(glob: string): { readonly pattern: string; readonly ignores: boolean } {
  // `!(a|b)` is an extended glob.
  const isNegated = /^!(?!\()/.test(glob)
  const pattern = (isNegated ? glob.slice(1) : glob).replace(/^\//, '').replace(/\/$/, '')
  return { pattern, ignores: !isNegated }
}

/**
 * Applies a filter to a path and all of its parent folders. A request may name a file in a folder
 * that scans leave out.
 */
export function includesWholePath(filter: PathFilter, path: string): boolean {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    if (!filter(path.slice(0, end))) return false
  }
  return filter(path)
}

function isExcluded(name: string): boolean {
  // U+FFFD replaces bytes that are not UTF-8: a file cannot be opened by such a string.
  if (name.includes('\ufffd') || name === ROUTES) return true
  if (BACKSLASH_SEPARATES && name.includes('\\')) return true
  return TEMPORARY_SUFFIXES.some((suffix) => name.endsWith(suffix))
}

/** Joins a folder and a name to a repository path. The root is the empty path. */
export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** Splits a repository path into its folder and its name. */
export function splitPath(path: string): readonly [folder: string, name: string] {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)]
}

/**
 * Returns whether a path is `folder` or lies below it. The folder is named, because both
 * arguments are strings.
 */
export function isWithin(path: string, { folder }: { readonly folder: string }): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`)
}
