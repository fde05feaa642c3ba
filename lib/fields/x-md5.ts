import type { Digests, Field } from '../model.js'

/** `X-MD5`, ours: the MD5 of the whole file as 32 hexadecimal digits in lower case, as `md5sum` prints it. */
export function xMd5(digests: Digests): Field[] {
  const md5 = digests.md5
  return md5 === undefined ? [] : [['X-MD5', Buffer.from(md5).toString('hex')]]
}
