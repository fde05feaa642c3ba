import assert from 'node:assert/strict'
import { sep } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { urlPath } from '../../lib/fields/url.js'
import { asksFor, parseTarget } from '../../lib/request/target.js'
import { anyPath } from '../support/any-path.js'

const PATHS: readonly (readonly [target: string, path: string, query?: string])[] = [
  ['/', ''],
  ['/?a', '', 'a'],
  ['/a', 'a'],
  ['/a/b.iso', 'a/b.iso'],
  ['/a/', 'a/'],
  ['/disk%201.iso?meta4', 'disk 1.iso', 'meta4'],
  ['/a?', 'a'],
  ['/a??b?c', 'a', '?b?c'],
  ['/a%3Fb', 'a?b'],
  ['/a%23b', 'a#b'],
  ['/100%25', '100%'],
  ['/%2541', '%41'],
  ['/%C3%BC/%F0%9F%98%80', 'ü/😀'],
  ['/%c3%bc', 'ü'],
  ['/...', '...'],
  ['/.../a', '.../a'],
  ['/..a/b..', '..a/b..'],
  ['/.hidden', '.hidden'],
  ['/a.', 'a.'],
  ['/new%0Aline', 'new\nline'],
  ['/a+b', 'a+b'],
  ['/a;b=c', 'a;b=c'],
  ['/a?%zz', 'a', '%zz'],
  ['/a?../..', 'a', '../..'],
  ['http://host/a/b?c', 'a/b', 'c'],
  // Resolved as by nginx and `send`.
  ['/a/..', ''],
  ['/a/../', ''],
  ['/a/../b', 'b'],
  ['/x/y/../../b', 'b'],
  ['/x/y/..', 'x/'],
  ['/.', ''],
  ['/./', ''],
  ['/./a', 'a'],
  ['/a/./b', 'a/b'],
  ['/a/.', 'a/'],
  ['/%2e', ''],
  ['/a/%2e/b', 'a/b'],
  ['/a/%2E%2E', ''],
  ['/a/.%2e/b', 'b'],
  ['/x/%2e%2e/b?../c', 'b', '../c'],
  ['//', ''],
  ['//a', 'a'],
  ['///a///b//./c', 'a/b/c'],
  ['/a//', 'a/'],
  ['/a//../b', 'b'],
  ['http://host//a', 'a'],
  ['http://host/x/../a?q', 'a', 'q'],
  ['http://host/.', ''],
  ['/a%2fb', 'a/b'],
  ['/a%2Fb', 'a/b'],
  ['/a%2F..%2fb', 'b'],
  ['/.../..', ''],
  ['/..a/../b', 'b'],
  ['https://user@host:8080/a', 'a'],
  ['HTTP://host/', ''],
  ['http://host', ''],
  ['http://host?a', '', 'a'],
]

describe('a target is read as a path', () => {
  for (const [target, path, query = ''] of PATHS) {
    test(`${target} asks for ${JSON.stringify(path)}${query === '' ? '' : `, query ${query}`}`, () => {
      assert.deepEqual(parseTarget(target), { path, query })
    })
  }
})

describe('a backslash', () => {
  for (const [target, path] of [
    ['/a\\b', 'a\\b'],
    ['/a%5Cb', 'a\\b'],
    ['/..%5c..', '..\\..'],
    ['/..\\..\\etc/x', '..\\..\\etc/x'],
  ] as const) {
    test(`in ${target} is a character of a name, unless it separates folders`, () => {
      assert.deepEqual(parseTarget(target), sep === '/' ? { path, query: '' } : undefined)
    })
  }
})

const REFUSED: readonly (readonly [target: string, because: string])[] = [
  ['', 'is empty'],
  ['a', 'is no path'],
  ['*', 'is for the server as a whole'],
  ['host:443', 'is for a tunnel'],
  ['ftp://host/a', 'is of another scheme'],
  ['http:///a', 'has no host'],
  ['file:///etc/passwd', 'is of another scheme'],
  ['/..', 'leaves the root'],
  ['/../a', 'leaves the root'],
  ['/a/../../b', 'leaves the root'],
  ['/%2e%2e/a', 'leaves the root, encoded'],
  ['/.%2E/a', 'leaves the root, half encoded'],
  ['/./../a', 'leaves the root'],
  ['//../a', 'leaves the root'],
  ['/a/b/../../../a/b', 'leaves the root and comes back'],
  ['/a%2f..%2f..', 'leaves the root'],
  ['http://host/..', 'leaves the root'],
  ['http://host/a/%2e%2e/../b', 'leaves the root'],
  ['/..%2f..%2fetc/passwd', 'leaves the root by encoded slashes'],
  ['/a%00', 'has a NUL'],
  ['/a\0b', 'has a NUL'],
  ['/a#b', 'has a fragment'],
  ['/%', 'is cut short'],
  ['/%4', 'is cut short'],
  ['/%zz', 'is no encoding'],
  ['/%u0041', 'is no encoding'],
  ['/%ff', 'is not UTF-8'],
  ['/%c3', 'is UTF-8 cut short'],
  ['/%c3%28', 'is not UTF-8'],
  ['/%c0%ae%c0%ae/a', 'is UTF-8 overlong: ..'],
  ['/%c0%af', 'is UTF-8 overlong: a slash'],
  ['/%e0%80%af', 'is UTF-8 overlong: a slash'],
  ['/%f0%80%80%af', 'is UTF-8 overlong: a slash'],
  ['/%ed%a0%80', 'is a surrogate'],
  ['/%f4%90%80%80', 'is beyond Unicode'],
]

describe('a target is refused', () => {
  for (const [target, because] of REFUSED) {
    test(`${JSON.stringify(target)} ${because}`, () => {
      assert.equal(parseTarget(target), undefined)
    })
  }
})

test('whatever is sent, a path never leaves the root and never holds what ends a string elsewhere', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      '/',
      '//',
      '\\',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      '%00',
      '%c0%ae',
      '%',
      '?',
      '#',
      '%0a',
    ),
    fc.constantFrom('a', 'http://h/', '%252e', '\0', 'ü', '%C3%BC'),
    fc.string({ maxLength: 5 }),
  )
  const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)
  fc.assert(
    fc.property(target, (text) => {
      const parsed = parseTarget(text)
      if (parsed === undefined) return
      const { path } = parsed
      assert.doesNotMatch(path, sep === '/' ? /\0/ : /[\\\0]/)
      assert.ok(!path.startsWith('/'))
      const parts = path.split('/')
      for (const [index, part] of parts.entries()) {
        assert.ok(part !== '..' && part !== '.', text)
        if (part === '') assert.equal(index, parts.length - 1, text)
      }
    }),
    { numRuns: 5000 },
  )
})

test('a target is resolved as a URL is, or refused where it leaves the root', () => {
  const piece = fc.constantFrom('..', '.', '', 'a', 'b', '%2e', '%2E.', 'c%20d')
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 10 }), (pieces) => {
      const parsed = parseTarget(`/${pieces.join('/')}`)
      let depth = 0
      const lowest = Math.min(
        ...pieces.map((part) => {
          const plain = decodeURIComponent(part)
          if (plain === '..') depth -= 1
          else if (plain !== '.' && plain !== '') depth += 1
          return depth
        }),
      )
      if (lowest < 0) assert.equal(parsed, undefined)
      else {
        // A URL keeps empty parts, of which `..` takes one away.
        const { pathname } = new URL(`http://h/${pieces.filter((part) => part !== '').join('/')}`)
        const resolved = decodeURIComponent(pathname.slice(1))
        assert.equal(parsed?.path.replace(/\/$/, ''), resolved.replace(/\/$/, ''))
      }
    }),
  )
})

test('every path comes back from its URL', () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      assert.deepEqual(parseTarget(`/${urlPath(path)}`), { path, query: '' })
      assert.deepEqual(parseTarget(`/${urlPath(path)}?meta4`), { path, query: 'meta4' })
      assert.deepEqual(parseTarget(`http://host/${urlPath(path)}`), { path, query: '' })
    }),
  )
})

for (const [query, asks] of [
  ['meta4', true],
  ['meta4=', true],
  ['a=1&meta4', true],
  ['meta4&a=1', true],
  ['a&meta4=&b', true],
  ['', false],
  ['meta4=1', false],
  ['meta', false],
  ['meta45', false],
  ['xmeta4', false],
  ['a=meta4', false],
  ['META4', false],
  ['meta4;a', false],
] as const) {
  test(`the query ${JSON.stringify(query)} ${asks ? 'asks' : 'does not ask'} for meta4`, () => {
    assert.equal(asksFor(query, 'meta4'), asks)
  })
}
