import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { urlPath } from '../../lib/fields/url.js'
import { anyPath } from '../support/any-path.js'

const TABLE: readonly (readonly [path: string, written: string])[] = [
  ['a', 'a'],
  ['a/b.tar.gz', 'a/b.tar.gz'],
  ['disk 1.iso', 'disk%201.iso'],
  ['100%', '100%25'],
  ['%41', '%2541'],
  ['a?b#c', 'a%3Fb%23c'],
  ['a&b;c=d+e', 'a%26b%3Bc%3Dd%2Be'],
  ["it's", 'it%27s'],
  ['<a>"b"', '%3Ca%3E%22b%22'],
  ['new\nline\r', 'new%0Aline%0D'],
  ['ü', '%C3%BC'],
  ['日本', '%E6%97%A5%E6%9C%AC'],
  ['😀', '%F0%9F%98%80'],
  ['a:b@c', 'a%3Ab%40c'],
  ['[a]{b}|^`\\', '%5Ba%5D%7Bb%7D%7C%5E%60%5C'],
  ['-_.!~*()', '-_.!~*()'],
  ['...', '...'],
]

for (const [path, written] of TABLE) {
  test(`${JSON.stringify(path)} is written ${written}`, () => {
    assert.equal(urlPath(path), written)
  })
}

test('every path comes back as it was', () => {
  fc.assert(fc.property(anyPath, (path) => assert.equal(decodeURIComponent(urlPath(path)), path)))
})

test('only characters are written that need no quotes in a field, in XML or in a shell word between quotes', () => {
  fc.assert(fc.property(anyPath, (path) => assert.match(urlPath(path), /^[A-Za-z0-9\-_.!~*()%/]*$/)))
})

test('a URL keeps the path as it is written, and nothing of it becomes anything else', () => {
  for (const base of ['https://m.example/', 'http://m.example:8080/a%20b/', 'ftp://m.example/pub/']) {
    fc.assert(
      fc.property(anyPath, (path) => {
        const written = urlPath(path)
        const url = new URL(base + written)
        assert.equal(url.href, base + written)
        assert.equal(url.search + url.hash, '')
      }),
    )
  }
})
