import { quote } from '../../../message-text.js'
import { hostOf, isLiteral, isPrivate } from '../../../network/addresses.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../../network/redirects.js'
import type { Unknown } from './deadline.js'
import { type ResponseHeaders, singleValue } from './response-head.js'

/** The head of an answer. */
export interface ResponseHead {
  readonly status: number
  readonly headers: ResponseHeaders
}

/** Where redirects may lead. */
export interface RedirectRules {
  /** Whether to other hosts. Default: not, for what another host holds says nothing of this one. */
  readonly redirects?: boolean
  /** Whether those may be private addresses, or this machine, by name. Default: not. */
  readonly allowsPrivate?: boolean
}

/**
 * Asks for something, wherever redirects lead. Hosts that have private addresses by what name servers say are for the
 * dispatcher to refuse.
 *
 * @param ask gives any answer, redirects too
 */
export async function follow<Answer extends ResponseHead>(
  text: string,
  rules: RedirectRules,
  ask: (url: URL) => Promise<Answer>,
): Promise<Answer | Unknown> {
  if (!URL.canParse(text)) return { state: 'unknown', reason: 'the URL is not one' }
  let url = new URL(text)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await ask(url)
    const { status, headers } = response
    if (!REDIRECT_STATUSES.has(status)) return response
    const target = targetOf(url, headers, rules)
    if (typeof target === 'string') return { state: 'unknown', reason: target, status }
    url = target
  }
  return { state: 'unknown', reason: 'there are too many redirects' }
}

/** Where a redirect leads, or why it is not followed. */
function targetOf(from: URL, headers: ResponseHeaders, rules: RedirectRules): URL | string {
  const to = nextLocation(from, singleValue(headers, 'location'))
  if (to === undefined) return 'the answer is a redirect to nowhere'
  if (isSameHost(from, to)) return to
  if (!rules.redirects) return `the answer is a redirect to another host, ${quote(to.host)}`
  if (!/^https?:$/.test(to.protocol)) return `the answer is a redirect to ${quote(to.protocol)}`
  // A mirror names it, not its operator: that it is written out makes it no better.
  const host = hostOf(to)
  const isPrivateTarget =
    to.hostname !== from.hostname && isLiteral(host) && isPrivate(host) && !rules.allowsPrivate
  return isPrivateTarget ? `the answer is a redirect to ${quote(to.host)}, a private address` : to
}

function isSameHost(from: URL, to: URL): boolean {
  const upgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === ''
  return to.hostname === from.hostname && (to.origin === from.origin || upgrade)
}
