/**
 * Writes small databases of the MaxMind DB format, version 2.0: a binary tree of address bits, 16
 * zeros, the records, and the metadata.
 */
import ipaddr from 'ipaddr.js'

/** Whole numbers from 0 are written as `uint32`, others as `double`. Use `as` for another type. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Typed
  | readonly Value[]
  | { readonly [key: string]: Value }

export type NumberType = 'double' | 'float' | 'uint16' | 'uint32' | 'uint64' | 'uint128' | 'int32'

class Typed {
  readonly type: NumberType
  readonly number: number | bigint

  constructor(type: NumberType, number: number | bigint) {
    this.type = type
    this.number = number
  }
}

/** Returns a number of a given type. */
export function as(type: NumberType, number: number | bigint): Value {
  return new Typed(type, number)
}

export interface DatabaseChoices {
  /** Records by network: `192.0.2.0/24`, `2001:db8::/32`. Later networks override earlier ones. */
  readonly networks: Readonly<Record<string, Value>>
  readonly type?: string
  /**
   * Whether the tree is for IPv6. IPv4 networks are then below `::/96`. Default: true if a network
   * is IPv6.
   */
  readonly version?: 4 | 6
  readonly recordSize?: 24 | 28 | 32
  /**
   * Whether equal values within records are written once and referenced by pointers. Default: true.
   */
  readonly shared?: boolean
  /** Additional metadata, or other values for it. */
  readonly metadata?: Readonly<Record<string, Value>>
}

const EXTENDED = 0
const POINTER = 1
const TYPES = {
  string: 2,
  double: 3,
  bytes: 4,
  uint16: 5,
  uint32: 6,
  map: 7,
  int32: 8,
  uint64: 9,
  uint128: 10,
  array: 11,
  boolean: 14,
  float: 15,
} as const
const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')

export function mmdb(choices: DatabaseChoices): Buffer {
  const { networks, type = 'Test', recordSize = 24, shared = true, metadata = {} } = choices
  const version = choices.version ?? (Object.keys(networks).some((network) => network.includes(':')) ? 6 : 4)
  const data = new DataSection(shared)
  const tree = new Tree()
  for (const [network, record] of Object.entries(networks)) {
    const [address, length] = ipaddr.parseCIDR(network)
    const isInner = version === 6 && address.kind() === 'ipv4'
    const bytes = isInner ? [...Array(12).fill(0), ...address.toByteArray()] : address.toByteArray()
    tree.insert(bytes, length + (isInner ? 96 : 0), data.add(record))
  }
  const nodes = tree.nodes()
  const described = new DataSection(false)
  described.add({
    binary_format_major_version: as('uint16', 2),
    binary_format_minor_version: as('uint16', 0),
    build_epoch: as('uint64', 1_700_000_000n),
    database_type: type,
    description: { en: 'made by a test' },
    ip_version: as('uint16', version),
    languages: ['en'],
    node_count: nodes.length,
    record_size: as('uint16', recordSize),
    ...metadata,
  })
  const pairs = nodes.map((node) => {
    const [left, right] = node.children.map((child) => recordOf(child, nodes.length))
    return packed(left ?? 0, right ?? 0, recordSize)
  })
  return Buffer.concat([...pairs, Buffer.alloc(16), data.bytes(), MARKER, described.bytes()])
}

type Child = Node | number | undefined

class Node {
  /** Targets of the bits 0 and 1: a node, the offset of a record, or undefined for nothing. */
  readonly children: [Child, Child] = [undefined, undefined]
  index = 0
}

class Tree {
  readonly #root = new Node()

  insert(bytes: readonly number[], length: number, offset: number): void {
    if (length === 0) throw new RangeError('the whole range has no node to stand in')
    let node = this.#root
    for (let depth = 0; depth < length - 1; depth += 1) {
      const bit = bitOf(bytes, depth)
      const child = node.children[bit]
      if (child instanceof Node) node = child
      else {
        // A record of the whole network applies to both of its halves.
        const split = new Node()
        split.children.fill(child)
        node.children[bit] = split
        node = split
      }
    }
    node.children[bitOf(bytes, length - 1)] = offset
  }

  /** Returns every node, the root first. */
  nodes(): Node[] {
    const nodes = [this.#root]
    // The list grows while it is read.
    for (const node of nodes) {
      for (const child of node.children) if (child instanceof Node) nodes.push(child)
    }
    for (const [index, node] of nodes.entries()) node.index = index
    return nodes
  }
}

function bitOf(bytes: readonly number[], index: number): 0 | 1 {
  return (((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1 ? 1 : 0
}

function recordOf(child: Child, nodeCount: number): number {
  if (child === undefined) return nodeCount
  return child instanceof Node ? child.index : nodeCount + 16 + child
}

function packed(left: number, right: number, size: 24 | 28 | 32): Buffer {
  const bytes = Buffer.alloc(size / 4)
  if (size === 24) {
    bytes.writeUIntBE(left, 0, 3)
    bytes.writeUIntBE(right, 3, 3)
  } else if (size === 32) {
    bytes.writeUInt32BE(left, 0)
    bytes.writeUInt32BE(right, 4)
  } else {
    bytes.writeUIntBE(left & 0xff_ffff, 0, 3)
    bytes[3] = ((left >>> 24) << 4) | (right >>> 24)
    bytes.writeUIntBE(right & 0xff_ffff, 4, 3)
  }
  return bytes
}

class DataSection {
  readonly #shared: boolean
  readonly #chunks: Buffer[] = []
  #length = 0
  /** Offsets of values, by their encoding. */
  readonly #offsets = new Map<string, number>()

  constructor(shared: boolean) {
    this.#shared = shared
  }

  /** Writes a value, if it is new, and returns its offset. */
  add(value: Value): number {
    const bytes = this.#encode(value)
    const key = bytes.toString('latin1')
    const known = this.#offsets.get(key)
    if (known !== undefined) return known
    const offset = this.#length
    this.#offsets.set(key, offset)
    this.#chunks.push(bytes)
    this.#length += bytes.length
    return offset
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Returns the encoding of a value within another: the value itself, or a pointer to it. */
  #inner(value: Value): Buffer {
    return this.#shared && (isMap(value) || typeof value === 'string')
      ? pointer(this.add(value))
      : this.#encode(value)
  }

  #encode(value: Value): Buffer {
    if (typeof value === 'string') return sized(TYPES.string, Buffer.from(value))
    if (typeof value === 'boolean') return control(TYPES.boolean, value ? 1 : 0)
    if (typeof value === 'bigint') return numeric('uint64', value)
    if (typeof value === 'number') {
      return numeric(Number.isInteger(value) && value >= 0 ? 'uint32' : 'double', value)
    }
    if (value instanceof Typed) return numeric(value.type, value.number)
    if (value instanceof Uint8Array) return sized(TYPES.bytes, value)
    if (isList(value)) {
      return Buffer.concat([control(TYPES.array, value.length), ...value.map((one) => this.#inner(one))])
    }
    const pairs = Object.entries(value).flatMap(([key, one]) => [this.#inner(key), this.#inner(one)])
    return Buffer.concat([control(TYPES.map, pairs.length / 2), ...pairs])
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function isMap(value: Value): boolean {
  return (
    typeof value === 'object' && !isList(value) && !(value instanceof Uint8Array || value instanceof Typed)
  )
}

function numeric(type: NumberType, number: number | bigint): Buffer {
  if (type === 'double' || type === 'float') {
    const bytes = Buffer.alloc(type === 'double' ? 8 : 4)
    if (type === 'double') bytes.writeDoubleBE(Number(number))
    else bytes.writeFloatBE(Number(number))
    return sized(TYPES[type], bytes)
  }
  // Integers are as short as possible; 0 has no bytes at all.
  const whole = type === 'int32' ? BigInt.asUintN(32, BigInt(number)) : BigInt(number)
  const digits = whole === 0n ? '' : whole.toString(16)
  return sized(TYPES[type], Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex'))
}

function sized(type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([control(type, payload.length), payload])
}

/**
 * Returns the control byte of a value and its extensions: the type if it is above 7, and the length
 * if it is 29 or more.
 */
function control(type: number, length: number): Buffer {
  const [short, more] =
    length < 29
      ? [length, []]
      : length < 285
        ? [29, [length - 29]]
        : length < 65_821
          ? [30, bytesOf(length - 285, 2)]
          : [31, bytesOf(length - 65_821, 3)]
  return Buffer.from([((type > 7 ? EXTENDED : type) << 5) | short, ...(type > 7 ? [type - 7] : []), ...more])
}

function pointer(offset: number): Buffer {
  if (offset < 2048) return Buffer.from([(POINTER << 5) | (offset >> 8), offset & 0xff])
  if (offset < 526_336) {
    const rest = offset - 2048
    return Buffer.from([(POINTER << 5) | 8 | (rest >> 16), ...bytesOf(rest & 0xffff, 2)])
  }
  return Buffer.from([(POINTER << 5) | 24, ...bytesOf(offset, 4)])
}

function bytesOf(number: number, length: number): number[] {
  const bytes = Buffer.alloc(length)
  bytes.writeUIntBE(number, 0, length)
  return [...bytes]
}
