import picomatch from 'picomatch'
import { isWithin } from '../../paths.js'

/**
 * Returns a function that tells which files a partial mirror carries. The last glob that matches a
 * path decides; globs that begin with `!` exclude. If the first glob excludes, all other files are
 * carried.
 *
 * @param globs picomatch globs, relative to the repository's root
 * @returns undefined if the mirror carries everything
 */
export function createCarries(globs: readonly string[]): ((path: string) => boolean) | undefined {
  if (globs.length === 0 || (globs.length === 1 && globs[0] === '**')) return undefined
  const rules = globs.map((glob) => {
    const isExclusion = glob.startsWith('!')
    const pattern = (isExclusion ? glob.slice(1) : glob).replace(/^\//, '')
    // Flag `s`: names may contain a line feed, and `**` must match it.
    return { carries: !isExclusion, matches: picomatch(pattern, { dot: true, flags: 's' }) }
  })
  const carriesByDefault = rules[0]?.carries === false
  return (path) => rules.findLast(({ matches }) => matches(path))?.carries ?? carriesByDefault
}

/** Returns the function of `createCarries`, for a full mirror a function that returns true. */
export function carriesOf(globs: readonly string[]): (path: string) => boolean {
  return createCarries(globs) ?? (() => true)
}

/** Whether a text is valid as an entry of `paths`. */
export function isGlob(text: string): boolean {
  try {
    createCarries([text])
    return true
  } catch {
    return false
  }
}

/**
 * Characters that a glob segment must not contain to be a plain name: some matcher may treat them
 * specially.
 */
const MAGIC = /[^\p{L}\p{M}\p{N} ._-]/u

/** A glob, reduced to its leading plain names. */
interface Rule {
  readonly carries: boolean
  /** The glob matches only paths below this folder. */
  readonly base: string
  /** Whether the glob matches everything below `base`. */
  readonly isWhole: boolean
}

/**
 * Returns a function that computes `depth` (RFC 6249) for a path: how many segments, from the end,
 * are the same on the mirror, because the mirror carries the folder above them whole. See
 * `duplicateLink`. An exclusion by a complex glob lowers the depth, as its extent is unknown.
 *
 * @param globs as for `createCarries`
 */
export function createDepthOf(globs: readonly string[]): (path: string) => number {
  if (globs.length === 0) return countParts
  const rules = globs.map(ruleOf)
  const carriesByDefault = rules[0]?.carries === false
  return (path) => {
    const parts = path.split('/')
    const wholeLevel = parts.findIndex((_, level) =>
      isCarriedWhole(parts.slice(0, level).join('/'), rules, carriesByDefault),
    )
    return wholeLevel === -1 ? 0 : parts.length - wholeLevel
  }
}

/**
 * Returns the files and folders below which a mirror may carry files; an empty path is the root.
 */
export function basesOf(globs: readonly string[]): readonly string[] {
  const rules = globs.map(ruleOf)
  if (rules[0]?.carries !== true) return ['']
  return [...new Set(rules.filter(({ carries }) => carries).map(({ base }) => base))]
}

function ruleOf(glob: string): Rule {
  const carries = !glob.startsWith('!')
  const parts = (carries ? glob : glob.slice(1)).replace(/^\//, '').split('/')
  const end = parts.findIndex((part) => part === '' || part === '.' || part === '..' || MAGIC.test(part))
  const names = end === -1 ? parts : parts.slice(0, end)
  return {
    carries,
    base: names.join('/'),
    isWhole: parts.length === names.length + 1 && parts[names.length] === '**',
  }
}

/** Whether the last rule that concerns a folder carries everything below the folder. */
function isCarriedWhole(folder: string, rules: readonly Rule[], carriesByDefault: boolean): boolean {
  const last = rules.findLast(
    ({ carries, base, isWhole }) =>
      (isWhole && isWithin(folder, { folder: base })) ||
      (!carries && (isWithin(folder, { folder: base }) || isWithin(base, { folder }))),
  )
  return last === undefined ? carriesByDefault : last.carries
}

/** Returns the depth of a file on a mirror that carries everything. */
export function countParts(path: string): number {
  return path.split('/').length
}
