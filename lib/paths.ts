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

/** Returns whether a path below the root belongs to the repository. */
export type PathFilter = (path: string) => boolean

/**
 * Returns the filter of a repository. It leaves out dotfiles (such as the temporary files of
 * rsync) and temporary files of download clients. It leaves out names that cannot make a round trip
 * through a URL, and paths that match `ignore`.
 *
 * @param ignore globs for picomatch, relative to the root; a glob without `/` is matched against
 * the base name
 */
export function createPathFilter(ignore: readonly string[]): PathFilter {
  const ignored = ignore.map((glob) => {
    const pattern = glob.replace(/^\//, '').replace(/\/$/, '')
    // Flag `s`, because a name may contain a line feed, which `**` must match.
    return picomatch(pattern, { basename: !glob.includes('/'), dot: true, flags: 's' })
  })
  return (path) =>
    !isExcluded(path.slice(path.lastIndexOf('/') + 1)) && !ignored.some((matches) => matches(path))
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
  if (name.startsWith('.') || name.includes('\ufffd')) return true
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
