import ipaddr from 'ipaddr.js'

/** One mirror's claim to an address. */
export interface Match {
  /** Index of the mirror. */
  readonly mirror: number
  /** Bits of the longest of its subnets that hold the address. */
  readonly prefix: number
}

/** Nothing matches: one array for all, so that it can be told by identity. */
const NO_MATCH: readonly Match[] = []

interface Node {
  readonly children: [zero: Node | undefined, one: Node | undefined]
  /** Of every subnet down to here, a mirror once; undefined where no subnet ends here. */
  matches: readonly Match[] | undefined
}

/**
 * Finds the mirrors whose subnets hold an address: a binary trie, bit by bit, one for each family. What it returns is the
 * same array for every address of the same innermost subnet.
 */
export class Subnets {
  readonly #roots: Readonly<Record<'ipv4' | 'ipv6', Node>> = { ipv4: createNode(), ipv6: createNode() }

  readonly #isEmpty: boolean

  /** @param subnets of each mirror, by its index; each `address/bits` */
  constructor(subnets: readonly (readonly string[])[]) {
    this.#isEmpty = subnets.every((list) => list.length === 0)
    const own = new Map<Node, Match[]>()
    for (const [mirror, list] of subnets.entries()) {
      for (const subnet of list) {
        const [address, prefix] = ipaddr.parseCIDR(subnet)
        const node = this.#insert(address, prefix)
        own.set(node, [...(own.get(node) ?? []), { mirror, prefix }])
      }
    }
    for (const root of Object.values(this.#roots)) inherit(root, NO_MATCH, own)
  }

  /** @param address canonical, as `Client` has it; anything else matches nothing */
  find(address: string): readonly Match[] {
    if (this.#isEmpty || !ipaddr.isValid(address)) return NO_MATCH
    const parsed = ipaddr.parse(address)
    let node: Node | undefined = this.#roots[parsed.kind()]
    let found = node.matches ?? NO_MATCH
    for (const byte of parsed.toByteArray()) {
      for (let bit = 7; bit >= 0; bit -= 1) {
        node = node.children[((byte >> bit) & 1) === 0 ? 0 : 1]
        if (node === undefined) return found
        found = node.matches ?? found
      }
    }
    return found
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

/** What a node matches is what those above it match too; a mirror's own longer prefix takes the place of its shorter one. */
function inherit(node: Node, above: readonly Match[], own: ReadonlyMap<Node, readonly Match[]>): void {
  const here = own.get(node)
  if (here !== undefined) {
    const mirrors = new Set(here.map(({ mirror }) => mirror))
    const unique = [...mirrors].map((mirror) => ({ mirror, prefix: here[0]?.prefix ?? 0 }))
    node.matches = [...unique, ...above.filter(({ mirror }) => !mirrors.has(mirror))]
  }
  for (const child of node.children) if (child !== undefined) inherit(child, node.matches ?? above, own)
}
