/** What one proxy tells of the request that it received (RFC 7239 §4). */
export interface ForwardedElement {
  /** Node that the request came from, as written: an address, perhaps with a port, or a name. */
  readonly for?: string
  /** `Host` of the request that the proxy received. */
  readonly host?: string
  /** Scheme of the request that the proxy received. */
  readonly proto?: string
}

/**
 * Matches a pair, or nothing, and the separator after it. Values may contain the characters of
 * addresses without quotes: many proxies do not quote them.
 */
const PAIR = /(?:([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?[ \t]*([,;]|$)/sy
const SPACE = /[ \t]*/y

/**
 * Parses `Forwarded` (RFC 7239 §4). The first element is the one of the proxy next to the client.
 *
 * @returns undefined if the field is malformed, or names a parameter twice in one element
 */
export function parseForwarded(value: string): readonly ForwardedElement[] | undefined {
  const elements: Map<string, string>[] = [new Map()]
  let offset = 0
  while (offset < value.length) {
    SPACE.lastIndex = offset
    SPACE.test(value)
    PAIR.lastIndex = SPACE.lastIndex
    const match = PAIR.exec(value)
    if (match === null) return undefined
    offset = PAIR.lastIndex
    const [, name, quoted, token = '', separator] = match
    const element = elements[elements.length - 1]
    if (name !== undefined && element !== undefined) {
      const lowered = name.toLowerCase()
      if (element.has(lowered)) return undefined
      element.set(lowered, quoted?.replace(/\\(.)/gs, '$1') ?? token)
    }
    if (separator === ',') elements.push(new Map())
  }
  // A list may have empty elements (RFC 9110 §5.6.1.2).
  return elements.filter(({ size }) => size > 0).map(elementOf)
}

function elementOf(parameters: ReadonlyMap<string, string>): ForwardedElement {
  const [node, host, proto] = ['for', 'host', 'proto'].map((name) => parameters.get(name))
  return {
    ...(node !== undefined && { for: node }),
    ...(host !== undefined && { host }),
    ...(proto !== undefined && { proto }),
  }
}
