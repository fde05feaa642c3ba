import { type Listed, TIME_UNITS } from './listings/listing.js'

/** A file as we and a mirror give its time, where both give the same size. */
export interface TimePair {
  /** Ours, in milliseconds since 1970. */
  readonly mtimeMs: number
  /** Theirs, cut to `mtimePrecision`. */
  readonly listed: Listed
}

const STEP_MS = 15 * 60_000
const MIN_STEPS = -12 * 4
const MAX_STEPS = 14 * 4
/** Of the pairs that have a time. */
const ENOUGH = 0.9
/** Fewer may agree by chance. */
const FEWEST = 3

/**
 * Finds what a mirror's times are off by, because it lists them in its own time zone: a multiple of
 * 15 minutes, from 12 hours before UTC to 14 after, by which 9 of 10 files differ. Where several
 * would do, as with times to the day, it is the one that fits most files, and of those the one
 * nearest to none. Of fewer than three files, only none is believed.
 *
 * @returns milliseconds to add to a true time for the listed one; undefined where there is no such
 */
export function findOffset(pairs: Iterable<TimePair>): number | undefined {
  // How many pairs begin to fit at an offset, less how many cease to: the sum up to an offset is
  // how many fit it.
  const changes = new Int32Array(MAX_STEPS - MIN_STEPS + 2)
  let count = 0
  for (const { mtimeMs, listed } of pairs) {
    if (listed.mtime === undefined) continue
    count += 1
    // It fits where `listed ≤ ours + offset < listed + unit`.
    const apart = listed.mtime - mtimeMs
    const from = Math.max(MIN_STEPS, Math.ceil(apart / STEP_MS))
    const to = Math.min(MAX_STEPS, Math.ceil((apart + TIME_UNITS[listed.mtimePrecision]) / STEP_MS) - 1)
    if (from > to) continue
    changes[from - MIN_STEPS] = (changes[from - MIN_STEPS] ?? 0) + 1
    changes[to - MIN_STEPS + 1] = (changes[to - MIN_STEPS + 1] ?? 0) - 1
  }
  if (count === 0) return undefined
  const best = bestOffset(changes)
  if (best.fitting < count * ENOUGH || (count < FEWEST && best.offset !== 0)) return undefined
  return best.offset * STEP_MS
}

function bestOffset(changes: Int32Array): { readonly offset: number; readonly fitting: number } {
  let best = { offset: 0, fitting: 0 }
  let fitting = 0
  for (let offset = MIN_STEPS; offset <= MAX_STEPS; offset += 1) {
    fitting += changes[offset - MIN_STEPS] ?? 0
    const nearer = Math.abs(offset) < Math.abs(best.offset)
    if (fitting > best.fitting || (fitting === best.fitting && nearer)) best = { offset, fitting }
  }
  return best
}
