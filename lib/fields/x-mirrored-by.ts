import type { Field } from '../model.js'

/**
 * Returns `X-Mirrored-By`, our own field: URL of one duplicate, for scripts that do not parse
 * `Link`. Its lines have the order of `Link`.
 */
export function xMirroredBy(url: string): Field {
  return ['X-Mirrored-By', url]
}
