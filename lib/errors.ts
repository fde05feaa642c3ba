/**
 * Codes of all errors and warnings of mirrored-by. Codes are stable; `docs/errors.md` has a
 * section for each.
 */
export const ERROR_CODES = [
  'ERR_OPTIONS',
  'ERR_ROOT',
  'ERR_MIRRORS_FILE',
  'ERR_GEO',
  'ERR_CONFIG_FILE',
  'ERR_IMPORT',
  'ERR_NO_SERVER',
  'ERR_STRATEGY',
  'ERR_PROBE',
  'ERR_SURVEY',
  'ERR_LOOP',
  'ERR_CORRUPT',
  'ERR_TRACE',
  'ERR_STORE',
  'ERR_STORE_VERSION',
  'ERR_STORE_BROKEN',
  'ERR_SCAN',
  'ERR_WATCH',
  'ERR_HASH',
  'ERR_OPEN',
  'ERR_PLAN',
  'ERR_ETAG',
  'ERR_LISTEN',
  'ERR_CLOSED',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/**
 * An error with a stable `code`. The message names the subject and the remedy; `cause` is the
 * error of the system or of a library.
 */
export class MirroredByError extends Error {
  override readonly name = 'MirroredByError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Returns the message of a caught value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Returns the system's code of a caught value, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Returns whether an error means that a path, or a parent folder of it, does not exist. */
export function isNotFound(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
