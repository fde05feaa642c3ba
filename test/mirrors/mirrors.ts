import type { Mirror } from '../../lib/model.js'

/** A mirror for everyone, unless told otherwise. */
export function mirror(id: string, properties: Partial<Mirror> = {}): Mirror {
  return {
    id,
    urls: [`https://${id}.example/repo/`],
    countries: [],
    asn: [],
    subnets: [],
    weight: 100,
    paths: [],
    serves: 'world',
    excludes: [],
    private: false,
    trust: false,
    enabled: true,
    ...properties,
  }
}

/** Numbers that look uniform and are the same every time (mulberry32). */
export function seededDraw(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
