import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { entryOf, type MirrorEntry } from '../../../lib/mirrors/list/import/document.js'
import { importMirrors } from '../../../lib/mirrors/list/import/import.js'
import type { ListFormat } from '../../../lib/mirrors/list/import/list-format.js'

function imported(format: ListFormat, text: string): { mirrors: MirrorEntry[]; reasons: string[] } {
  const { mirrors, remarks } = importMirrors(format, [{ file: 'list', text }], { archive: 'Archive' })
  return { mirrors: mirrors.map(entryOf), reasons: remarks.map(({ reason }) => reason) }
}

/** Returns the only mirror of a list. */
function only(format: ListFormat, text: string): MirrorEntry {
  const { mirrors, reasons } = imported(format, text)
  assert.equal(mirrors.length, 1, reasons.join('\n'))
  return mirrors[0] ?? assert.fail()
}

function shown(format: 'mirrorbits' | 'mirrorbrain', fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`)
  return format === 'mirrorbits'
    ? `Name: a\nHttpURL: http://a.example/\n${lines.join('')}`
    : `identifier: a\nbaseurl: http://a.example/\n${lines.join('')}`
}

describe('scores become weights:', () => {
  const scores: readonly (readonly ['mirrorbits' | 'mirrorbrain', string, number | undefined])[] = [
    ['mirrorbits', '0', undefined],
    ['mirrorbits', '50', 150],
    ['mirrorbits', '-50', 50],
    // A score of Mirrorbits never removes all chances of a mirror.
    ['mirrorbits', '-100', 1],
    ['mirrorbits', '-1000', 1],
    ['mirrorbits', 'high', undefined],
    ['mirrorbrain', '100', undefined],
    ['mirrorbrain', '150', 150],
    // MirrorBrain never chooses a score of 0; a weight of 0 is the equivalent.
    ['mirrorbrain', '0', 0],
    ['mirrorbrain', '-5', 0],
    ['mirrorbrain', '', undefined],
  ]
  for (const [format, score, weight] of scores) {
    test(`${format}, ${JSON.stringify(score)}`, () => {
      const key = format === 'mirrorbits' ? 'Score' : 'score'
      assert.equal(only(format, shown(format, { [key]: score })).weight, weight)
    })
  }
})

describe('the narrowest flag says whom a mirror serves:', () => {
  const flags: readonly (readonly ['mirrorbits' | 'mirrorbrain', readonly string[], string | undefined])[] = [
    ['mirrorbits', [], undefined],
    ['mirrorbits', ['ContinentOnly'], 'continent'],
    ['mirrorbits', ['ContinentOnly', 'CountryOnly'], 'country'],
    ['mirrorbits', ['CountryOnly', 'ASOnly'], 'asn'],
    ['mirrorbrain', ['regionOnly'], 'continent'],
    ['mirrorbrain', ['countryOnly', 'regionOnly'], 'country'],
    ['mirrorbrain', ['asOnly', 'prefixOnly'], 'subnet'],
  ]
  for (const [format, names, serves] of flags) {
    test(`${format}, ${names.join(' and ') || 'none'}`, () => {
      const fields = Object.fromEntries(names.map((name) => [name, 'True']))
      assert.equal(only(format, shown(format, fields)).serves, serves)
    })
  }

  test('and one that is not clear leaves the mirror out', () => {
    const { mirrors, reasons } = imported('mirrorbrain', shown('mirrorbrain', { countryOnly: 'Maybe' }))
    assert.deepEqual(mirrors, [])
    assert.deepEqual(reasons, ['it is not clear for which clients it is'])
  })
})

describe('mb list tells its columns by what is in them:', () => {
  const url = 'http://a.example/'
  const rows: readonly (readonly [string, Partial<MirrorEntry>])[] = [
    [`  0 ${url}`, { weight: 0 }],
    ['1500 http://a.example/', { weight: 1500 }],
    [`  224 ${url}`, { asn: [224] }],
    [`64500 ${url}`, { asn: [64500] }],
    [` 50   224 ${url}`, { weight: 50, asn: [224] }],
    [`eu ${url}`, {}],
    [`de ${url}`, { location: 'de' }],
    [`eu de ${url}`, { location: 'de' }],
    [`as as   224 ${url}`, { location: 'as', asn: [224] }],
    [
      `150 de   224 192.0.2.0/24 ${url}`,
      { location: 'de', asn: [224], subnets: ['192.0.2.0/24'], weight: 150 },
    ],
    [`${url} as_only=True nfiles=12`, { serves: 'asn' }],
  ]
  for (const [columns, properties] of rows) {
    for (const name of ['a', 'a-name-that-takes-more-than-thirty-characters']) {
      test(`${name.slice(0, 6)} ${columns}`, () => {
        const mirror = only('mirrorbrain', `${name.padEnd(30)} ${columns}   \n`)
        assert.deepEqual(mirror, { id: name, url, ...properties })
      })
    }
  }
})

test('a table of Mirrorbits without URLs says how to print it with them', () => {
  const { mirrors, reasons } = imported('mirrorbits', 'Identifier \tSTATE\tSINCE\na \t\tup\t(then)\n')
  assert.deepEqual(mirrors, [])
  assert.deepEqual(reasons, [
    'it has no column HTTP; print it by: mirrorbits list -http -rsync -location -score',
  ])
})

test('statements may have several rows', () => {
  const { mirrors, reasons } = imported(
    'mirrorbrain',
    "INSERT INTO public.server (identifier, baseurl) VALUES ('a', 'http://a.example/'),\n ('b', 'http://b.example/');",
  )
  assert.deepEqual(reasons, [])
  assert.deepEqual(
    mirrors.map(({ id }) => id),
    ['a', 'b'],
  )
})

test('what is written mirror by mirror may have hosts of its own for each scheme', () => {
  const lines = (...urls: readonly string[]) => urls.map((url) => `de\t${url}\t\n`).join('')
  const bits = imported(
    'mirrorbits',
    lines(
      'rsync://sync.example/a/',
      'http://a.example/',
      'https://b.example/',
      'rsync://c.example/',
      'http://c.example/',
    ),
  )
  assert.deepEqual(
    bits.mirrors.map(({ id, rsync }) => [id, rsync]),
    [
      ['a.example', 'rsync://sync.example/a/'],
      ['b.example', undefined],
      ['c.example', 'rsync://c.example/'],
    ],
  )
  const brain = imported(
    'mirrorbrain',
    lines('http://a.example/', 'rsync://sync.example/a/', 'http://b.example/', 'ftp://ftp.example/b/'),
  )
  assert.deepEqual(
    brain.mirrors.map(({ id, rsync, urls }) => [id, rsync, urls?.length]),
    [
      ['a.example', 'rsync://sync.example/a/', undefined],
      ['b.example', undefined, 2],
    ],
  )
})

test('YAML that would take the parser without bounds is refused', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['{'.repeat(1000), /^it is not JSON/],
    [`a: ${'{'.repeat(1000)}`, /nested too deeply$/],
    [`a: ${'['.repeat(17)}${']'.repeat(17)}`, /nested too deeply$/],
    ['- '.repeat(1000), /nested too deeply$/],
    ['? '.repeat(1000), /keys that are collections$/],
    ['- &a x\n- *a\n', /has aliases$/],
    [Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''), /indented too far$/],
  ]
  for (const [text, why] of refused) {
    const { mirrors, reasons } = imported('almalinux', text)
    assert.deepEqual(mirrors, [])
    assert.match(reasons.join('\n'), why)
  }
})

test('brackets and stars in texts are no reason to refuse YAML', () => {
  const name = `"[${'['.repeat(30)} *star ? {"`
  const mirror = only(
    'almalinux',
    `name: a.example\naddress: {http: http://a.example/}\nsponsor: ${name}\nnote: >\n  ${'*[ '.repeat(30)}\n`,
  )
  assert.equal(mirror.sponsor?.name, JSON.parse(name))
})

test('an id is made of the host where the name has no letter for one', () => {
  assert.equal(only('mirrorbrain', 'identifier: ***\nbaseurl: http://[2001:db8::1]:8080/\n').id, '2001-db8-1')
  assert.equal(only('mirmon', 'de http://xn--bcher-kva.example/\n').id, 'xn--bcher-kva.example')
})

test('a name of a sponsor is text, and an address in it is left out', () => {
  const sponsor = (name: string) =>
    only('almalinux', JSON.stringify([{ name: 'a', address: { http: 'http://a.example/' }, sponsor: name }]))
      .sponsor
  assert.deepEqual(sponsor('Example\u0007 Hosting\n<ops@a.example>'), { name: 'Example Hosting' })
  assert.equal(sponsor('ops@a.example'), undefined)
  assert.equal(sponsor('x'.repeat(201)), undefined)
})
