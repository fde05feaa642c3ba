import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as v from 'valibot'
import { escapeUnprintable } from '../../../lib/message-text.js'
import { entryOf, mirrorsFile } from '../../../lib/mirrors/list/import/document.js'
import { importMirrors } from '../../../lib/mirrors/list/import/import.js'
import { LIST_FORMATS, type ListFormat } from '../../../lib/mirrors/list/import/list-format.js'
import { mirrorListSchema, mirrorsFileSchema } from '../../../lib/mirrors/list/schema.js'
import { validateYaml } from '../../../lib/validation.js'
import { CASES, listText } from './lists.js'

/** Imports a text, and asserts what must hold for any text. */
function assertSound(format: ListFormat, text: string): void {
  const { mirrors, remarks } = importMirrors(format, [{ file: 'list', text }], { archive: 'Archive' })
  const checked = v.safeParse(mirrorListSchema, mirrors.map(entryOf))
  assert.ok(checked.success, 'it is a list of mirrors')
  assert.deepEqual(checked.output, mirrors, 'it is the same when it is read back')
  const file = mirrorsFile(mirrors, ['comment'])
  assert.deepEqual(validateYaml(mirrorsFileSchema, file, 'list', 'ERR_MIRRORS_FILE').mirrors, mirrors)
  assert.doesNotMatch(file, /(?!\n)\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u, 'a terminal shows it')
  for (const { reason, name = '' } of remarks) {
    assert.doesNotMatch(
      escapeUnprintable(name) + escapeUnprintable(reason),
      /\p{Cc}|\p{Cf}|\p{Cs}|\p{Zl}|\p{Zp}/u,
    )
  }
}

/** Words of real lists, and some hostile words. */
const words = fc.constantFrom(
  ...[
    'Site:',
    'Country:',
    'Archive-http:',
    'Archive-rsync:',
    'Sponsor:',
    '/debian/',
    'DE Germany',
    'uk',
    'de',
  ],
  ...['name:', 'address:', 'https:', 'geolocation:', 'private:', 'asn:', 'subnets:', 'yes', '- ', '---\n'],
  ...['{', '}', '[', ']', '"', "'", ':', ',', '|', '>', '&a', '*a', '!!str', '? ', '#', '%', '\\', '<<:'],
  ...[
    'HttpURL:',
    'Name:',
    'Identifier ',
    'HTTP ',
    'RSYNC ',
    'LOCATION ',
    'Score:',
    'CountryCodes:',
    'Comment:',
  ],
  ...['identifier : ', 'baseurl : ', 'score : ', 'INSERT INTO server (', ') VALUES (', ');', '$QUOTE$', '$$'],
  ...[
    'identifier',
    'baseurl',
    'country',
    'region_only=True',
    '192.0.2.0/24',
    '2001:db8::/32',
    '64500',
    'AS1',
  ],
  ...[
    'https://a.example/',
    'http://a.example',
    'ftp://b.example/',
    'rsync://a.example/x',
    'http://u:p@c.example/',
  ],
  ...[
    'http://[::1]/',
    'https://%00/',
    'http://é.example/',
    'a@b.example',
    '\t',
    '\n',
    '\n\n',
    '\r\n',
    ' ',
    '  ',
  ],
  ...[
    '\u0000',
    '\u001b[2J',
    '\u202e',
    '\u2028',
    '\ufeff',
    '\ud800',
    '1e999',
    '-0',
    'None',
    'NULL',
    '__proto__',
  ],
)

describe('any text is taken without harm', () => {
  for (const format of LIST_FORMATS) {
    test(`as ${format}: of any characters`, () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => assertSound(format, text)),
        { numRuns: 200 },
      )
    })

    test(`as ${format}: of the words of lists`, () => {
      const texts = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(''))
      fc.assert(
        fc.property(texts, (text) => assertSound(format, text)),
        { numRuns: 500 },
      )
    })
  }

  for (const { format, list } of CASES.filter(({ list }) => list !== 'almalinux/mirrors.d')) {
    test(`and ${list} with pieces cut out and put in`, () => {
      const text = listText(list)
      const place = fc.nat(text.length)
      const edits = fc.array(fc.tuple(place, fc.nat(20), fc.oneof(words, fc.string({ unit: 'binary' }))), {
        minLength: 1,
        maxLength: 8,
      })
      fc.assert(
        fc.property(edits, (cuts) => {
          const edited = cuts.reduce(
            (before, [at, length, piece]) => before.slice(0, at) + piece + before.slice(at + length),
            text,
          )
          for (const other of [format, 'mirmon'] as const) assertSound(other, edited)
        }),
        { numRuns: 60 },
      )
    })
  }

  test('and JSON with values of any kind', () => {
    const value = fc.oneof(
      fc.constantFrom(null, true, 0, -1, 1e308, '', 'yes', 'AS64500', [], {}, { toString: 1 }, [[1], 'x']),
      fc.jsonValue({ maxDepth: 2 }),
    )
    const entry = fc.record(
      {
        name: fc.oneof(fc.constant('a.example'), fc.string({ unit: 'binary' }), value),
        address: fc.oneof(
          fc.record({ https: fc.oneof(fc.webUrl(), value), rsync: value, ftp: value }, { requiredKeys: [] }),
          value,
        ),
        geolocation: fc.oneof(fc.record({ country: value, coordinates: value, approximate: value }), value),
        ...{ asn: value, subnets: value, private: value, sponsor: value, sponsor_url: value },
        ...{ cloud_type: value, monopoly: value },
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), (entries) =>
        assertSound('almalinux', JSON.stringify(entries)),
      ),
      { numRuns: 300 },
    )
  })
})

describe('a large text takes no more than seconds', () => {
  const LENGTH = 250_000
  const pieces = {
    'nested YAML lists': '[',
    'nested YAML maps': '{',
    'nested YAML keys': '? ',
    'nested YAML items': '- ',
    'YAML aliases': '- &a x\n- *a\n',
    'YAML keys of the same name': 'a: b\n',
    'mirrors of Mirrorbits that are no YAML': 'HttpURL: [{\n',
    'statements without an end': "INSERT INTO server (a) VALUES ('",
    'statements in dollars': 'INSERT INTO server (a) VALUES ($x$',
    'mirrors of one host': 'de http://a.example/ a\n',
    'entries of one site': 'Site: a.example\nArchive-http: /\n\n',
    'fields without a value': 'a:\n ',
    spaces: ' ',
    quotes: "'",
    at: '@',
    slashes: '/',
    letters: 'a',
  }
  for (const [what, piece] of Object.entries(pieces)) {
    test(what, () => {
      const text = piece.repeat(LENGTH / piece.length)
      for (const format of LIST_FORMATS) {
        const { user } = process.cpuUsage()
        importMirrors(format, [{ file: 'list', text }], { archive: 'Archive' })
        const seconds = (process.cpuUsage().user - user) / 1e6
        assert.ok(seconds < 10, `${format}: ${seconds} s`)
      }
    })
  }
})
