import assert from 'node:assert/strict'
import { sep } from 'node:path'
import { test } from 'node:test'
import {
  createPathFilter,
  ignoredGlobs,
  includesWholePath,
  isWithin,
  joinPath,
  PUBLISHED_DOTFILES,
  splitPath,
} from '../lib/paths.js'

const everything = createPathFilter([])

const INCLUDED = [
  'file',
  'disk 1.iso',
  'folder/file.tar.gz',
  'a.b',
  'part',
  'tmp',
  'download',
  'x.parts',
  'x.partial.zip',
  'file.part.iso',
  'new\nline',
  'tab\t',
  'ünïcödé',
  '日本語/😀',
  '%2e',
  '~',
  '#',
  '?',
  '"<>&\'',
]

for (const path of INCLUDED) {
  test(`${JSON.stringify(path)} belongs to the repository`, () => {
    assert.equal(everything(path), true)
  })
}

test('a name with a backslash belongs to the repository, unless a backslash separates folders', () => {
  assert.equal(everything('back\\slash'), sep === '/')
})

const LEFT_OUT: readonly (readonly [path: string, because: string])[] = [
  ['.hidden', 'is a dotfile'],
  ['folder/.hidden', 'is a dotfile'],
  ['.git', 'is a dot folder'],
  ['.disk.iso.Xa81Bc', "is rsync's temporary file"],
  ['.~tmp~', "is rsync's folder of delayed updates"],
  ['disk.iso.aria2', "is aria2's control file"],
  ['disk.iso.aria2__temp', "is aria2's control file, being written"],
  ['disk.iso.part', "is curl's, lftp's or Firefox' temporary file"],
  ['disk.iso.partial', 'is a temporary file'],
  ['disk.iso.crdownload', "is Chrome's temporary file"],
  ['disk.iso.opdownload', "is Opera's temporary file"],
  ['disk.iso.download', "is Safari's temporary file"],
  ['disk.iso.filepart', "is WinSCP's temporary file"],
  ['disk.iso.tmp', 'is a temporary file'],
  ['not\ufffdutf-8', 'has a name that is not UTF-8'],
]

for (const [path, because] of LEFT_OUT) {
  test(`${JSON.stringify(path)} is left out, for it ${because}`, () => {
    assert.equal(everything(path), false)
  })
}

const IGNORED: readonly (readonly [glob: string, ignored: readonly string[], kept: readonly string[]])[] = [
  ['*.log', ['a.log', 'x/y/b.log', 'new\nline.log'], ['a.log.gz', 'log', 'a.log/file']],
  ['secret', ['secret', 'x/secret'], ['secrets', 'x/secret.txt', 'secret/file']],
  ['private/*', ['private/a', 'private/b.c'], ['private', 'x/private/a', 'private/a/b']],
  ['private/**', ['private', 'private/a', 'private/a/b', 'private/a\nb'], ['x/private/a', 'privates']],
  ['/top.txt', ['top.txt'], ['x/top.txt']],
  ['**/cache/**', ['cache/a', 'x/cache/a', 'x/y/cache/a/b\nc'], ['caches/a']],
  ['build/', ['build'], ['x/build']],
  ['*.{zip,rar}', ['a.zip', 'b/c.rar'], ['a.tar']],
  ['[ab]?', ['a1', 'x/b2'], ['c1', 'a']],
]

for (const [glob, ignored, kept] of IGNORED) {
  test(`the glob ${glob} ignores what it matches and nothing else`, () => {
    const includes = createPathFilter([glob])
    for (const path of ignored) assert.equal(includes(path), false, `${JSON.stringify(path)} is not ignored`)
    for (const path of kept) assert.equal(includes(path), true, `${JSON.stringify(path)} is ignored`)
  })
}

const PUBLISHED = createPathFilter(ignoredGlobs({ hidden: PUBLISHED_DOTFILES, ignore: [] }))

for (const path of [
  '.treeinfo',
  '40/Server/x86_64/os/.treeinfo',
  'os/.discinfo',
  'compose/.composeinfo',
  '.disk/info',
  '.well-known/security.txt',
  'sub/.well-known/acme-challenge/token',
]) {
  test(`${path} belongs to the repository by default`, () => assert.ok(includesWholePath(PUBLISHED, path)))
}

for (const path of [
  '.git/config',
  'x/.git/HEAD',
  '.gitignore',
  '.htaccess',
  '.htpasswd',
  '.rsync-filter',
  '.f.bin.Xy12',
  '..treeinfo.Xy12aB',
  '.treeinfo.Xy12aB',
  '.~tmp~/f.bin',
  '.well-known/.htpasswd',
  '.well-known/f.part',
  '.env',
  '.ssh/id_ed25519',
  '.DS_Store',
  '.treeinfos',
  '.mirrored-by/status',
]) {
  test(`${path} is hidden by default`, () => assert.equal(includesWholePath(PUBLISHED, path), false))
}

const TAKEN_BACK: readonly (readonly [
  globs: readonly string[],
  kept: readonly string[],
  ignored: readonly string[],
])[] = [
  [['!**/.treeinfo'], ['a', 'x/y', '.treeinfo', 'x/.treeinfo'], ['.git', '.discinfo']],
  [['!.treeinfo'], ['a', '.treeinfo', 'x/.treeinfo'], ['.git']],
  [['!/.treeinfo'], ['a', '.treeinfo'], ['x/.treeinfo']],
  [
    ['*.log', '!keep.log'],
    ['a', 'keep.log', 'x/keep.log'],
    ['a.log', '.keep.log'],
  ],
  [['!keep.log', '*.log'], ['a'], ['a.log', 'keep.log']],
  [['iso/*', '!iso/keep.iso', 'iso/keep.*'], ['iso'], ['iso/a', 'iso/keep.iso']],
  [['!.*'], ['.a', '.b/c'], ['.mirrored-by', '.a.part']],
  [['!(a|b)'], ['a', 'b'], ['c']],
]

for (const [globs, kept, ignored] of TAKEN_BACK) {
  test(`of the globs ${globs.join(' ')} the last that matches decides`, () => {
    const includes = createPathFilter(globs)
    for (const path of kept) assert.equal(includes(path), true, `${path} is left out`)
    for (const path of ignored) assert.equal(includes(path), false, `${path} is not left out`)
  })
}

test('several globs ignore what any of them matches', () => {
  const includes = createPathFilter(['*.log', 'private/**'])
  assert.deepEqual(['a.log', 'private/a', 'a.txt'].map(includes), [false, false, true])
})

test('a whole path is left out where any folder on the way is', () => {
  const includes = createPathFilter(['private'])
  const whole = (path: string) => includesWholePath(includes, path)
  assert.equal(whole('a/b/c'), true)
  assert.equal(whole('private/b/c'), false)
  assert.equal(whole('a/private/c'), false)
  assert.equal(whole('a/b/private'), false)
  assert.equal(whole('a/.git/config'), false)
  assert.equal(whole('a.part/b'), false)
  assert.equal(whole(''), true)
})

test('paths are taken apart and put together again', () => {
  for (const [path, folder, name] of [
    ['a', '', 'a'],
    ['a/b', 'a', 'b'],
    ['a/b/c d', 'a/b', 'c d'],
  ] as const) {
    assert.deepEqual(splitPath(path), [folder, name])
    assert.equal(joinPath(folder, name), path)
  }
})

test('a path is within its folder, its parents and the root, and in no namesake', () => {
  for (const folder of ['', 'a', 'a/b', 'a/b/c']) assert.equal(isWithin('a/b/c', { folder }), true, folder)
  for (const folder of ['a/b/', 'a/bc', 'b', 'a/b/c/d', 'A'])
    assert.equal(isWithin('a/b/c', { folder }), false, folder)
  assert.equal(isWithin('ab', { folder: 'a' }), false)
  assert.equal(isWithin('a-b/c', { folder: 'a' }), false)
})
