/** Redirect statuses that keep the method GET or HEAD (RFC 9110 §15.4). */
export const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Redirects that are followed for one request. */
export const MAX_REDIRECTS = 5

/**
 * Returns the URL that a `Location` field leads to. The caller decides whether to follow it,
 * because a probe, a check of a file and a listing allow different URLs.
 *
 * @param from URL of the response, against which the field is resolved
 * @returns undefined if the field is missing or no URL
 */
export function nextLocation(from: URL, location: string | undefined): URL | undefined {
  if (location === undefined) return undefined
  try {
    // Not `URL.canParse`: in Node 20, once it is called often, it returns true for invalid text
    // beyond ASCII.
    return new URL(location, from)
  } catch {
    return undefined
  }
}
