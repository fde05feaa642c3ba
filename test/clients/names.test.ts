import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { unlessInstalled } from '../support/client.js'
import { aria2, assertDownloaded, preferred, startMirrors, wget2 } from '../support/downloads.js'
import type { FakeMirror } from '../support/fake-mirror.js'
import { pseudoRandomBytes, temporaryFolder, writeFiles } from '../support/folder.js'
import { runOrigin, SERVE } from './origins.js'

interface Case {
  readonly name: string
  /** Name under which aria2 saves the file. Default: the name itself. */
  readonly byUrl?: string
  readonly byMetalink?: string
}

const CASES: readonly Case[] = [
  { name: 'with space.bin' },
  { name: ' spaces around ' },
  { name: 'it\'s "quoted".bin' },
  { name: '100% sure.bin' },
  { name: '%41%2f%00.bin' },
  { name: 'a#b.bin' },
  { name: 'what?.bin' },
  { name: 'a<b>.bin' },
  // aria2 reads an ampersand in an attribute like this, however it is escaped.
  { name: 'this&that=x;y.bin', byMetalink: 'this&#38;that=x;y.bin' },
  { name: 'plus+plus.bin' },
  { name: 'naïve-日本語-🎉.bin' },
  { name: 'nai\u0308ve.bin' },
  { name: 'new\nline.bin', byUrl: 'new%0Aline.bin', byMetalink: 'new%0Aline.bin' },
  { name: 'tab\t.bin', byUrl: 'tab%09.bin', byMetalink: 'tab%09.bin' },
  { name: 'del\u007f.bin', byUrl: 'del%7F.bin', byMetalink: 'del%7F.bin' },
  { name: '-dash.bin' },
  { name: '--help' },
  { name: '[brackets]{1..3}*.bin' },
  { name: '~tilde $HOME `id` a|b:c,d;e@f!' },
]

describe('names that need escaping', { timeout: 60_000 }, () => {
  const done: (() => unknown)[] = []
  const scope = { after: (step?: unknown) => typeof step === 'function' && done.push(() => step()) }
  const contents = new Map(
    CASES.map(({ name }, index) => [name, pseudoRandomBytes(20_000 + 4 * index, index + 1)]),
  )
  let url = ''
  let mirrors: FakeMirror[] = []

  before(async () => {
    const root = temporaryFolder(scope)
    writeFiles(root, Object.fromEntries(contents))
    mirrors = await startMirrors(scope, root, ['ok', 'ok'], Number.POSITIVE_INFINITY)
    const running = await runOrigin(scope, SERVE, { root, mirrors: preferred(mirrors) })
    url = running.url
    assert.equal((await running.origin.ready).files, CASES.length)
  })
  after(async () => {
    for (const step of done) await step()
  })

  for (const { name, byUrl = name, byMetalink = name } of CASES) {
    const content = contents.get(name) ?? Buffer.of()
    const target = encodeURIComponent(name)

    test(`aria2 downloads ${JSON.stringify(name)} by its URL`, {
      skip: unlessInstalled('aria2c'),
    }, async (t) => {
      assertDownloaded(await aria2(t, url + target), byUrl, content)
    })

    test(`aria2 downloads ${JSON.stringify(name)} by its metalink, from a mirror`, {
      skip: unlessInstalled('aria2c'),
    }, async (t) => {
      const served = mirrors[0]?.sent ?? 0
      const download = await aria2(t, '--follow-metalink=mem', `${url}${target}.meta4`)
      assertDownloaded(download, byMetalink, content)
      assert.equal(mirrors[0]?.sent, served + content.length)
    })
  }

  // wget2 saves names as they are escaped, and reads URLs as ISO 8859-1: it cannot get other names.
  for (const name of [
    'with space.bin',
    '100% sure.bin',
    'a#b.bin',
    'what?.bin',
    '-dash.bin',
    'new\nline.bin',
  ]) {
    test(`wget2 downloads ${JSON.stringify(name)} by its metalink`, {
      skip: unlessInstalled('wget2'),
    }, async (t) => {
      const download = await wget2(t, `${url}${encodeURIComponent(name)}.meta4`)
      assertDownloaded(download, name.replace('\n', '%0A'), contents.get(name) ?? Buffer.of())
    })
  }

  test('a metalink names control characters as a URL does', async () => {
    const response = await fetch(`${url}new%0Aline.bin.meta4`)
    assert.match(await response.text(), /<file name="new%0Aline\.bin">/)
  })
})
