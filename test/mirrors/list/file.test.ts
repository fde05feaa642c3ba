import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MirroredByError } from '../../../lib/errors.js'
import { mirrorsFileSchema } from '../../../lib/mirrors/list/schema.js'
import { validateYamlFile } from '../../../lib/validation.js'
import { temporaryFolder } from '../../support/folder.js'
import { mirror } from '../../support/mirrors.js'

function fileWith(context: TestContext, lines: readonly string[]): string {
  const file = join(temporaryFolder(context), 'mirrors.yaml')
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  return file
}

function read(file: string) {
  return validateYamlFile(mirrorsFileSchema, file, 'ERR_MIRRORS_FILE').mirrors
}

function refusal(file: string): string {
  try {
    read(file)
  } catch (error) {
    assert.ok(error instanceof MirroredByError)
    assert.equal(error.code, 'ERR_MIRRORS_FILE')
    return error.message
  }
  return assert.fail('the file is taken')
}

test('a good file is read', (context) => {
  const file = fileWith(context, [
    '# our mirrors',
    'mirrors:',
    '  - id: a',
    '    url: https://a.example/repo/',
    '  - { id: b, url: "https://b.example/repo/", weight: 5, location: DE }',
  ])
  assert.deepEqual(read(file), [mirror('a'), mirror('b', { weight: 5, location: 'de' })])
})

const GOOD = ['mirrors:', '  - id: a', '    url: https://a.example/']

const BAD_FILES: readonly (readonly [what: string, lines: readonly string[], mistakes: readonly string[]])[] =
  [
    [
      'a bad value',
      [...GOOD, '    weight: heavy'],
      ['4:5: mirrors[0].weight: must be a number, 0 or greater'],
    ],
    [
      'an unknown key',
      [...GOOD, '    wieght: 5'],
      ['4:5: mirrors[0]: unknown key "wieght"; did you mean "weight"?'],
    ],
    [
      'an unknown key at the top',
      ['mirrors: []', 'mirror: []'],
      ['2:1: unknown key "mirror"; did you mean "mirrors"?'],
    ],
    ['no id', ['mirrors:', '  - url: https://a.example/'], ['2:5: mirrors[0].id: is missing']],
    [
      'an id that comes again',
      [...GOOD, '  - url: https://b.example/', '    id: a'],
      ['5:5: mirrors[1].id: the id "a" is taken by the mirror at 0; ids must be unique'],
    ],
    [
      'a URL without a scheme',
      [...GOOD, '  - id: b', '    url: b.example'],
      [
        '5:5: mirrors[1].url: "b.example" is not an absolute URL; it begins with https:// or http:// or ftp://',
      ],
    ],
    [
      'a bad entry of a list',
      [...GOOD, '    excludes:', '      - de', '      - uk'],
      ['6:9: mirrors[0].excludes[1]: "uk" is no country of ISO 3166-1; the United Kingdom is "gb"'],
    ],
    [
      'a subnet that is not written out',
      [...GOOD, '    subnets:', '      - 192.0.2.0/24', '      - 192.168.1.7/24'],
      ['6:9: mirrors[0].subnets[1]: "192.168.1.7/24" has bits set beyond its prefix; write 192.168.1.0/24'],
    ],
    [
      'a number beyond those of autonomous systems',
      [...GOOD, '    asn: [64500, 4294967296]'],
      ['4:18: mirrors[0].asn[1]: must be a whole number from 1 to 4294967295'],
    ],
    [
      'coordinates beyond the date line',
      [...GOOD, '    coordinates: [50.11, 188.68]'],
      ['4:26: mirrors[0].coordinates[1]: must be degrees from -180 to 180'],
    ],
    [
      'another country that does not exist',
      [...GOOD, '    countries: [at, xx]'],
      ['4:21: mirrors[0].countries[1]: "xx" is no country of ISO 3166-1'],
    ],
    [
      'an unknown family',
      [...GOOD, '    family: ipv5'],
      ['4:5: mirrors[0].family: must be one of ipv4, ipv6'],
    ],
    ['an empty glob', [...GOOD, "    paths: ['**', '!']"], ['4:19: mirrors[0].paths[1]: "!" is no glob']],
    [
      'a country in capital letters that does not exist',
      [...GOOD, '    location: UK', '    countries: [XX, Zz]'],
      [
        '4:5: mirrors[0].location: "UK" is no country of ISO 3166-1; the United Kingdom is "gb"',
        '5:17: mirrors[0].countries[0]: "XX" is no country of ISO 3166-1',
        '5:21: mirrors[0].countries[1]: "Zz" is no country of ISO 3166-1',
      ],
    ],
    ...[
      ['URL', 'url'],
      ['Urls', 'urls'],
      ['wegiht', 'weight'],
      ['max-age', 'maxAge'],
      ['lokation', 'location'],
      ['subnet', 'subnets'],
      ['co-ordinates', 'coordinates'],
    ].map(
      ([key, meant]) =>
        [
          `the key ${key}`,
          [...GOOD, `    ${key}: 5`],
          [`4:5: mirrors[0]: unknown key "${key}"; did you mean "${meant}"?`],
        ] as const,
    ),
    ['a key unlike any other', [...GOOD, '    bandwidth: 5'], ['4:5: mirrors[0]: unknown key "bandwidth"']],
    [
      'mistakes in another order than that of the keys',
      ['mirrors:', '  - wieght: 1', '    weight: x', '    private: 5', '    id: a b', '    url: b.example'],
      [
        '2:5: mirrors[0]: unknown key "wieght"; did you mean "weight"?',
        '3:5: mirrors[0].weight: must be a number, 0 or greater',
        '4:5: mirrors[0].private: must be true or false',
        '5:5: mirrors[0].id: must consist of letters, digits, ".", "_" and "-"',
        '6:5: mirrors[0].url: "b.example" is not an absolute URL; it begins with https:// or http:// or ftp://',
      ],
    ],
    [
      'several mistakes',
      ['mirrors:', '  - id: a b', '    url: https://a.example/', '    private: 5'],
      [
        '2:5: mirrors[0].id: must consist of letters, digits, ".", "_" and "-"',
        '4:5: mirrors[0].private: must be true or false',
      ],
    ],
    ['a list alone', ['- id: a'], ['1:1: must be a mapping with the key "mirrors"']],
    ['a text alone', ['mirrors'], ['1:1: must be a mapping with the key "mirrors"']],
    [
      'a mapping of mirrors',
      ['mirrors:', '  a: https://a.example/'],
      ['1:1: mirrors: must be a list of mirrors'],
    ],
    ['nothing below the key', ['mirrors:'], ['1:1: mirrors: must be a list of mirrors']],
    ['nothing at all', [], ['1:1: must be a mapping with the key "mirrors"']],
    ['comments alone', ['# nothing yet'], ['1:1: must be a mapping with the key "mirrors"']],
  ]

for (const [what, lines, mistakes] of BAD_FILES) {
  test(`a file with ${what} is refused by file, line and column`, (context) => {
    const file = fileWith(context, lines)
    assert.deepEqual(
      refusal(file).split('\n'),
      mistakes.map((mistake) => `${file}:${mistake}`),
    )
  })
}

for (const [what, lines, place] of [
  ['a list that is not closed', ['mirrors: [', '  a'], /:\d+:\d+: not YAML: /],
  ['a tab for indentation', ['mirrors:', '\t- id: a'], /:2:\d+: not YAML: /],
  ['a key twice', ['mirrors: []', 'mirrors: []'], /:2:1: not YAML: /],
  ['a quote that is not closed', ['mirrors: "a'], /:\d+:\d+: not YAML: /],
] as const) {
  test(`a file with ${what} is not YAML, and refused by its place`, (context) => {
    const file = fileWith(context, lines)
    const message = refusal(file)
    assert.ok(message.startsWith(file), message)
    assert.match(message.slice(file.length), place)
    assert.doesNotMatch(message, /\n\s/, 'one line for each mistake')
  })
}

test('of thousands of mistakes, the first twenty are named, and the others counted', (context) => {
  const entries = Array.from({ length: 10_000 }, (_, index) => `  - id: m${index}`)
  const file = fileWith(context, ['mirrors:', ...entries])
  const lines = refusal(file).split('\n')
  assert.equal(lines.length, 21)
  assert.match(lines[0] ?? '', /:2:5: mirrors\[0\]: must have either a url or a list of urls$/)
  assert.match(lines[19] ?? '', /:21:5: mirrors\[19\]: /)
  assert.equal(lines[20], `${file}: and 9980 more mistakes`)
})

test('a value of a megabyte is cut short in the message', (context) => {
  const long = 'x'.repeat(1_000_000)
  for (const line of [`    location: ${long}`, `    rsync: ${long}`, `    paths: ["!${long}", "!"]`]) {
    const file = fileWith(context, [...GOOD, line])
    const message = refusal(file)
    assert.ok(message.length < 2000, `${message.length} characters`)
  }
})

for (const [what, lines] of [
  [
    'aliases that multiply their content',
    [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefghi'].map((name, index) => {
        const before = `*${'abcdefghi'[index]}`
        return `${name}: &${name} [${Array(10).fill(before).join(', ')}]`
      }),
      'mirrors: *i',
    ],
  ],
  ['an alias without an anchor', ['mirrors: *nothing']],
  ['a hundred thousand levels', [`mirrors: ${'['.repeat(100_000)}`]],
] as const) {
  test(`a file with ${what} is refused by its name and its code`, (context) => {
    const file = fileWith(context, lines)
    assert.ok(refusal(file).startsWith(`${file}:`), refusal(file))
  })
}

test('a file that is not there is refused by its name', (context) => {
  const file = join(temporaryFolder(context), 'mirrors.yaml')
  assert.match(refusal(file), /^cannot read .*mirrors\.yaml: ENOENT/)
  assert.ok(refusal(file).includes(file))
})

test('a folder is no file', (context) => {
  const folder = join(temporaryFolder(context), 'mirrors.yaml')
  mkdirSync(folder)
  assert.match(refusal(folder), /^cannot read .*mirrors\.yaml: EISDIR/)
})
