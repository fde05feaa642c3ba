import { quote } from '../../../message-text.js'
import { nameProblem } from './file-names.js'

/** What a link in an index leads to: one step down, or another place. */
export type IndexLink =
  | { readonly kind: 'file' | 'folder'; readonly name: string }
  /** Another place: the parent, another host, the same page in another order. */
  | { readonly kind: 'elsewhere' }
  /** A link whose name cannot be the name of a file or folder. */
  | { readonly kind: 'invalid'; readonly problem: string }

const ELSEWHERE: IndexLink = { kind: 'elsewhere' }
const MAX_LINK_LENGTH = 8192
/** One step down, in the form of nearly all links of an index. */
const ONE_STEP = /^(?:\.\/)?([^/?#\\:]+)(\/?)$/
const ONE_STEP_WITH_COLON = /^\.\/([^/?#\\]+)(\/?)$/

/**
 * Parses a link of an index page.
 *
 * @param href value of the attribute, with character references resolved
 * @param page URL of the folder, ending in `/`
 */
export function parseIndexLink(href: string, page: URL): IndexLink {
  const link = href.trim()
  if (link === '' || link.startsWith('#') || link.startsWith('?')) return ELSEWHERE
  if (link.length > MAX_LINK_LENGTH) return { kind: 'invalid', problem: `a link is too long: ${quote(link)}` }
  // Browsers drop control characters, which results in another name.
  if (/\p{Cc}/u.test(link))
    return { kind: 'invalid', problem: `a link has control characters: ${quote(link)}` }
  const simple = ONE_STEP.exec(link) ?? ONE_STEP_WITH_COLON.exec(link)
  const step = simple ?? lastStep(link, page)
  if (step === undefined) return ELSEWHERE
  const [, encodedName = '', slash] = step
  if (encodedName === '.' || encodedName === '..') return ELSEWHERE
  const name = decodeStep(encodedName)
  if (name === undefined) return { kind: 'invalid', problem: `a link is not UTF-8: ${quote(link)}` }
  const problem = nameProblem(name)
  if (problem !== undefined)
    return { kind: 'invalid', problem: `the name in a link ${problem}: ${quote(link)}` }
  return { kind: slash === '/' ? 'folder' : 'file', name }
}

/**
 * Returns the step that a link of any form adds to the page's URL; undefined unless it adds one
 * step.
 */
function lastStep(link: string, page: URL): RegExpExecArray | undefined {
  if (!URL.canParse(link, page.href)) return undefined
  const { origin, username, pathname, search, hash } = new URL(link, page)
  if (origin !== page.origin || username + search + hash !== '') return undefined
  const rest = pathBelow(page.pathname, pathname)
  return rest === undefined
    ? undefined
    : (ONE_STEP.exec(`./${rest}`) ?? ONE_STEP_WITH_COLON.exec(`./${rest}`) ?? undefined)
}

/**
 * Returns what a URL's path adds to the path of a folder, which ends in `/`; undefined if the path
 * is not below the folder. Compares decoded steps, because servers differ in what they escape.
 */
export function pathBelow(folder: string, path: string): string | undefined {
  if (path.startsWith(folder)) return path.slice(folder.length)
  const steps = folder.split('/').slice(0, -1)
  const others = path.split('/')
  if (others.length <= steps.length) return undefined
  for (const [index, step] of steps.entries()) {
    const name = decodeStep(step)
    if (name === undefined || name !== decodeStep(others[index] ?? '')) return undefined
  }
  return others.slice(steps.length).join('/')
}

/** Decodes one step of a URL's path; undefined if it is not UTF-8. */
export function decodeStep(step: string): string | undefined {
  if (!step.includes('%')) return step
  try {
    return decodeURIComponent(step)
  } catch {
    return undefined
  }
}
