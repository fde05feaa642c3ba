import ipaddr from 'ipaddr.js'

/** A mirror with a subnet that contains an address. */
export interface Match {
  /** Index of the mirror. */
  readonly mirror: number
  /** Bits of the mirror's longest subnet that contains the address. */
  readonly prefix: number
}

/** No match: one shared array, so that callers can compare by identity. */
const NO_MATCH: readonly Match[] = []

interface Node {
  readonly children: [zero: Node | undefined, one: Node | undefined]
  /**
   * Matches of this node's subnets and of all enclosing subnets, one per mirror. Undefined if no
   * subnet ends at this node.
   */
  matches: readonly Match[] | undefined
}

/**
 * Finds the mirrors whose subnets contain an address, by a binary trie for each address family.
 * Returns the same array for every address with the same innermost subnet.
 */
export class Subnets {
  readonly #roots: Readonly<Record<'ipv4' | 'ipv6', Node>> = { ipv4: createNode(), ipv6: createNode() }

  readonly #isEmpty: boolean

  /** @param subnets as `address/bits`, a list for each mirror, by the mirror's index */
  constructor(subnets: readonly (readonly string[])[]) {
    this.#isEmpty = subnets.every((list) => list.length === 0)
    const ownMatches = new Map<Node, Match[]>()
    for (const [mirror, list] of subnets.entries()) {
      for (const subnet of list) {
        const [address, prefix] = ipaddr.parseCIDR(subnet)
        const node = this.#insert(address, prefix)
        ownMatches.set(node, [...(ownMatches.get(node) ?? []), { mirror, prefix }])
      }
    }
    for (const root of Object.values(this.#roots)) inherit(root, NO_MATCH, ownMatches)
  }

  /**
   * Returns the mirrors whose subnets contain an address.
   *
   * @param address in canonical form, as in `Client`; other texts match nothing
   */
  find(address: string): readonly Match[] {
    if (this.#isEmpty || !ipaddr.isValid(address)) return NO_MATCH
    const parsed = ipaddr.parse(address)
    let node: Node | undefined = this.#roots[parsed.kind()]
    let matches = node.matches ?? NO_MATCH
    for (const byte of parsed.toByteArray()) {
      for (let bit = 7; bit >= 0; bit -= 1) {
        node = node.children[((byte >> bit) & 1) === 0 ? 0 : 1]
        if (node === undefined) return matches
        matches = node.matches ?? matches
      }
    }
    return matches
  }

  #insert(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): Node {
    const bytes = address.toByteArray()
    let node = this.#roots[address.kind()]
    for (let bit = 0; bit < prefix; bit += 1) {
      const side = (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 0 ? 0 : 1
      const child: Node = node.children[side] ?? createNode()
      node.children[side] = child
      node = child
    }
    return node
  }
}

function createNode(): Node {
  return { children: [undefined, undefined], matches: undefined }
}

/**
 * Adds the matches of enclosing subnets to each node. A mirror's longest prefix replaces shorter
 * ones.
 */
function inherit(
  node: Node,
  inherited: readonly Match[],
  ownMatches: ReadonlyMap<Node, readonly Match[]>,
): void {
  const here = ownMatches.get(node)
  if (here !== undefined) {
    const mirrors = new Set(here.map(({ mirror }) => mirror))
    const unique = [...mirrors].map((mirror) => ({ mirror, prefix: here[0]?.prefix ?? 0 }))
    node.matches = [...unique, ...inherited.filter(({ mirror }) => !mirrors.has(mirror))]
  }
  for (const child of node.children)
    if (child !== undefined) inherit(child, node.matches ?? inherited, ownMatches)
}
