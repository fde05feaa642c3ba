import type { Digests, Field } from '../model.js'

/**
 * Returns `X-MD5`, our own field: MD5 of the whole file, 32 lower-case hexadecimal digits, as
 * `md5sum` prints it.
 */
export function xMd5(digests: Digests): Field[] {
  const md5 = digests.md5
  return md5 === undefined ? [] : [['X-MD5', Buffer.from(md5).toString('hex')]]
}
