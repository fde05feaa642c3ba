import type { Random } from '../../lib/model.js'

/** Returns uniform random numbers that are the same in every run (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Returns random IPv4 addresses, uniform over the addresses that hosts of the internet can have.
 */
export function randomAddresses(count: number, random: Random): string[] {
  const addresses: string[] = []
  while (addresses.length < count) {
    const bytes = Array.from({ length: 4 }, () => Math.floor(random() * 256))
    const [first = 0] = bytes
    // Skips 0/8, 10/8, 127/8 and everything from multicast on. Smaller blocks make no difference
    // here.
    if (first === 0 || first === 10 || first === 127 || first >= 224) continue
    addresses.push(bytes.join('.'))
  }
  return addresses
}
