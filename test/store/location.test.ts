import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { defaultStoreFile } from '../../lib/store/location.js'

const ROOT = '/srv/downloads'

test("the index is in systemd's state directory where there is one", () => {
  const file = defaultStoreFile(ROOT, {
    STATE_DIRECTORY: '/var/lib/x',
    XDG_CACHE_HOME: '/cache',
    HOME: '/home/u',
  })
  assert.equal(dirname(file), '/var/lib/x/mirrored-by')
})

test('of several state directories the first is taken', () => {
  const file = defaultStoreFile(ROOT, { STATE_DIRECTORY: '/var/lib/x:/var/lib/y' })
  assert.equal(dirname(file), '/var/lib/x/mirrored-by')
})

test('without a state directory it is in $XDG_CACHE_HOME', () => {
  assert.equal(dirname(defaultStoreFile(ROOT, { XDG_CACHE_HOME: '/cache' })), '/cache/mirrored-by')
  assert.equal(
    dirname(defaultStoreFile(ROOT, { STATE_DIRECTORY: '', XDG_CACHE_HOME: '/cache' })),
    '/cache/mirrored-by',
  )
})

test('otherwise it is in the cache of the home folder', () => {
  const expected = join(homedir(), '.cache', 'mirrored-by')
  assert.equal(dirname(defaultStoreFile(ROOT, {})), expected)
  assert.equal(dirname(defaultStoreFile(ROOT, { STATE_DIRECTORY: '', XDG_CACHE_HOME: '' })), expected)
})

for (const path of ['cache', './cache', '../cache', 'C:cache', ' /cache', '~/.cache'])
  test(`a path that is not absolute counts as not set: ${path}`, () => {
    const expected = join(homedir(), '.cache', 'mirrored-by')
    assert.equal(dirname(defaultStoreFile(ROOT, { STATE_DIRECTORY: path, XDG_CACHE_HOME: path })), expected)
    assert.equal(
      dirname(defaultStoreFile(ROOT, { STATE_DIRECTORY: path, XDG_CACHE_HOME: '/cache' })),
      '/cache/mirrored-by',
    )
  })

for (const [what, home, reason] of [
  [
    'no home folder',
    () => {
      throw new Error('uv_os_homedir returned ENOENT')
    },
    'uv_os_homedir returned ENOENT',
  ],
  ['an empty home folder', () => '', 'its path is not absolute'],
  ['a relative home folder', () => 'home', 'its path is not absolute'],
] as const)
  test(`${what} is an error with its remedy, and needed only without the others`, () => {
    assert.throws(() => defaultStoreFile(ROOT, { XDG_CACHE_HOME: 'cache' }, home), {
      code: 'ERR_STORE',
      message:
        `there is no home folder for the index (${reason}): set $HOME or $XDG_CACHE_HOME to an absolute path, ` +
        'or name a file by `store`',
    })
    assert.equal(dirname(defaultStoreFile(ROOT, { XDG_CACHE_HOME: '/cache' }, home)), '/cache/mirrored-by')
  })

test('the environment of the process is read unless another is given', (context) => {
  const before = process.env.STATE_DIRECTORY
  context.after(() => {
    if (before === undefined) delete process.env.STATE_DIRECTORY
    else process.env.STATE_DIRECTORY = before
  })
  process.env.STATE_DIRECTORY = '/var/lib/here'
  assert.equal(dirname(defaultStoreFile(ROOT)), '/var/lib/here/mirrored-by')
})

test('each root has a file of its own, always the same, with a name that people know again', () => {
  const environment = { XDG_CACHE_HOME: '/cache' }
  const file = defaultStoreFile(ROOT, environment)
  assert.equal(file, defaultStoreFile(ROOT, environment))
  assert.match(basename(file), /^downloads-[0-9a-f]{16}\.sqlite$/)
  assert.match(basename(defaultStoreFile('/', environment)), /^root-[0-9a-f]{16}\.sqlite$/)
  assert.notEqual(file, defaultStoreFile('/other/downloads', environment))
  assert.notEqual(file, defaultStoreFile('/srv/Downloads', environment))
})
