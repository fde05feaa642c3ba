import { quote } from '../../../message-text.js'

/** Longer than any file system accepts. */
const MAX_NAME_LENGTH = 1024

/**
 * Returns why a name in a listing cannot be the name of a file or folder; undefined if it can. A
 * name that passes leads exactly one step down.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name'
  if (name.includes('/')) return 'has a slash in it'
  if (name.includes('\0')) return 'has a zero byte in it'
  if (name.length > MAX_NAME_LENGTH) return 'is too long'
  if (/\p{Surrogate}/u.test(name)) return 'is no Unicode'
  return undefined
}

/** Returns a folder's path, quoted for a message. */
export function quoteFolder(path: string): string {
  return path === '' ? 'the root' : quote(path)
}

/**
 * Copies a text that was cut out of a listing. Without it, V8 keeps the whole chunk of the listing
 * in memory as long as the text.
 */
export function copyOf(text: string): string {
  return Buffer.from(text).toString()
}
