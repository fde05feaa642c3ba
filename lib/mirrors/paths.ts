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
