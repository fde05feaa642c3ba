import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { listFtp } from '../../../lib/mirrors/presence/listings/ftp.js'
import { startFtpServer } from '../../lab/ftp.js'
import { startMlsdServer } from '../../lab/mlsd.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { filesOnDisk, writeOddTree } from '../../support/odd-tree.js'
import { assertLists, collect, paths } from './collect.js'

describe('a listing by FTP', { timeout: 60_000 }, () => {
  test('by MLSD is what is on disk, whatever the names', async (t) => {
    const root = temporaryFolder(t)
    writeOddTree(root)
    const { url } = await startMlsdServer(t, root)
    const { files, outcome } = await collect(listFtp(url))
    assertLists(files, filesOnDisk(root), { sizes: 'exact', times: true })
    assert.deepEqual(outcome.problems, [])
    assert.equal(outcome.complete, true)
    assert.ok(files.every(({ mtimePrecision }) => mtimePrecision === 'second'))
  })

  test('by LIST of ftp-srv is what is on disk, whatever the names', async (t) => {
    const root = temporaryFolder(t)
    // ftp-srv removes quotes from names.
    writeOddTree(root, { noFolders: ['quo"te'] })
    // It lists recent times to the minute.
    writeFiles(root, { young: 'abc' })
    const { url } = await startFtpServer(t, root)
    const { files, outcome } = await collect(listFtp(url))
    assertLists(files, filesOnDisk(root), { sizes: 'exact', times: true })
    assert.deepEqual(outcome.problems, [])
    assert.equal(outcome.complete, true)
    assert.deepEqual(new Set(files.map(({ mtimePrecision }) => mtimePrecision)), new Set(['minute', 'day']))
  })

  test('by LIST where the server does not know the MLSD that it tells of', async (t) => {
    const root = temporaryFolder(t)
    writeOddTree(root)
    const { url } = await startMlsdServer(t, root, 'knows no MLSD')
    const { files, outcome } = await collect(listFtp(url))
    assertLists(files, filesOnDisk(root), { sizes: 'exact', times: true })
    assert.equal(outcome.complete, true)
  })

  test('goes to no other host than the one that it is told', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'folder/file': 'abc' })
    const { url } = await startMlsdServer(t, root, 'names another host')
    const { files, outcome } = await collect(listFtp(url))
    assert.deepEqual(paths(files), ['folder/file'])
    assert.equal(outcome.complete, true)
  })

  test('begins at a folder', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'a folder/sub/file': 'abc', elsewhere: '' })
    for (const start of [startFtpServer, startMlsdServer]) {
      const { url } = await start(t, root)
      for (const base of [`${url}a%20folder/`, `${url}a%20folder`]) {
        const { files, outcome } = await collect(listFtp(base))
        assert.equal(outcome.reason, undefined)
        assert.deepEqual(paths(files), ['sub/file'])
      }
    }
  })

  test('does not go round where the server follows links', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'real/file': 'abc' })
    symlinkSync('.', join(root, 'self'))
    symlinkSync('..', join(root, 'real/up'))
    const { url } = await startMlsdServer(t, root)
    const { files, outcome } = await collect(listFtp(url))
    assert.ok(files.length < 100, `${files.length} files`)
    assert.equal(outcome.complete, true)
    assert.match(outcome.problems[0] ?? '', /a link that goes round/)
  })

  test('logs in, and shows the password to nobody', async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { file: 'abc' })
    const { url, port } = await startFtpServer(t, root, { account: { user: 'reader', password: 'se cret' } })
    const given = await collect(listFtp(url, { user: 'reader', password: 'se cret' }))
    assert.deepEqual(paths(given.files), ['file'])
    const inUrl = await collect(listFtp(`ftp://reader:se%20cret@127.0.0.1:${port}/`))
    assert.deepEqual(paths(inUrl.files), ['file'])
    const wrong = await collect(listFtp(url, { user: 'reader', password: 'wrong-secret' }))
    assert.equal(wrong.outcome.complete, false)
    assert.doesNotMatch(JSON.stringify(wrong.outcome), /wrong-secret/)
  })

  test('says what is wrong', async (t) => {
    const root = temporaryFolder(t)
    const { url } = await startMlsdServer(t, root)
    const cases: readonly [url: string, reason: RegExp][] = [
      [`${url}nowhere/`, /the root: the server says "550 .*no such folder/],
      ['ftp://127.0.0.1:1/', /ECONNREFUSED/],
      ['https://127.0.0.1/', /does not begin with ftp:/],
      ['garbage', /does not begin with ftp:/],
      ['ftp://a%0d%0ab@127.0.0.1/', /line ends/],
    ]
    for (const [wrong, reason] of cases) {
      const { files, outcome } = await collect(listFtp(wrong))
      assert.deepEqual(files, [], wrong)
      assert.equal(outcome.complete, false, wrong)
      assert.match(outcome.reason ?? '', reason, wrong)
    }
  })
})
