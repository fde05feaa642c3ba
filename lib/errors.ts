/**
 * Every error that mirrored-by throws or warns of. The code is stable and has an entry in `docs/errors.md`; the
 * message names the thing and the remedy.
 */
export const ERROR_CODES = [
  'ERR_OPTIONS',
  'ERR_ROOT',
  'ERR_MIRRORS_FILE',
  'ERR_GEO',
  'ERR_CONFIG_FILE',
  'ERR_IMPORT',
  'ERR_STRATEGY',
  'ERR_PROBE',
  'ERR_SURVEY',
  'ERR_CORRUPT',
  'ERR_TRACE',
  'ERR_STORE',
  'ERR_STORE_VERSION',
  'ERR_STORE_BROKEN',
  'ERR_SCAN',
  'ERR_WATCH',
  'ERR_HASH',
  'ERR_PLAN',
  'ERR_LISTEN',
  'ERR_CLOSED',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/** An error with a stable `code`; `cause` holds what the system or a library said. */
export class MirroredByError extends Error {
  override readonly name = 'MirroredByError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** What a caught value says, in one line. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system's code of a caught value, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** True where the error says that nothing is there: the path went away, or a folder on the way to it. */
export function isNotFound(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
