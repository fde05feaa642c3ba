import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'

const ID_CHARACTERS = 16

/**
 * Returns an id by which a server recognises its own requests to mirrors. All processes that serve
 * a repository on this machine have the same id.
 *
 * @param root path of the repository
 */
export function loopIdOf(root: string): string {
  return createHash('sha256')
    .update(`${hostname()}\0${resolve(root)}`)
    .digest('hex')
    .slice(0, ID_CHARACTERS)
}

/**
 * Returns the field that marks requests to mirrors (RFC 8586). A request with the field that comes
 * back shows that the mirror leads to this very server.
 */
export function loopFields(loopId: string): Readonly<Record<string, string>> {
  return { 'cdn-loop': `mirrored-by; id=${loopId}` }
}
