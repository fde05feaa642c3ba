import type { Field } from '../model.js'

/** One field line of more bytes is not sent: proxies and clients give up on it. */
export const MAX_LINE_BYTES = 1024

/** Bytes of a line on the wire, with its colon, space and CRLF. All our values are ASCII. */
export function lineBytes([name, value]: Field): number {
  return name.length + value.length + 4
}

/** The lines of one duplicate: its `Link`, and its `X-Mirrored-By`. */
export interface DuplicateLines {
  readonly link: Field
  readonly mirroredBy: Field
}

/**
 * The whole block in the order that clients need: describedby links, duplicates, digests, the rest. Where it would be
 * more than `maxBytes`, duplicates go first, the last before the others, then the descriptions; digests stay.
 */
export function fieldBlock(
  descriptions: readonly Field[],
  duplicates: readonly DuplicateLines[],
  digests: readonly Field[],
  rest: readonly Field[],
  maxBytes: number,
): Field[] {
  let left = maxBytes - bytesOf(digests) - bytesOf(rest)
  const block: Field[] = []
  for (const description of descriptions) {
    const bytes = lineBytes(description)
    if (bytes > MAX_LINE_BYTES || bytes > left) continue
    block.push(description)
    left -= bytes
  }
  const mirroredBy: Field[] = []
  for (const duplicate of duplicates) {
    const linkBytes = lineBytes(duplicate.link)
    const bytes = linkBytes + lineBytes(duplicate.mirroredBy)
    if (linkBytes > MAX_LINE_BYTES) continue
    if (bytes > left) break
    block.push(duplicate.link)
    mirroredBy.push(duplicate.mirroredBy)
    left -= bytes
  }
  block.push(...digests, ...mirroredBy, ...rest)
  return block
}

function bytesOf(fields: readonly Field[]): number {
  let bytes = 0
  for (const field of fields) bytes += lineBytes(field)
  return bytes
}
