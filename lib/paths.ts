import picomatch from 'picomatch'

/** Ends of names under which a download or an upload is still under way. */
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

/** Says whether a path below the root belongs to the repository. */
export type PathFilter = (path: string) => boolean

/**
 * Makes the filter of a repository. Left out are dotfiles (rsync's temporary files among them), the temporary names of
 * download clients, names that no URL of ours could carry back, and whatever matches `ignore`.
 *
 * @param ignore globs of picomatch, relative to the root; one without `/` is held against the base name
 */
export function createPathFilter(ignore: readonly string[]): PathFilter {
  const ignored = ignore.map((glob) => {
    const pattern = glob.replace(/^\//, '').replace(/\/$/, '')
    // `s`: a name may hold a line feed, and `**` matches that too.
    return picomatch(pattern, { basename: !glob.includes('/'), dot: true, flags: 's' })
  })
  return (path) =>
    !isLeftOut(path.slice(path.lastIndexOf('/') + 1)) && !ignored.some((matches) => matches(path))
}

/** The same for every folder on the way: a request may name a file in a folder that the scan never entered. */
export function includesWholePath(filter: PathFilter, path: string): boolean {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    if (!filter(path.slice(0, end))) return false
  }
  return filter(path)
}

function isLeftOut(name: string): boolean {
  // U+FFFD stands for bytes that are not UTF-8: such a name cannot be opened under the string that Node gives.
  if (name.startsWith('.') || name.includes('\\') || name.includes('\ufffd')) return true
  return TEMPORARY_SUFFIXES.some((suffix) => name.endsWith(suffix))
}

/** Joins the parts of a repository path; the root is the empty path. */
export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** The folder of a repository path, and the name in it. */
export function splitPath(path: string): readonly [folder: string, name: string] {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)]
}

/** Whether a path is a folder or lies below it. The folder is named, because both are strings. */
export function isWithin(path: string, { folder }: { readonly folder: string }): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`)
}
