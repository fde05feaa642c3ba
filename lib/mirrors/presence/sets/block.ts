import {
  type Bits,
  BLOCK_NUMBERS,
  countBits,
  countEdges,
  createBits,
  fillBits,
  findEdges,
  hasBit,
  listBits,
  selectBit,
} from './bits.js'

const BITMAP_BYTES = BLOCK_NUMBERS / 8
/** More edges, of two bytes each, take at least as many bytes as a bitmap. */
const MAX_EDGES = BITMAP_BYTES / 2 - 1
/** A search in more edges than these begins in a slice of them. */
const MAX_UNSLICED_EDGES = 8
const SLICE_BITS = 10
const NO_EDGES = new Uint16Array(0)

/**
 * An immutable, non-empty set of numbers from 0 to 65,535 (`low`). Because it never changes, sets
 * with equal blocks can share one object.
 *
 * A block stores its edges: where a run of members begins, where it ends, where the next run
 * begins. A run up to the last number has no end edge. Edges are small where nearly all or nearly
 * no numbers are members. With more than 4,095 edges a bitmap is smaller, so the block stores that
 * instead. Equal members always have the same form.
 */
export class Block {
  /** Number of members. */
  readonly size: number
  /** Hash of the members, an integer of 31 bits. */
  readonly hash: number
  /** Empty if `bits` is set. Callers must write neither to `edges` nor to `bits`. */
  readonly edges: Uint16Array
  readonly bits: Bits | undefined
  /**
   * Number of edges before each slice of 1,024 numbers, so that a search starts in the right slice.
   * Empty for blocks with few edges.
   */
  readonly #slices: Uint16Array

  /**
   * @param edges ascending, 1 to 4,095 edges; empty if `bits` is given
   * @param bits a bitmap with more than 4,095 edges
   */
  constructor(edges: Uint16Array, bits: Bits | undefined) {
    this.edges = edges
    this.bits = bits
    this.#slices = edges.length > MAX_UNSLICED_EDGES ? countSlices(edges) : NO_EDGES
    this.size = bits === undefined ? sizeWithin(edges) : countBits(bits)
    this.hash = hashOf(bits ?? edges)
  }

  /** @param low 0 to 65,535 */
  has(low: number): boolean {
    if (this.bits !== undefined) return hasBit(this.bits, low)
    const edges = this.edges
    let start = 0
    let left = edges.length
    if (left > MAX_UNSLICED_EDGES) {
      const slice = low >>> SLICE_BITS
      start = this.#slices[slice] ?? 0
      left = (this.#slices[slice + 1] ?? 0) - start
    }
    // A binary search that compares by masks, because processors mispredict the branches of an
    // `if`.
    while (left > 0) {
      const half = (left + 1) >>> 1
      start += half & ~((low - (edges[start + half - 1] ?? 0)) >> 31)
      left -= half
    }
    // Numbers after an odd count of edges are within a run.
    return (start & 1) === 1
  }

  /** Returns the member at zero-based `rank`, which must be less than `size`. */
  memberAt(rank: number): number {
    if (this.bits !== undefined) return selectBit(this.bits, rank)
    const edges = this.edges
    let left = rank
    for (let index = 0; index < edges.length; index += 2) {
      const from = edges[index] ?? 0
      const length = (edges[index + 1] ?? BLOCK_NUMBERS) - from
      if (left < length) return from + left
      left -= length
    }
    return -1
  }

  /** Returns all members, ascending. */
  members(): Uint16Array {
    if (this.bits !== undefined) return listBits(this.bits)
    const edges = this.edges
    const members = new Uint16Array(this.size)
    let count = 0
    for (let index = 0; index < edges.length; index += 2) {
      const end = edges[index + 1] ?? BLOCK_NUMBERS
      for (let low = edges[index] ?? 0; low < end; low += 1) {
        members[count] = low
        count += 1
      }
    }
    return members
  }

  equals(other: Block): boolean {
    if (this.hash !== other.hash || this.size !== other.size) return false
    const ours = this.bits ?? this.edges
    const theirs = other.bits ?? other.edges
    return ours.length === theirs.length && ours.every((value, index) => value === theirs[index])
  }

  /** Returns a new bitmap, which the caller may write to. */
  toBits(): Bits {
    if (this.bits !== undefined) return this.bits.slice()
    const bits = createBits()
    const edges = this.edges
    for (let index = 0; index < edges.length; index += 2)
      fillBits(bits, edges[index] ?? 0, edges[index + 1] ?? BLOCK_NUMBERS, true)
    return bits
  }
}

/** The block in which every number is a member. */
export const WHOLE_BLOCK = new Block(Uint16Array.of(0), undefined)

/**
 * Returns a block with the members whose bits are set.
 *
 * @param bits must not be written to afterwards, because they may become part of the block
 * @returns undefined if no bit is set
 */
export function blockOf(bits: Bits): Block | undefined {
  const count = countEdges(bits)
  if (count === 0) return undefined
  return count > MAX_EDGES ? new Block(NO_EDGES, bits) : new Block(findEdges(bits), undefined)
}

/**
 * Encodes a block. A bitmap takes 8,192 bytes; the lowest number is the lowest bit of the first
 * byte. Edges take two bytes each, little-endian. Equal members give equal bytes.
 */
export function encodeBlock({ edges, bits }: Block): Uint8Array {
  const bytes = new Uint8Array((bits ?? edges).byteLength)
  const view = new DataView(bytes.buffer)
  if (bits !== undefined)
    for (let index = 0; index < bits.length; index += 1) view.setInt32(index * 4, bits[index] ?? 0, true)
  else
    for (let index = 0; index < edges.length; index += 1) view.setUint16(index * 2, edges[index] ?? 0, true)
  return bytes
}

/**
 * Decodes what `encodeBlock` returned.
 *
 * @returns undefined if `encodeBlock` never returns such bytes
 */
export function decodeBlock(bytes: Uint8Array): Block | undefined {
  const { buffer, byteOffset, byteLength } = bytes
  const view = new DataView(buffer, byteOffset, byteLength)
  return byteLength === BITMAP_BYTES ? decodeBits(view) : decodeEdges(view)
}

function decodeBits(view: DataView): Block | undefined {
  const bits = createBits()
  for (let index = 0; index < bits.length; index += 1) bits[index] = view.getInt32(index * 4, true)
  return countEdges(bits) > MAX_EDGES ? new Block(NO_EDGES, bits) : undefined
}

function decodeEdges(view: DataView): Block | undefined {
  const count = view.byteLength / 2
  if (!Number.isInteger(count) || count === 0 || count > MAX_EDGES) return undefined
  const edges = new Uint16Array(count)
  let last = -1
  for (let index = 0; index < count; index += 1) {
    const edge = view.getUint16(index * 2, true)
    if (edge <= last) return undefined
    edges[index] = edge
    last = edge
  }
  return new Block(edges, undefined)
}

function sizeWithin(edges: Uint16Array): number {
  let size = 0
  for (let index = 0; index < edges.length; index += 2)
    size += (edges[index + 1] ?? BLOCK_NUMBERS) - (edges[index] ?? 0)
  return size
}

/**
 * Returns the number of edges before each slice, and the number of all edges as the last element.
 */
function countSlices(edges: Uint16Array): Uint16Array {
  const counts = new Uint16Array((BLOCK_NUMBERS >>> SLICE_BITS) + 1)
  let count = 0
  for (let slice = 0; slice < counts.length; slice += 1) {
    while (count < edges.length && (edges[count] ?? 0) >>> SLICE_BITS < slice) count += 1
    counts[slice] = count
  }
  return counts
}

/**
 * Returns FNV-1a over whole values. Mixes the higher bits of each product into the lower bits,
 * which they would never reach otherwise.
 */
function hashOf(values: Uint16Array | Bits): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < values.length; index += 1) {
    hash = Math.imul(hash ^ (values[index] ?? 0), 0x01000193)
    hash ^= hash >>> 15
  }
  return hash >>> 1
}
