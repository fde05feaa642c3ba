import assert from 'node:assert/strict'
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
  ['/a/..', 'has a .. part'],
  ['/a/../b', 'has a .. part'],
  ['/.', 'has a . part'],
  ['/./a', 'has a . part'],
  ['/a/./b', 'has a . part'],
  ['/a/.', 'has a . part'],
  ['/%2e%2e/a', 'has a .. part, encoded'],
  ['/a/%2E%2E', 'has a .. part, encoded'],
  ['/a/.%2e/b', 'has a .. part, half encoded'],
  ['/%2e', 'has a . part, encoded'],
  ['//', 'has an empty part'],
  ['//a', 'has an empty part'],
  ['/a//b', 'has an empty part'],
  ['/a//', 'has an empty part'],
  ['http://host//a', 'has an empty part'],
  ['/a%2fb', 'has an encoded slash'],
  ['/a%2Fb', 'has an encoded slash'],
  ['/..%2f..%2fetc/passwd', 'has an encoded slash'],
  ['/a\\b', 'has a backslash'],
  ['/a%5Cb', 'has a backslash, encoded'],
  ['/..%5c..', 'has a backslash, encoded'],
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
      assert.doesNotMatch(path, /[\\\0]/)
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
