/** Path and query of a request target. */
export interface RequestTarget {
  /** Decoded repository path. Empty, or with a `/` at its end, for a folder. */
  readonly path: string
  /** Without the `?`. */
  readonly query: string
}

/** Matches `.`, `..` and empty parts, backslashes, and NUL, which ends a string in C programs. */
const UNSAFE = /(?:^|\/)\.{0,2}\/|(?:^|\/)\.{1,2}$|[\\\0]/

/**
 * Reads a request target (RFC 9112 §3.2: origin form or absolute form) as a path of the repository.
 *
 * @returns undefined if the target is malformed, could leave the root, or is not a path
 */
export function parseTarget(target: string): RequestTarget | undefined {
  const origin = target.startsWith('/') ? target : absoluteForm(target)
  if (origin === undefined) return undefined
  const mark = origin.indexOf('?')
  const raw = mark === -1 ? origin.slice(1) : origin.slice(1, mark)
  const query = mark === -1 ? '' : origin.slice(mark + 1)
  const path = decode(raw)
  return path === undefined || UNSAFE.test(path) ? undefined : { path, query }
}

function absoluteForm(target: string): string | undefined {
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/is.exec(target) ?? []
  // An empty path means the root (RFC 9110 §4.2.3).
  return rest === undefined || rest.startsWith('/') ? rest : `/${rest}`
}

function decode(raw: string): string | undefined {
  if (raw.includes('#')) return undefined
  if (!raw.includes('%')) return raw
  // An encoded slash is data, not a separator, and file names cannot contain one.
  if (/%2f/i.test(raw)) return undefined
  try {
    // Throws for bytes that are not UTF-8, overlong forms included.
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}

/** Returns true if a query names a representation: `?meta4`, `?meta4=`, `?x=1&meta4`. */
export function asksFor(query: string, name: string): boolean {
  if (!query.includes(name)) return false
  return query.split('&').some((part) => part === name || part === `${name}=`)
}
