import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCarries } from '../../lib/mirrors/paths.js'

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
