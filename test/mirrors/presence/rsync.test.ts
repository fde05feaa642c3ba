import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { listRsync } from '../../../lib/mirrors/presence/listings/rsync.js'
import { startRsyncDaemon } from '../../lab/rsync.js'
import { unlessInstalled } from '../../support/client.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { filesOnDisk, writeOddTree } from '../../support/odd-tree.js'
import { assertLists, collect, paths } from './collect.js'

describe('a listing by rsync', { skip: unlessInstalled('rsync'), timeout: 60_000 }, () => {
  test('is what is on disk, whatever the names', async (t) => {
    const root = temporaryFolder(t)
    writeOddTree(root, { also: ['line\nfeed', 'tab\tname', 'carriage\rreturn', 'escape\u001b[31m'] })
    const { url } = await startRsyncDaemon(t, root)
    const { files, outcome } = await collect(listRsync(url))
    assertLists(files, filesOnDisk(root), { sizes: 'exact', times: true })
    assert.equal(outcome.complete, true)
    assert.equal(outcome.files, files.length)
    assert.deepEqual(outcome.problems, [])
  })

  test('leaves out what cannot be in a repository, and says so', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { good: '', 'back\\slash': '', '\\#303': '' })
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff, 0xfe])]), '')
    const { url } = await startRsyncDaemon(t, root)
    const { files, outcome } = await collect(listRsync(url))
    // A backslash is a character of a name on this system. rsync writes it as `\#134`.
    assert.deepEqual(paths(files), ['\\#303', 'back\\slash', 'good'])
    assert.equal(outcome.complete, true)
    assert.equal(outcome.problemCount, 1)
    assert.match(outcome.problems[0] ?? '', /not UTF-8.*bad/)
  })

  test('begins at a folder of the module, with a space in its name', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a folder/sub/file': 'abc', elsewhere: '' })
    const { url } = await startRsyncDaemon(t, root)
    for (const base of [`${url}a%20folder/`, `${url}a%20folder`]) {
      const { files, outcome } = await collect(listRsync(base))
      assert.deepEqual(paths(files), ['sub/file'])
      assert.equal(outcome.complete, true)
    }
  })

  test('tells symbolic links, and does not go round with them', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'real/file': 'abc', 'real -> x/file': 'abc' })
    symlinkSync('real', join(root, 'folder'))
    symlinkSync('real/file', join(root, 'linked -> file'))
    symlinkSync('.', join(root, 'self'))
    symlinkSync('/etc', join(root, 'outside'))
    symlinkSync('nowhere', join(root, 'dangling'))
    const { url } = await startRsyncDaemon(t, root)
    const { files, outcome } = await collect(listRsync(url))
    assert.deepEqual(paths(files), ['real -> x/file', 'real/file'])
    assert.equal(outcome.complete, true)
    const { links } = outcome
    assert.equal(links.size, 5)
    assert.equal(links.resolve('folder/file'), 'real/file')
    assert.equal(links.resolve('linked -> file'), 'real/file')
    assert.equal(links.resolve('self/self/folder/file'), 'real/file')
    assert.equal(links.resolve('outside/passwd'), undefined)
    assert.equal(links.resolve('dangling'), 'nowhere')
  })

  test('passes a greeting over, though it looks odd', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { file: '' })
    const { url } = await startRsyncDaemon(t, root, { greeting: 'Welcome!\n-rw-r--r-- is all you get\n\n' })
    const { files, outcome } = await collect(listRsync(url))
    assert.deepEqual(paths(files), ['file'])
    assert.equal(outcome.complete, true)
  })

  test('of an empty module is complete', async (t) => {
    const { url } = await startRsyncDaemon(t, temporaryFolder(t))
    const { files, outcome } = await collect(listRsync(url))
    assert.deepEqual(files, [])
    assert.equal(outcome.complete, true)
  })

  test('gives the password to rsync, and to no message', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { file: '' })
    const password = 'pass:w@rd 1'
    const { url, port } = await startRsyncDaemon(t, root, { account: { user: 'reader', password } })

    const given = await collect(listRsync(url, { user: 'reader', password }))
    assert.equal(given.outcome.complete, true)
    const encoded = `rsync://reader:${encodeURIComponent(password)}@127.0.0.1:${port}/repo/`
    const inUrl = await collect(listRsync(encoded))
    assert.equal(inUrl.outcome.complete, true)
    assert.deepEqual(paths(inUrl.files), ['file'])

    const without = await collect(listRsync(url))
    assert.match(without.outcome.reason ?? '', /rsync failed \(5\): "@ERROR: auth failed/)
    const wrong = await collect(listRsync(url, { user: 'reader', password: 'wrong-secret' }))
    assert.match(wrong.outcome.reason ?? '', /auth failed/)
    assert.doesNotMatch(JSON.stringify(wrong.outcome), /wrong-secret/)
  })

  test('keeps the password out of its arguments', async (t) => {
    const folder = temporaryFolder(t)
    const program = join(folder, 'rsync')
    writeFileSync(program, '#!/bin/sh\necho "$@" >&2\necho "$RSYNC_PASSWORD" >&2\nexit 1\n', { mode: 0o755 })
    const { outcome } = await collect(listRsync('rsync://reader:secret@127.0.0.1:9/repo/', { program }))
    assert.match(outcome.reason ?? '', /rsync:\/\/reader@127\.0\.0\.1:9\/repo\//)
    assert.doesNotMatch(JSON.stringify(outcome), /secret/)
  })

  test('is partial where the server cannot read everything', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'open/file': '' })
    const program = join(temporaryFolder(t), 'rsync')
    // Root can read everything, so the daemon's message about an unreadable folder is simulated.
    const lines = ['drwxr-xr-x 4096 2024/02/03 04:05:06 .', '-rw-r--r-- 1,234 2024/02/03 04:05:06 open/file']
    const script = `#!/bin/sh\necho '${lines.join("'\necho '")}'\necho 'opendir "closed" failed' >&2\nexit 23\n`
    writeFileSync(program, script, { mode: 0o755 })
    const { files, outcome } = await collect(listRsync('rsync://127.0.0.1/repo/', { program }))
    assert.deepEqual(files, [
      {
        path: 'open/file',
        size: 1234,
        sizePrecision: 0,
        mtime: Date.UTC(2024, 1, 3, 4, 5, 6),
        mtimePrecision: 'second',
      },
    ])
    assert.equal(outcome.complete, false)
    assert.equal(outcome.reason, 'rsync could not list everything (23): "opendir "closed" failed"')
  })

  test('says what is wrong', async (t) => {
    const root = temporaryFolder(t)
    mkdirSync(join(root, 'sub'))
    const { url, port } = await startRsyncDaemon(t, root)
    const cases: readonly [url: string, reason: RegExp][] = [
      [`rsync://127.0.0.1:${port}/other/`, /Unknown module/],
      [`${url}nowhere/`, /rsync could not list everything \(23\)|rsync failed/],
      [`rsync://127.0.0.1:${port}/`, /names no module/],
      ['https://127.0.0.1/', /does not begin with rsync:/],
      ['garbage', /does not begin with rsync:/],
      ['rsync:///repo/', /does not begin with rsync:/],
      ['rsync://host%20name/repo/', /names no host/],
      ['rsync://127.0.0.1/%ff/', /stands for no text/],
      ['rsync://a%00b@127.0.0.1/repo/', /characters/],
    ]
    for (const [wrong, reason] of cases) {
      const { files, outcome } = await collect(listRsync(wrong))
      assert.deepEqual(files, [], wrong)
      assert.equal(outcome.complete, false, wrong)
      assert.match(outcome.reason ?? '', reason, wrong)
    }
    const { outcome } = await collect(listRsync(url, { program: '/nowhere/rsync' }))
    assert.match(outcome.reason ?? '', /cannot be started: .*ENOENT/)
  })
})
