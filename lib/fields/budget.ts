import type { Field } from '../model.js'

/** Longer field lines are not sent, because proxies and clients give up on them. */
export const MAX_LINE_BYTES = 1024

/**
 * Returns the bytes of a field line on the wire, with colon, space and CRLF. All our values are
 * ASCII.
 */
export function lineBytes([name, value]: Field): number {
  return name.length + value.length + 4
}

/** Field lines of one duplicate. */
export interface DuplicateLines {
  readonly link: Field
  readonly mirroredBy: Field
}

/**
 * Returns all fields in the order that clients need: describedby links, duplicates, digests, the
 * rest. If they exceed `maxBytes`, duplicates are left out first, from the last one on, then
 * describedby links. Digests stay.
 */
export function fieldBlock(
  describedBy: readonly Field[],
  duplicates: readonly DuplicateLines[],
  digests: readonly Field[],
  rest: readonly Field[],
  maxBytes: number,
): Field[] {
  let bytesLeft = maxBytes - bytesOf(digests) - bytesOf(rest)
  const block: Field[] = []
  for (const link of describedBy) {
    const bytes = lineBytes(link)
    if (bytes > MAX_LINE_BYTES || bytes > bytesLeft) continue
    block.push(link)
    bytesLeft -= bytes
  }
  const mirroredBy: Field[] = []
  for (const duplicate of duplicates) {
    const linkBytes = lineBytes(duplicate.link)
    const bytes = linkBytes + lineBytes(duplicate.mirroredBy)
    if (linkBytes > MAX_LINE_BYTES) continue
    if (bytes > bytesLeft) break
    block.push(duplicate.link)
    mirroredBy.push(duplicate.mirroredBy)
    bytesLeft -= bytes
  }
  block.push(...digests, ...mirroredBy, ...rest)
  return block
}

function bytesOf(fields: readonly Field[]): number {
  let bytes = 0
  for (const field of fields) bytes += lineBytes(field)
  return bytes
}
