import { CommanderError } from 'commander'
import { type ErrorCode, errorMessage, MirroredByError } from '../errors.js'
import type { Terminal } from './output.js'

export const FAILED = 1
const WRONG_USAGE = 2

/** Errors that another command line or configuration avoids. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'ERR_OPTIONS',
  'ERR_ROOT',
  'ERR_MIRRORS_FILE',
  'ERR_GEO',
  'ERR_CONFIG_FILE',
  'ERR_IMPORT',
  'ERR_NO_SERVER',
])

/** Prints an error and returns the exit status that it causes. Commander prints its own errors. */
export function reportError(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE
  const isUsage = error instanceof MirroredByError && USAGE_CODES.has(error.code)
  terminal.err(`mirrored-by: ${errorMessage(error)}\n`)
  return isUsage ? WRONG_USAGE : FAILED
}
