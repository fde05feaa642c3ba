import type { Field } from '../model.js'

/** `X-Mirrored-By`, ours: the URL of one duplicate, for scripts that do not parse `Link`. In the order of `Link`. */
export function xMirroredBy(url: string): Field {
  return ['X-Mirrored-By', url]
}
