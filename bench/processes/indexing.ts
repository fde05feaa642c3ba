import { readFileSync } from 'node:fs'

export interface IndexingSetup {
  readonly root: string
  readonly store: string
}

export interface IndexingResult {
  readonly files: number
  readonly hashed: number
  /** Time from the end of the imports to the end of the work. */
  readonly seconds: number
  readonly peakMiB: number
  /** Time until a change of one file was in the index, if changes are watched. */
  readonly changeSeconds?: number
}

/**
 * Returns the peak memory of this process with its threads. `getrusage` is unusable, because on
 * Linux its peak starts at the memory of the parent.
 */
export function peakMiB(): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(match?.[1]) / 1024
}
