import assert from 'node:assert/strict'
import { test } from 'node:test'
import { urlPath } from '../../../lib/fields/url.js'
import type { MetalinkFile } from '../../../lib/request/representations/metalink.js'
import { writeMetalink4 } from '../../../lib/request/representations/metalink4.js'
import { allDigests, bytesOf } from '../../support/files.js'

const DIGESTS = allDigests('x')
const PIECES = { length: 262_144, sha256: bytesOf(3 * 32, 'p256'), sha1: bytesOf(3 * 20, 'p1') }

function file(properties: Partial<MetalinkFile> = {}): MetalinkFile {
  return {
    name: 'disk 1.iso',
    size: 600_000,
    digests: DIGESTS,
    pieces: PIECES,
    pieceAlgorithm: 'sha-256',
    urls: [
      { url: 'https://a.example/disk%201.iso', location: 'de' },
      { url: 'https://b.example/disk%201.iso', location: undefined },
      { url: 'https://c.example/disk%201.iso' },
    ],
    origin: 'https://o.example/disk%201.iso.meta4',
    ...properties,
  }
}

function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.slice(start, end)).toString('hex')
}

test('the document is laid out as clients need it, line by line', () => {
  assert.equal(
    writeMetalink4(file()),
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>mirrored-by</generator>
  <origin dynamic="true">https://o.example/disk%201.iso.meta4</origin>
  <file name="disk 1.iso">
    <size>600000</size>
    <hash type="sha-256">${hex(DIGESTS['sha-256'])}</hash>
    <hash type="sha-512">${hex(DIGESTS['sha-512'])}</hash>
    <hash type="sha-1">${hex(DIGESTS['sha-1'])}</hash>
    <hash type="md5">${hex(DIGESTS.md5)}</hash>
    <pieces length="262144" type="sha-256">
      <hash>${hex(PIECES.sha256, 0, 32)}</hash>
      <hash>${hex(PIECES.sha256, 32, 64)}</hash>
      <hash>${hex(PIECES.sha256, 64, 96)}</hash>
    </pieces>
    <url location="de" priority="1">https://a.example/disk%201.iso</url>
    <url priority="2">https://b.example/disk%201.iso</url>
    <url priority="3">https://c.example/disk%201.iso</url>
  </file>
</metalink>
`,
  )
})

test('sha-256 is the first hash, whatever the order of the digests, for wget2 loops on a leading sha-512', () => {
  const { 'sha-512': sha512, 'sha-256': sha256, md5 } = DIGESTS
  const document = writeMetalink4(
    file({ digests: { 'sha-512': sha512, md5, 'sha-256': sha256 }, pieces: undefined }),
  )
  assert.deepEqual(
    [...document.matchAll(/<hash type="([^"]+)">/g)].map(([, type]) => type),
    ['sha-256', 'sha-512', 'md5'],
  )
})

test('there are only the hashes of IANA’s names', () => {
  assert.doesNotMatch(writeMetalink4(file()), /blake3|crc32c/)
})

test('there is exactly one kind of pieces: sha-1 for libzypp', () => {
  const document = writeMetalink4(file({ pieceAlgorithm: 'sha-1' }))
  assert.equal(document.match(/<pieces /g)?.length, 1)
  assert.ok(
    document.includes(
      `    <pieces length="262144" type="sha-1">
      <hash>${hex(PIECES.sha1, 0, 20)}</hash>
      <hash>${hex(PIECES.sha1, 20, 40)}</hash>
      <hash>${hex(PIECES.sha1, 40, 60)}</hash>
    </pieces>
`,
    ),
  )
})

test('piece digests that are part of a larger buffer are those bytes', () => {
  const buffer = Buffer.concat([Buffer.alloc(5), PIECES.sha256, Buffer.alloc(5)])
  const pieces = { ...PIECES, sha256: buffer.subarray(5, 5 + 96) }
  assert.equal(writeMetalink4(file({ pieces })), writeMetalink4(file()))
})

test('what there is not is left out', () => {
  assert.equal(
    writeMetalink4({
      name: 'f',
      size: 0,
      digests: {},
      pieces: undefined,
      pieceAlgorithm: 'sha-256',
      urls: [],
    }),
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>mirrored-by</generator>
  <file name="f">
    <size>0</size>
  </file>
</metalink>
`,
  )
})

test('priorities are 1, 2, 3 … in document order', () => {
  const urls = Array.from({ length: 520 }, (_, index) => ({ url: `https://m${index}.example/f` }))
  const document = writeMetalink4(file({ urls }))
  const found = [...document.matchAll(/<url priority="(\d+)">([^<]*)<\/url>/g)]
  assert.deepEqual(
    found.map(([, priority, url]) => [Number(priority), url]),
    urls.map(({ url }, index) => [index + 1, url]),
  )
})

test('there is no white space in a url, and no markup in a name', () => {
  const name = '<a> & "b"\'s \n.iso'
  const url = `https://m.example/${urlPath(name)}`
  const document = writeMetalink4(file({ name, urls: [{ url, location: 'de' }], origin: `${url}?a=1&meta4` }))
  assert.ok(document.includes('<file name="&lt;a&gt; &amp; &quot;b&quot;&#39;s &#10;.iso">'))
  assert.ok(document.includes('?a=1&amp;meta4</origin>'))
  const [, shown] = /<url location="de" priority="1">([^<]*)<\/url>/.exec(document) ?? []
  assert.equal(shown, url)
  assert.doesNotMatch(shown ?? ' ', /\s/)
})
