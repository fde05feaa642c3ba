import { BACKSLASH_SEPARATES } from '../paths.js'

/** Path and query of a request target. */
export interface RequestTarget {
  /** Decoded repository path. Empty, or with a `/` at its end, for a folder. */
  readonly path: string
  /** Without the `?`. */
  readonly query: string
}

/** Matches paths with `.`, `..` or empty parts. */
const UNRESOLVED = /(?:^|\/)\.{0,2}\/|(?:^|\/)\.{1,2}$/
/** Matches NUL, which ends a string in C programs, and what separates folders on this system. */
const UNSAFE = BACKSLASH_SEPARATES ? /[\\\0]/ : /\0/

/**
 * Reads a request target (RFC 9112 §3.2: origin form or absolute form) as a path of the repository.
 * Resolves `.`, `..`, empty parts and encoded slashes, as nginx and `send` do.
 *
 * @returns undefined if the target is malformed, leaves the root, or is not a path
 */
export function parseTarget(target: string): RequestTarget | undefined {
  const origin = target.startsWith('/') ? target : absoluteForm(target)
  if (origin === undefined) return undefined
  const mark = origin.indexOf('?')
  const raw = mark === -1 ? origin.slice(1) : origin.slice(1, mark)
  const query = mark === -1 ? '' : origin.slice(mark + 1)
  const path = decode(raw)
  if (path === undefined || UNSAFE.test(path)) return undefined
  if (!UNRESOLVED.test(path)) return { path, query }
  const resolved = resolveParts(path)
  return resolved === undefined ? undefined : { path: resolved, query }
}

/** @returns undefined if the path leaves the root, even if it comes back */
function resolveParts(path: string): string | undefined {
  const parts = path.split('/')
  const resolved: string[] = []
  for (const part of parts) {
    if (part === '..') {
      if (resolved.pop() === undefined) return undefined
    } else if (part !== '' && part !== '.') resolved.push(part)
  }
  const isFolder = ['', '.', '..'].includes(parts[parts.length - 1] ?? '')
  return resolved.length > 0 && isFolder ? `${resolved.join('/')}/` : resolved.join('/')
}

function absoluteForm(target: string): string | undefined {
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/is.exec(target) ?? []
  // An empty path means the root (RFC 9110 §4.2.3).
  return rest === undefined || rest.startsWith('/') ? rest : `/${rest}`
}

function decode(raw: string): string | undefined {
  if (raw.includes('#')) return undefined
  if (!raw.includes('%')) return raw
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
