/** A request target taken apart. */
export interface RequestTarget {
  /** Repository path, decoded; ends in `/` or is empty where a folder is asked for. */
  readonly path: string
  /** Without the `?`. */
  readonly query: string
}

/** `.` and `..` and empty parts, backslashes, and what would end a string or a line for somebody else. */
const UNSAFE = /(?:^|\/)\.{0,2}\/|(?:^|\/)\.{1,2}$|[\\\0]/

/**
 * Reads a request target (RFC 9112 §3.2: origin form, or absolute form) as a path of the repository.
 *
 * @returns undefined where it is malformed, could leave the root, or is no path at all: nothing that a file is called
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
  // An empty path is that of the root (RFC 9110 §4.2.3).
  return rest === undefined || rest.startsWith('/') ? rest : `/${rest}`
}

function decode(raw: string): string | undefined {
  if (raw.includes('#')) return undefined
  if (!raw.includes('%')) return raw
  // An encoded slash is data, not a separator, and no file's name has one.
  if (/%2f/i.test(raw)) return undefined
  try {
    return decodeURIComponent(raw) // refuses what is not UTF-8, overlong forms too
  } catch {
    return undefined
  }
}

/** Whether a query asks for a representation by its bare name: `?meta4`, `?meta4=`, `?x=1&meta4`. */
export function asksFor(query: string, name: string): boolean {
  if (!query.includes(name)) return false
  return query.split('&').some((part) => part === name || part === `${name}=`)
}
