import picomatch from 'picomatch'
import { isWithin } from '../../paths.js'

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

/** The same where it makes no difference that there is nothing to ask. */
export function carriesOf(globs: readonly string[]): (path: string) => boolean {
  return createCarries(globs) ?? (() => true)
}

/** Whether a text can be an entry of `paths`. */
export function isGlob(text: string): boolean {
  try {
    createCarries([text])
    return true
  } catch {
    return false
  }
}

/** What a part of a glob must not have to be a plain name: whatever some matcher could take for more than itself. */
const MAGIC = /[^\p{L}\p{M}\p{N} ._-]/u

/** A glob as far as it is told by the names in it. */
interface Rule {
  readonly carries: boolean
  /** It says nothing of what is not below this. */
  readonly base: string
  /** Whether it says the same of all that is below. */
  readonly isWhole: boolean
}

/**
 * Says how many parts of a path, from its end, name what a mirror has whole: see `duplicateLink`. In doubt, which is where
 * a glob that is more than the name of a folder takes something away, fewer.
 *
 * @param globs as for `createCarries`
 */
export function createDepthOf(globs: readonly string[]): (path: string) => number {
  if (globs.length === 0) return countParts
  const rules = globs.map(ruleOf)
  const otherwise = rules[0]?.carries === false
  return (path) => {
    const parts = path.split('/')
    const above = parts.findIndex((_, level) => hasWhole(parts.slice(0, level).join('/'), rules, otherwise))
    return above === -1 ? 0 : parts.length - above
  }
}

/** Files and folders below which a mirror may carry something; the empty one is the root. */
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

/** Whether the last word on everything below a folder is that it is carried. */
function hasWhole(folder: string, rules: readonly Rule[], otherwise: boolean): boolean {
  const last = rules.findLast(
    ({ carries, base, isWhole }) =>
      (isWhole && isWithin(folder, { folder: base })) ||
      (!carries && (isWithin(folder, { folder: base }) || isWithin(base, { folder }))),
  )
  return last === undefined ? otherwise : last.carries
}

/** The depth of a file on a mirror that carries everything. */
export function countParts(path: string): number {
  return path.split('/').length
}
