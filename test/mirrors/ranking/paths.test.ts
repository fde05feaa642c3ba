import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createCarries, createDepthOf, isGlob } from '../../../lib/mirrors/ranking/paths.js'

test('a mirror without paths carries everything', () => {
  assert.equal(createCarries([]), undefined)
  assert.equal(createCarries(['**']), undefined)
})

type Row = readonly [globs: readonly string[], carried: readonly string[], notCarried: readonly string[]]

const TABLE: readonly Row[] = [
  [['iso/**'], ['iso/a', 'iso/b/c', 'iso/new\nline', 'iso/.hidden'], ['a', 'isos/a', 'x/iso/a']],
  [['/iso/**'], ['iso/a'], ['x/iso/a']],
  [['*.iso'], ['a.iso'], ['x/a.iso', 'a.img']],
  [['**/*.iso'], ['a.iso', 'x/a.iso', 'x/y/a.iso'], ['a.img']],
  [
    ['iso/**', 'img/**'],
    ['iso/a', 'img/a'],
    ['a', 'doc/a'],
  ],
  [
    ['**', '!archive/**'],
    ['a', 'b/archive/c', 'new\nline'],
    ['archive/a', 'archive/b/c', 'archive/new\nline'],
  ],
  [['!archive/**'], ['a', 'b/c'], ['archive/a', 'archive/b/c']],
  [
    ['!archive/**', 'archive/2024/**'],
    ['a', 'archive/2024/x'],
    ['archive/a', 'archive/2023/x'],
  ],
  [
    ['**', '!archive/**', 'archive/2024/**', '!**/*.img'],
    ['archive/2024/x'],
    ['archive/2024/x.img', 'a.img'],
  ],
  [['iso/**', '!iso/old/**'], ['iso/a'], ['iso/old/a', 'a']],
  [['!/archive/**'], ['a'], ['archive/a']],
  [['{a,b}/**'], ['a/1', 'b/2'], ['c/3']],
]

for (const [globs, carried, notCarried] of TABLE) {
  test(`a mirror of ${JSON.stringify(globs)} carries what the last glob that matches says`, () => {
    const carries = createCarries(globs)
    assert.ok(carries)
    for (const path of carried) assert.equal(carries(path), true, `${JSON.stringify(path)} is not carried`)
    for (const path of notCarried) assert.equal(carries(path), false, `${JSON.stringify(path)} is carried`)
  })
}

describe('a text', () => {
  for (const text of [
    '**',
    '*',
    'a',
    '/a',
    '!a',
    '!/a/**',
    'a b',
    '[',
    '{a',
    '(',
    '\\',
    '"',
    ' ',
    '!!',
    '//',
  ])
    test(`is a glob: ${JSON.stringify(text)}`, () => assert.equal(isGlob(text), true))
  for (const text of ['', '!', '/', '!/', 'a'.repeat(100_000)])
    test(`is no glob: ${JSON.stringify(text.slice(0, 20))}`, () => assert.equal(isGlob(text), false))
})

describe('depth', () => {
  type Depths = Readonly<Record<string, number>>
  const table: readonly (readonly [globs: readonly string[], depths: Depths])[] = [
    // On a full mirror, all segments of every path count.
    [[], { a: 1, 'iso/a': 2, 'iso/x/y/a': 4 }],
    [['**'], { a: 1, 'iso/a': 2, 'iso/x/y/a': 4 }],
    [['/**'], { a: 1, 'iso/a': 2 }],
    // On a mirror with one folder: 1 for everything in the file's folder, 2 with the folder above.
    [['iso/**'], { 'iso/a': 1, 'iso/x/a': 2, 'iso/x/y/a': 3 }],
    [['/iso/**'], { 'iso/a': 1, 'iso/x/a': 2 }],
    [['iso/**', '**/z'], { 'iso/z': 1, 'isos/z': 0 }],
    [['!iso/**'], { 'isos/a': 1, 'is/a': 1 }],
    [['iso/x/**'], { 'iso/x/a': 1, 'iso/x/y/a': 2 }],
    [['iso/**', 'img/**'], { 'iso/a': 1, 'img/x/a': 2 }],
    [['iso/x/**', 'iso/**'], { 'iso/x/a': 2, 'iso/a': 1 }],
    [['my isos/ü/**'], { 'my isos/ü/a': 1, 'my isos/ü/x/a': 2 }],
    [['**', 'iso/**'], { 'iso/a': 2, a: 1 }],
    // Folders above an exclusion are not whole.
    [['**', '!archive/**'], { a: 0, 'iso/a': 1, 'iso/x/a': 2 }],
    [['!archive/**'], { a: 0, 'iso/a': 1, 'iso/x/a': 2 }],
    [['!iso/old/**'], { a: 0, 'iso/a': 0, 'iso/new/a': 1, 'iso/new/x/a': 2, 'img/a': 1 }],
    [['iso/**', '!iso/old/**'], { 'iso/a': 0, 'iso/new/a': 1, 'iso/new/x/a': 2 }],
    [['!iso/a'], { 'iso/b': 0, 'iso/x/b': 1, 'img/b': 1 }],
    [['!iso/*.img'], { 'iso/b': 0, 'iso/x/b': 0, 'img/b': 1 }],
    [['**', '!**/*.img'], { a: 0, 'iso/a': 0 }],
    // A later glob makes a folder whole again.
    [['!archive/**', 'archive/2024/**'], { 'archive/2024/a': 1, 'archive/2024/x/a': 2, 'iso/a': 1, a: 0 }],
    [['!archive/**', '**'], { 'archive/a': 2, a: 1 }],
    [['!**/*.img', 'iso/**'], { 'iso/x/a': 2, 'img/a': 0 }],
    [['!archive/**', 'archive/*'], { 'archive/a': 0 }],
    // A glob that is more than a folder's name makes no folder whole.
    [['*'], { a: 0 }],
    [['*.iso'], { 'a.iso': 0 }],
    [['**/*.iso'], { 'a.iso': 0, 'x/a.iso': 0 }],
    [['iso/*'], { 'iso/a': 0 }],
    [['iso/a'], { 'iso/a': 0 }],
    [['iso**'], { 'iso/a': 0 }],
    [['iso/**/*'], { 'iso/a': 0 }],
    [['iso/**/**'], { 'iso/a': 0 }],
    [['**/iso/**'], { 'iso/a': 0 }],
    [['{a,b}/**'], { 'a/1': 0 }],
    [['[ab]/**'], { 'a/1': 0 }],
    [['i?o/**'], { 'iso/a': 0 }],
    [['iso/**', '*.iso'], { 'iso/a': 1, 'a.iso': 0 }],
    // Names with characters that picomatch treats specially.
    [['a"b/**', '**/z'], { 'a"b/z': 0 }],
    [['./iso/**', '**/z'], { './iso/z': 0, 'iso/z': 0 }],
    [['iso//**', '**/z'], { 'iso//z': 0, 'iso/z': 0 }],
    [['//**', '**/z'], { z: 0, 'iso/z': 0 }],
  ]
  for (const [globs, depths] of table) {
    test(`of a mirror of ${JSON.stringify(globs)} goes as far up as it has everything`, () => {
      const depthOf = createDepthOf(globs)
      for (const [path, depth] of Object.entries(depths)) assert.equal(depthOf(path), depth, path)
    })
  }

  const part = fc.constantFrom(
    'iso',
    'old',
    'x',
    'a.iso',
    'b.img',
    '.hidden',
    'new\nline',
    'a b',
    'ü',
    '*',
    'a"b',
    '!a',
  )
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
  const globPart = fc.oneof(
    { weight: 5, arbitrary: part },
    { weight: 5, arbitrary: fc.constantFrom('**', '**', '*') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('*.iso', '{iso,old}', '[io]*', '', '.', '..', '"iso"', '?so', '\\*'),
    },
    { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 4 }) },
  )
  const glob = fc
    .tuple(
      fc.constantFrom('', '', '!', '/', '!/'),
      fc.array(globPart, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    )
    .map(([sign, parts, whole]) => `${sign}${parts.join('/')}${whole ? '/**' : ''}`)
    .filter(isGlob)
  const globs = fc.array(glob, { maxLength: 4 })

  test('is never said of a folder that is not carried whole', () => {
    let said = 0
    fc.assert(
      fc.property(globs, path, fc.array(path, { minLength: 20, maxLength: 20 }), (all, file, others) => {
        const depth = createDepthOf(all)(file)
        const parts = file.split('/')
        assert.ok(Number.isInteger(depth) && depth >= 0 && depth <= parts.length)
        if (depth === 0) return
        said += 1
        const carries = createCarries(all)
        if (carries === undefined) return
        // Test the whole folder with made-up paths below it, and with paths that match the globs.
        const folder = parts.slice(0, parts.length - depth)
        const below = [...others, ...all.map((one) => one.replace(/^!?\/?/, ''))]
        for (const other of [...below, file]) {
          for (const candidate of [[...folder, other].join('/'), other]) {
            if (!candidate.startsWith([...folder, ''].join('/'))) continue
            if (candidate.split('/').some((one) => one === '' || one === '.' || one === '..')) continue
            assert.ok(carries(candidate), `${JSON.stringify(candidate)} is not carried`)
          }
        }
      }),
      { numRuns: 4000 },
    )
    assert.ok(said > 400, `depth was said ${said} times`)
  })

  test('is said of everything in a folder wherever the globs are that of its whole, and no others', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
      .filter((text) => /^[\p{L}\p{N} ._-]+$/u.test(text) && !/^\.{1,2}$/.test(text))
    const names = fc.array(name, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(names, names, (folder, rest) => {
        const top = folder.join('/')
        const file = [...folder, ...rest].join('/')
        assert.equal(createCarries([`${top}/**`])?.(file), true)
        assert.equal(createDepthOf([`${top}/**`])(file), rest.length)
        assert.equal(createDepthOf([`!${top}/**`, `/${top}/**`])(file), rest.length)
      }),
    )
  })
})
