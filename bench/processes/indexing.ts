import { readFileSync } from 'node:fs'

export interface IndexingSetup {
  readonly root: string
  readonly store: string
}

export interface IndexingResult {
  readonly files: number
  readonly hashed: number
  /** From the end of the imports to the end of the work. */
  readonly seconds: number
  readonly peakMiB: number
  /** Until a change of one file was in the index, where changes are followed. */
  readonly changeSeconds?: number
}

/**
 * The most memory that this process with its threads had at a time. Not what `getrusage` says: on Linux that begins with
 * what the parent had.
 */
export function peakMiB(): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(match?.[1]) / 1024
}
