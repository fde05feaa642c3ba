import { sep } from 'node:path'
import fc from 'fast-check'

/** Characters that a URL, a field, XML or a file system could misread. */
const odd = fc.constantFrom(...' %?#&;=+\'"<>:@[]{}|^`*\\!~().-_,$\n\r\t\u0001\u007f\u0085\u2028äß日😀é')
const short = fc.constantFrom('%2e', '%2F', '%00', '.meta4', 'a', 'B', '0')
const name = fc
  .array(fc.oneof(odd, short, fc.string({ unit: 'grapheme' })), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join('').replace(sep === '/' ? /[/\0]/g : /[/\\\0]/g, ''))
  .filter((text) => text !== '' && text !== '.' && text !== '..' && !text.includes('\ufffd'))

/**
 * Arbitrary valid paths of a repository: well-formed, without an empty part, `.` or `..`.
 * A backslash is in names where it does not separate folders.
 */
export const anyPath = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
