import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { urlPath } from '../../../lib/fields/url.js'
import type { MetalinkFile } from '../../../lib/request/representations/metalink.js'
import { writeMetalink3 } from '../../../lib/request/representations/metalink3.js'
import { isXmlText } from '../../../lib/request/representations/xml.js'
import { anyPath } from '../../support/any-path.js'
import { run, unlessInstalled } from '../../support/client.js'
import { allDigests, bytesOf } from '../../support/files.js'
import { temporaryFolder } from '../../support/folder.js'
import { linesOf, planFor } from '../plans.js'

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
      { url: 'http://b.example/disk%201.iso', location: undefined },
      { url: 'ftp://c.example/disk%201.iso' },
    ],
    origin: 'https://o.example/disk%201.iso.metalink',
    ...properties,
  }
}

function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.slice(start, end)).toString('hex')
}

test('the document is laid out as clients need it, line by line', () => {
  assert.equal(
    writeMetalink3(file()),
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" origin="https://o.example/disk%201.iso.metalink" generator="mirrored-by">
  <files>
    <file name="disk 1.iso">
      <size>600000</size>
      <verification>
        <hash type="sha256">${hex(DIGESTS['sha-256'])}</hash>
        <hash type="sha512">${hex(DIGESTS['sha-512'])}</hash>
        <hash type="sha1">${hex(DIGESTS['sha-1'])}</hash>
        <hash type="md5">${hex(DIGESTS.md5)}</hash>
        <pieces length="262144" type="sha256">
          <hash piece="0">${hex(PIECES.sha256, 0, 32)}</hash>
          <hash piece="1">${hex(PIECES.sha256, 32, 64)}</hash>
          <hash piece="2">${hex(PIECES.sha256, 64, 96)}</hash>
        </pieces>
      </verification>
      <resources>
        <url protocol="https" type="https" location="de" preference="100">https://a.example/disk%201.iso</url>
        <url protocol="http" type="http" preference="99">http://b.example/disk%201.iso</url>
        <url protocol="ftp" type="ftp" preference="98">ftp://c.example/disk%201.iso</url>
      </resources>
    </file>
  </files>
</metalink>
`,
  )
})

test('sha256 is the first hash, in the spelling that librepo verifies', () => {
  const { 'sha-512': sha512, 'sha-256': sha256, md5 } = DIGESTS
  const document = writeMetalink3(file({ digests: { 'sha-512': sha512, md5, 'sha-256': sha256 } }))
  assert.deepEqual(
    [...document.matchAll(/<hash type="([^"]+)">/g)].map(([, type]) => type),
    ['sha256', 'sha512', 'md5'],
  )
  assert.doesNotMatch(document, /sha-|blake3|crc32c/)
})

test('the pieces are sha1 for libzypp, numbered from 0', () => {
  const document = writeMetalink3(file({ pieceAlgorithm: 'sha-1' }))
  assert.equal(document.match(/<pieces /g)?.length, 1)
  assert.ok(
    document.includes(
      `        <pieces length="262144" type="sha1">
          <hash piece="0">${hex(PIECES.sha1, 0, 20)}</hash>
          <hash piece="1">${hex(PIECES.sha1, 20, 40)}</hash>
          <hash piece="2">${hex(PIECES.sha1, 40, 60)}</hash>
        </pieces>
`,
    ),
  )
})

test('what there is not is left out', () => {
  assert.equal(
    writeMetalink3({
      name: 'f',
      size: 0,
      digests: {},
      pieces: undefined,
      pieceAlgorithm: 'sha-256',
      urls: [],
    }),
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" generator="mirrored-by">
  <files>
    <file name="f">
      <size>0</size>
      <verification>
      </verification>
      <resources>
      </resources>
    </file>
  </files>
</metalink>
`,
  )
})

test('preferences are 100, 99, 98 … in document order, and never below 1', () => {
  const urls = Array.from({ length: 520 }, (_, index) => ({ url: `https://m${index}.example/f` }))
  const document = writeMetalink3(file({ urls }))
  const found = [...document.matchAll(/<url [^>]*preference="(\d+)">([^<]*)<\/url>/g)]
  assert.deepEqual(
    found.map(([, preference, url]) => [Number(preference), url]),
    urls.map(({ url }, index) => [Math.max(1, 100 - index), url]),
  )
})

test('there is no markup in names and URLs', () => {
  const name = '<a> & "b"\'s \n.iso'
  const url = `https://m.example/${urlPath(name)}`
  const document = writeMetalink3(
    file({ name, urls: [{ url, location: 'de' }], origin: `${url}?a&metalink` }),
  )
  assert.ok(document.includes('<file name="&lt;a&gt; &amp; &quot;b&quot;&#39;s &#10;.iso">'))
  assert.ok(document.includes('?a&amp;metalink" generator='))
  assert.ok(document.includes(` preference="100">${url}</url>`))
})

test('it is found under .metalink and ?metalink alone, with the mirrors and this server last', async () => {
  const [bySuffix, byQuery] = [await planFor({}, '/a.bin.metalink'), await planFor({}, '/a.bin?metalink')]
  assert.deepEqual(bySuffix, byQuery)
  assert.ok(bySuffix.kind === 'document' && typeof bySuffix.body === 'string')
  assert.deepEqual(linesOf(bySuffix, 'Content-Type'), ['application/metalink+xml'])
  assert.deepEqual(linesOf(bySuffix, 'Vary'), ['User-Agent'])
  assert.deepEqual(bySuffix.body.match(/<url.*<\/url>/g), [
    '<url protocol="https" type="https" location="de" preference="100">https://heavy.example/repo/a.bin</url>',
    '<url protocol="http" type="http" preference="99">http://plain.example/a.bin</url>',
    '<url protocol="https" type="https" location="fr" preference="98">https://light.example/repo/a.bin</url>',
    '<url protocol="http" type="http" preference="97">http://origin.example/a.bin</url>',
  ])
  assert.match(bySuffix.body, / origin="http:\/\/origin\.example\/a\.bin\.metalink" /)
  const file = await planFor({}, '/a.bin', { accept: 'application/metalink+xml' })
  assert.equal(file.kind, 'decorate')
  assert.ok(!linesOf(file, 'Link').some((link) => link.includes('application/metalink+xml')))
})

test('libzypp gets sha1 pieces', async () => {
  const plan = await planFor({}, '/a.bin.metalink', { 'user-agent': 'ZYpp 17.31' })
  assert.ok(plan.kind === 'document' && typeof plan.body === 'string')
  assert.match(plan.body, /<pieces length="262144" type="sha1">/)
})

/** Reads documents from a JSON file, parses each, and prints its values as a line of JSON. */
const PARSER = `
import json, sys, xml.etree.ElementTree as tree
n = '{http://www.metalinker.org/}'
for document in json.load(open(sys.argv[1])):
    root = tree.fromstring(document.encode())
    assert root.tag == n + 'metalink' and root.get('version') == '3.0'
    file = root.find(n + 'files/' + n + 'file')
    urls = [u.text for u in file.findall(n + 'resources/' + n + 'url')]
    hashes = [h.get('type') for h in file.findall(n + 'verification/' + n + 'hash')]
    pieces = [h.get('piece') for h in file.findall(n + 'verification/' + n + 'pieces/' + n + 'hash')]
    print(json.dumps([file.get('name'), root.get('origin'), urls, hashes, pieces]))
`

test('a parser reads back every name and URL that XML can hold', {
  skip: unlessInstalled('python3'),
}, async (context) => {
  const names = fc
    .sample(fc.oneof(anyPath, fc.string({ unit: 'grapheme' })), { numRuns: 300, seed: 1 })
    .filter((name) => name !== '' && isXmlText(name))
  assert.ok(names.length > 100)
  const documents = names.map((name) =>
    writeMetalink3(file({ name, urls: [{ url: `x:${name}`, location: 'de' }], origin: name })),
  )
  const path = join(temporaryFolder(context), 'documents.json')
  writeFileSync(path, JSON.stringify(documents))
  const { status, stdout, stderr } = await run('python3', ['-c', PARSER, path])
  assert.equal(status, 0, stderr)
  const read = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    read,
    names.map((name) => [name, name, [`x:${name}`], ['sha256', 'sha512', 'sha1', 'md5'], ['0', '1', '2']]),
  )
})
