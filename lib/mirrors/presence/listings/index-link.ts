import { quote } from '../../../message-text.js'
import { nameProblem } from './file-names.js'

/** What a link in an index leads to. */
export type IndexLink =
  | { readonly kind: 'file' | 'folder'; readonly name: string }
  /** Another place: the parent, another host, another order of the same page. */
  | { readonly kind: 'elsewhere' }
  /** A name that cannot be. */
  | { readonly kind: 'odd'; readonly problem: string }

const ELSEWHERE: IndexLink = { kind: 'elsewhere' }
const MAX_LINK_LENGTH = 8192
/** One step down, as nearly every link of an index is written. */
const ONE_STEP = /^(?:\.\/)?([^/?#\\:]+)(\/?)$/
const ONE_STEP_WITH_COLON = /^\.\/([^/?#\\]+)(\/?)$/

/**
 * Reads a link of an index's page.
 *
 * @param href as written, with references resolved
 * @param page the folder's own URL, ending in `/`
 */
export function parseIndexLink(href: string, page: URL): IndexLink {
  const link = href.trim()
  if (link === '' || link.startsWith('#') || link.startsWith('?')) return ELSEWHERE
  if (link.length > MAX_LINK_LENGTH) return { kind: 'odd', problem: `a link is too long: ${quote(link)}` }
  // Browsers drop them, which makes another name.
  if (/\p{Cc}/u.test(link)) return { kind: 'odd', problem: `a link has control characters: ${quote(link)}` }
  const simple = ONE_STEP.exec(link) ?? ONE_STEP_WITH_COLON.exec(link)
  const step = simple ?? lastStep(link, page)
  if (step === undefined) return ELSEWHERE
  const [, encodedName = '', slash] = step
  if (encodedName === '.' || encodedName === '..') return ELSEWHERE
  const name = decodeStep(encodedName)
  if (name === undefined) return { kind: 'odd', problem: `a link is not UTF-8: ${quote(link)}` }
  const problem = nameProblem(name)
  if (problem !== undefined) return { kind: 'odd', problem: `the name in a link ${problem}: ${quote(link)}` }
  return { kind: slash === '/' ? 'folder' : 'file', name }
}

/** What a link of any form adds to the page's URL, where that is one step. */
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
 * What a URL's path adds to a folder's, which ends in `/`; undefined where it is not below. Servers differ in what they
 * escape, so that two spellings may be one path.
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

/** The text of a step in a URL's path; undefined where it is not UTF-8. */
export function decodeStep(step: string): string | undefined {
  if (!step.includes('%')) return step
  try {
    return decodeURIComponent(step)
  } catch {
    return undefined
  }
}
