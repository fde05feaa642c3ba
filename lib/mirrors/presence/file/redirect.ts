import { quote } from '../../../message-text.js'
import { hostOf, isLiteral, isPrivate } from '../../../network/addresses.js'
import { MAX_REDIRECTS, nextLocation, REDIRECT_STATUSES } from '../../../network/redirects.js'
import type { Unknown } from './deadline.js'
import { type ResponseHeaders, singleValue } from './response-head.js'

/** The head of a response. */
export interface ResponseHead {
  readonly status: number
  readonly headers: ResponseHeaders
}

/** Where redirects may lead. */
export interface RedirectRules {
  /**
   * Whether redirects to other hosts are followed. Default: false, because the files of another
   * host say nothing about this mirror.
   */
  readonly redirects?: boolean
  /** Whether other hosts may be `localhost` or written as private addresses. Default: false. */
  readonly allowsPrivate?: boolean
}

/**
 * Sends a request and follows redirects. The dispatcher must refuse hosts whose names resolve to
 * private addresses (SSRF).
 *
 * @param ask sends one request and returns the response, redirects included
 */
export async function follow<Response extends ResponseHead>(
  text: string,
  rules: RedirectRules,
  ask: (url: URL) => Promise<Response>,
): Promise<Response | Unknown> {
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

/** Returns where a redirect leads, or why it is not followed. */
function targetOf(from: URL, headers: ResponseHeaders, rules: RedirectRules): URL | string {
  const to = nextLocation(from, singleValue(headers, 'location'))
  if (to === undefined) return 'the answer is a redirect to nowhere'
  if (isSameHost(from, to)) return to
  if (!rules.redirects) return `the answer is a redirect to another host, ${quote(to.host)}`
  if (!/^https?:$/.test(to.protocol)) return `the answer is a redirect to ${quote(to.protocol)}`
  // The mirror chose this address, not the operator, so a literal address is refused too.
  const host = hostOf(to)
  const isPrivateTarget =
    to.hostname !== from.hostname && isLiteral(host) && isPrivate(host) && !rules.allowsPrivate
  return isPrivateTarget ? `the answer is a redirect to ${quote(to.host)}, a private address` : to
}

function isSameHost(from: URL, to: URL): boolean {
  const upgrade = from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === ''
  return to.hostname === from.hostname && (to.origin === from.origin || upgrade)
}
