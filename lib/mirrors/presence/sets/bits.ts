/** Numbers in a block; each has one bit. */
export const BLOCK_NUMBERS = 65_536

/** The bitmap of a block: number `low` is bit `low % 32` of word `low / 32`. */
export type Bits = Int32Array

const BLOCK_WORDS = BLOCK_NUMBERS / 32

/** Returns a bitmap of 8 KiB with every bit unset. */
export function createBits(): Bits {
  return new Int32Array(BLOCK_WORDS)
}

export function hasBit(bits: Bits, low: number): boolean {
  return (((bits[low >>> 5] ?? 0) >>> (low & 31)) & 1) === 1
}

/** Inverts a bit. */
export function flipBit(bits: Bits, low: number): void {
  bits[low >>> 5] = (bits[low >>> 5] ?? 0) ^ (1 << (low & 31))
}

/** Sets or unsets the bits of a half-open range. */
export function fillBits(bits: Bits, from: number, to: number, value: boolean): void {
  if (from >= to) return
  const first = from >>> 5
  const last = (to - 1) >>> 5
  for (let index = first; index <= last; index += 1) {
    const head = index === first ? -1 << (from & 31) : -1
    const mask = index === last ? head & (-1 >>> (31 - ((to - 1) & 31))) : head
    const word = bits[index] ?? 0
    bits[index] = value ? word | mask : word & ~mask
  }
}

/** Returns how many bits are set. */
export function countBits(bits: Bits): number {
  let count = 0
  for (let index = 0; index < BLOCK_WORDS; index += 1) count += countOnes(bits[index] ?? 0)
  return count
}

/** Returns the position of the set bit at zero-based `rank`; -1 if `rank` or fewer bits are set. */
export function selectBit(bits: Bits, rank: number): number {
  let left = rank
  for (let index = 0; index < BLOCK_WORDS; index += 1) {
    const word = bits[index] ?? 0
    const count = countOnes(word)
    if (left < count) {
      let higherOnes = word
      for (; left > 0; left -= 1) higherOnes &= higherOnes - 1
      return index * 32 + lowestOne(higherOnes)
    }
    left -= count
  }
  return -1
}

/** Returns how many edges `findEdges` returns. */
export function countEdges(bits: Bits): number {
  let count = 0
  let last = 0
  for (let index = 0; index < BLOCK_WORDS; index += 1) {
    const word = bits[index] ?? 0
    count += countOnes(word ^ ((word << 1) | last))
    last = word >>> 31
  }
  return count
}

/**
 * Returns the positions of edges, ascending: each bit that differs from the bit before it. The bit
 * before the first one counts as unset.
 */
export function findEdges(bits: Bits): Uint16Array {
  const edges = new Uint16Array(countEdges(bits))
  let count = 0
  let last = 0
  for (let index = 0; index < BLOCK_WORDS; index += 1) {
    const word = bits[index] ?? 0
    for (let rest = word ^ ((word << 1) | last); rest !== 0; rest &= rest - 1) {
      edges[count] = index * 32 + lowestOne(rest)
      count += 1
    }
    last = word >>> 31
  }
  return edges
}

/** Returns the positions of the set bits, ascending. */
export function listBits(bits: Bits): Uint16Array {
  const list = new Uint16Array(countBits(bits))
  let count = 0
  for (let index = 0; index < BLOCK_WORDS; index += 1) {
    for (let rest = bits[index] ?? 0; rest !== 0; rest &= rest - 1) {
      list[count] = index * 32 + lowestOne(rest)
      count += 1
    }
  }
  return list
}

function countOnes(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Returns the position of the lowest set bit of a word. At least one bit must be set. */
function lowestOne(word: number): number {
  return 31 - Math.clz32(word & -word)
}
