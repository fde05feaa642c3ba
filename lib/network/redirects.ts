/** Statuses of answers that lead elsewhere, with the same method where that is GET or HEAD (RFC 9110 §15.4). */
export const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Redirects that are followed, one after the other. */
export const MAX_REDIRECTS = 5
