import { type Listed, TIME_UNITS } from './listings/listing.js'

/** Our time and a mirror's time of a file for which both have the same size. */
export interface TimePair {
  /** Our modification time in milliseconds since 1970. */
  readonly mtimeMs: number
  /** The mirror's entry, whose time is cut to `mtimePrecision`. */
  readonly listed: Listed
}

const STEP_MS = 15 * 60_000
const MIN_STEPS = -12 * 4
const MAX_STEPS = 14 * 4
/** Share of the pairs with a time that must fit an offset. */
const MIN_FITTING_SHARE = 0.9
/** Fewer pairs may fit an offset other than 0 by chance. */
const MIN_PAIRS = 3

/**
 * Finds the offset of a mirror's times, which exists because the mirror lists them in its own time
 * zone. The offset is a multiple of 15 minutes from UTC-12 to UTC+14 by which 9 of 10 files differ.
 * If several fit, as with times cut to the day, the one that fits most files wins, and then the one
 * nearest to 0. With fewer than three files, only 0 is accepted.
 *
 * @returns milliseconds to add to a true time to get the listed one; undefined if no offset fits
 */
export function findOffset(pairs: Iterable<TimePair>): number | undefined {
  // Per offset, the number of pairs that start to fit minus those that cease to. The sum up to an
  // offset is the number of pairs that fit it.
  const changes = new Int32Array(MAX_STEPS - MIN_STEPS + 2)
  let count = 0
  for (const { mtimeMs, listed } of pairs) {
    if (listed.mtime === undefined) continue
    count += 1
    // A pair fits if `listed ≤ ours + offset < listed + unit`.
    const difference = listed.mtime - mtimeMs
    const from = Math.max(MIN_STEPS, Math.ceil(difference / STEP_MS))
    const to = Math.min(MAX_STEPS, Math.ceil((difference + TIME_UNITS[listed.mtimePrecision]) / STEP_MS) - 1)
    if (from > to) continue
    changes[from - MIN_STEPS] = (changes[from - MIN_STEPS] ?? 0) + 1
    changes[to - MIN_STEPS + 1] = (changes[to - MIN_STEPS + 1] ?? 0) - 1
  }
  if (count === 0) return undefined
  const best = bestOffset(changes)
  if (best.fitting < count * MIN_FITTING_SHARE || (count < MIN_PAIRS && best.offset !== 0)) return undefined
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
