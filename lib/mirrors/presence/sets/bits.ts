/** Numbers of a block: each has a bit. */
export const BLOCK_NUMBERS = 65_536

/** A bitmap of a block: number `low` is bit `low % 32` of word `low / 32`. */
export type Bits = Int32Array

const BLOCK_WORDS = BLOCK_NUMBERS / 32

/** All of them unset: 8 KiB. */
export function createBits(): Bits {
  return new Int32Array(BLOCK_WORDS)
}

export function hasBit(bits: Bits, low: number): boolean {
  return (((bits[low >>> 5] ?? 0) >>> (low & 31)) & 1) === 1
}

/** Turns a bit over. */
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

/** How many are set. */
export function countBits(bits: Bits): number {
  let count = 0
  for (let index = 0; index < BLOCK_WORDS; index += 1) count += countOnes(bits[index] ?? 0)
  return count
}

/** Where the set bit is before which so many are set; -1 where there are not as many. */
export function selectBit(bits: Bits, before: number): number {
  let left = before
  for (let index = 0; index < BLOCK_WORDS; index += 1) {
    const word = bits[index] ?? 0
    const count = countOnes(word)
    if (left < count) {
      let rest = word
      for (; left > 0; left -= 1) rest &= rest - 1
      return index * 32 + lowestOne(rest)
    }
    left -= count
  }
  return -1
}

/** How many edges `findEdges` would find. */
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

/** Every bit that is another than the one before it, in ascending order; before the first one is an unset one. */
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

/** Every bit that is set, in ascending order. */
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

/** Place of the lowest bit that is set in a word, of which one is. */
function lowestOne(word: number): number {
  return 31 - Math.clz32(word & -word)
}
