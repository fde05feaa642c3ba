import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeMetalink4 } from '../../../lib/request/representations/metalink4.js'
import { escapeXml, isXmlText } from '../../../lib/request/representations/xml.js'
import { anyPath } from '../../support/any-path.js'
import { run, unlessInstalled } from '../../support/client.js'
import { temporaryFolder } from '../../support/folder.js'

test('markup and quotes are escaped, and white space that a parser would change', () => {
  assert.equal(
    escapeXml(`<a b="c" d='e'>&amp;</a>`),
    '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;&lt;/a&gt;',
  )
  assert.equal(escapeXml('a\tb\nc\rd e'), 'a&#9;b&#10;c&#13;d e')
  assert.equal(escapeXml(']]>'), ']]&gt;')
  assert.equal(escapeXml('ünï 日本 😀'), 'ünï 日本 😀')
  assert.equal(escapeXml(''), '')
})

/** Unescapes XML by §4.1 and §4.6 of XML 1.0. Independent of the code under test. */
function unescapeXml(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replace(/&(?:#(\d+)|([a-z]+));/g, (_, code?: string, name?: string) =>
    code === undefined
      ? (named[name ?? ''] ?? assert.fail(`no entity ${name}`))
      : String.fromCodePoint(Number(code)),
  )
}

test('whatever is escaped holds no markup, and comes back as it was', () => {
  const text = fc.oneof(anyPath, fc.string({ unit: 'binary' }), fc.string())
  fc.assert(
    fc.property(text, (raw) => {
      const escaped = escapeXml(raw)
      assert.doesNotMatch(escaped, /[<>"'\t\n\r]/)
      assert.doesNotMatch(escaped, /&(?!(?:#\d+|[a-z]+);)/)
      assert.equal(unescapeXml(escaped), raw)
    }),
  )
})

const CHARACTERS: readonly (readonly [text: string, fits: boolean])[] = [
  ['', true],
  ['plain', true],
  ['\t\n\r ', true],
  ['\u007f\u0085\u2028', true],
  ['\ud7ff\ue000\ufffd', true],
  ['😀\u{10ffff}', true],
  ['\0', false],
  ['a\u0001', false],
  ['\u0008', false],
  ['\u000b', false],
  ['\u000c', false],
  ['\u001f', false],
  ['\ud800', false],
  ['\udc00', false],
  ['\udc00\ud800', false],
  ['\ufffe', false],
  ['\uffff', false],
]

for (const [text, fits] of CHARACTERS) {
  test(`XML ${fits ? 'holds' : 'does not hold'} ${JSON.stringify(text)} (XML 1.0 §2.2)`, () => {
    assert.equal(isXmlText(text), fits)
  })
}

/** Reads documents from a JSON file, parses each, and prints its values as a line of JSON. */
const PARSER = `
import json, sys, xml.etree.ElementTree as tree
n = '{urn:ietf:params:xml:ns:metalink}'
for document in json.load(open(sys.argv[1])):
    root = tree.fromstring(document.encode())
    file = root.find(n + 'file')
    print(json.dumps([file.get('name'), root.findtext(n + 'origin'), [u.text for u in file.findall(n + 'url')]]))
`

test('a parser reads back every name and URL that XML can hold', {
  skip: unlessInstalled('python3'),
}, async (context) => {
  const names = fc
    .sample(fc.oneof(anyPath, fc.string({ unit: 'grapheme' })), { numRuns: 300, seed: 1 })
    .filter((name) => name !== '' && isXmlText(name))
  assert.ok(names.length > 100)
  const documents = names.map((name) =>
    writeMetalink4({
      name,
      size: 1,
      digests: {},
      pieces: undefined,
      pieceAlgorithm: 'sha-256',
      urls: [{ url: name, location: 'de' }],
      origin: name,
    }),
  )
  const file = join(temporaryFolder(context), 'documents.json')
  writeFileSync(file, JSON.stringify(documents))
  const { status, stdout, stderr } = await run('python3', ['-c', PARSER, file])
  assert.equal(status, 0, stderr)
  const read = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    read,
    names.map((name) => [name, name, [name]]),
  )
})
