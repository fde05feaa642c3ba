import picomatch from 'picomatch'

/**
 * Says which files a partial mirror carries. Globs are read in order and the last that matches decides; one that begins
 * with `!` takes away. A list that begins by taking away begins with everything.
 *
 * @param globs of picomatch, relative to the repository's root
 * @returns undefined where the mirror carries everything
 */
export function createCarries(globs: readonly string[]): ((path: string) => boolean) | undefined {
  if (globs.length === 0 || (globs.length === 1 && globs[0] === '**')) return undefined
  const rules = globs.map((glob) => {
    const takesAway = glob.startsWith('!')
    const pattern = (takesAway ? glob.slice(1) : glob).replace(/^\//, '')
    // `s`: a name may hold a line feed, and `**` matches that too.
    return { carries: !takesAway, matches: picomatch(pattern, { dot: true, flags: 's' }) }
  })
  const otherwise = rules[0]?.carries === false
  return (path) => rules.findLast(({ matches }) => matches(path))?.carries ?? otherwise
}

/** What a glob must not have for it to be the plain name of a folder. */
const MAGIC = /[*?[\]{}()!+@|\\]/

/**
 * Says how many parts of a path, from its end, name what a mirror has whole: see `duplicateLink`. Where a mirror's globs say
 * more than the names of whole folders, it is not known to have any folder whole.
 *
 * @param globs as for `createCarries`
 */
export function createDepthOf(globs: readonly string[]): (path: string) => number {
  const folders = globs.map((glob) => glob.replace(/^\//, '').replace(/(?:^|\/)\*\*$/, ''))
  const areFolders = folders.every((folder, index) => globs[index]?.endsWith('**') && !MAGIC.test(folder))
  if (!areFolders) return () => 0
  const tops = folders.length === 0 ? [''] : folders
  return (path) => {
    const depths = tops.map((top) => {
      if (top === '') return partsOf(path)
      return path.startsWith(`${top}/`) ? partsOf(path.slice(top.length + 1)) : 0
    })
    return Math.max(...depths)
  }
}

function partsOf(path: string): number {
  return path.split('/').length
}
