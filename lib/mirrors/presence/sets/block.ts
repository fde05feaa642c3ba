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

/** Bytes of a bitmap. */
const BITMAP_BYTES = BLOCK_NUMBERS / 8
/** More take as much room as a bitmap. */
const MAX_EDGES = BITMAP_BYTES / 2 - 1
/** More are searched by slices. */
const MAX_UNSLICED_EDGES = 8
const SLICE_BITS = 10
const NO_EDGES = new Uint16Array(0)

/**
 * Which of 65,536 numbers in a row, counted from 0 (`low`), are members: at least one is. It never changes, so that those
 * who hold the same may hold the same object.
 *
 * Where members stand together, as they do when nearly all or nearly none are, the edges tell all: where a run of members
 * begins, where it ends, where the next one begins. A run up to the last number has no end. Where there would be more than
 * 4,095 edges, a bitmap is smaller. Which of the two it is follows from the members.
 */
export class Block {
  /** How many members. */
  readonly size: number
  /** Of what it holds: equal ones have equal numbers. A whole number of 31 bits. */
  readonly hash: number
  /** None where there is a bitmap. Not to be written to, nor is that. */
  readonly edges: Uint16Array
  readonly bits: Bits | undefined
  /** How many edges are before each slice of 1,024 numbers, where they are many: a search begins near its end. */
  readonly #slices: Uint16Array

  /**
   * @param edges ascending, at most 4,095 of them, at least one; none where there is a bitmap
   * @param bits a bitmap with more edges
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
    // A binary search whose comparisons become masks: no processor could foresee the branches of one with `if`.
    while (left > 0) {
      const half = (left + 1) >>> 1
      start += half & ~((low - (edges[start + half - 1] ?? 0)) >> 31)
      left -= half
    }
    // Behind the first edge is a run, behind the second none, and so on.
    return (start & 1) === 1
  }

  /** The member before which there are so many, which are fewer than all. */
  memberAt(before: number): number {
    if (this.bits !== undefined) return selectBit(this.bits, before)
    const edges = this.edges
    let left = before
    for (let index = 0; index < edges.length; index += 2) {
      const from = edges[index] ?? 0
      const length = (edges[index + 1] ?? BLOCK_NUMBERS) - from
      if (left < length) return from + left
      left -= length
    }
    return -1
  }

  /** All of them, ascending. */
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

  /** A bitmap of its own for the caller. */
  toBits(): Bits {
    if (this.bits !== undefined) return this.bits.slice()
    const bits = createBits()
    const edges = this.edges
    for (let index = 0; index < edges.length; index += 2)
      fillBits(bits, edges[index] ?? 0, edges[index + 1] ?? BLOCK_NUMBERS, true)
    return bits
  }
}

/** Every number. */
export const WHOLE_BLOCK = new Block(Uint16Array.of(0), undefined)

/**
 * A block of the members whose bits are set.
 *
 * @param bits given away: they may become part of the block
 * @returns undefined where there are none
 */
export function blockOf(bits: Bits): Block | undefined {
  const count = countEdges(bits)
  if (count === 0) return undefined
  return count > MAX_EDGES ? new Block(NO_EDGES, bits) : new Block(findEdges(bits), undefined)
}

/**
 * Writes a block: its bitmap in 8,192 bytes, the lowest number in the lowest bit of the first, or its edges in two bytes
 * each, the lower one first. The same members are the same bytes.
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
 * Reads what `encodeBlock` wrote.
 *
 * @returns undefined where it can have written no such bytes
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

/** One more than there are slices: the last is all of them. */
function countSlices(edges: Uint16Array): Uint16Array {
  const counts = new Uint16Array((BLOCK_NUMBERS >>> SLICE_BITS) + 1)
  let count = 0
  for (let slice = 0; slice < counts.length; slice += 1) {
    while (count < edges.length && (edges[count] ?? 0) >>> SLICE_BITS < slice) count += 1
    counts[slice] = count
  }
  return counts
}

/** FNV-1a by whole values, with the higher bits of each product mixed into the lower, which they would never reach. */
function hashOf(values: Uint16Array | Bits): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < values.length; index += 1) {
    hash = Math.imul(hash ^ (values[index] ?? 0), 0x01000193)
    hash ^= hash >>> 15
  }
  return hash >>> 1
}
