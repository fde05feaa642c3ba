import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { MirrorOptions, Origin } from '../../lib/index.js'
import { unlessInstalled } from '../support/client.js'
import { startFakeMirror } from '../support/fake-mirror.js'
import { replaceFile, temporaryFolder, writeFiles } from '../support/folder.js'
import { openOrigin, sync, untilSurveyed } from '../support/mirrored-origin.js'
import { rawRequest } from '../support/raw.js'
import { until } from '../support/until.js'
import { startApache } from './apache.js'
import { startFtpServer } from './ftp.js'
import { startLighttpd } from './lighttpd.js'
import { startMlsdServer } from './mlsd.js'
import { startNginx } from './nginx.js'
import { startRsyncDaemon } from './rsync.js'

const PLAIN = Array.from({ length: 20 }, (_, index) => `many/${index}.bin`)
const ODD = ['odd/a b+c&d.bin', "odd/100%25 ünïcödé'.bin", 'odd/#1?2.bin', 'odd/deep/er/x.bin']
/** Files of the repository, each with its state in the copy. */
const EXPECTED: Readonly<Record<string, string>> = {
  'held.bin': 'held',
  ...Object.fromEntries([...PLAIN, ...ODD].map((path) => [path, 'held'])),
  'gone.bin': 'it does not have the file',
  'odd/gone too.bin': 'it does not have the file',
  'longer.bin': 'its copy is another version',
  'older.bin': 'its copy is another version',
}

/** Makes a repository, and a copy with other versions and without some files. */
function makeCopies(t: TestContext): { readonly root: string; readonly copy: string } {
  const root = temporaryFolder(t)
  const copy = temporaryFolder(t)
  // Large enough for a rounded size to be ambiguous.
  const files = Object.keys(EXPECTED).map((path) => [path, `content of ${path}`.padEnd(3000, '.')])
  writeFiles(root, Object.fromEntries(files))
  sync(root, copy)
  for (const path of ['gone.bin', 'odd/gone too.bin']) rmSync(join(copy, path))
  replaceFile(join(copy, 'longer.bin'), 'x'.repeat(5000))
  replaceFile(join(copy, 'older.bin'), 'y'.repeat(3000), new Date('2021-03-04T05:06:07Z'))
  return { root, copy }
}

/** Starts an origin with one mirror and waits for its survey. */
async function surveyed(
  t: TestContext,
  root: string,
  mirror: Omit<MirrorOptions, 'id'>,
): Promise<{ readonly origin: Origin; readonly port: number }> {
  const { origin, port } = await openOrigin(t, {
    root,
    mirrors: [{ id: 'm0', ...mirror }],
    geo: false,
    probe: { interval: '1h' },
    presence: { interval: '6h' },
    challenge: false,
  })
  origin.on('warning', () => {})
  await untilSurveyed(origin)
  return { origin, port }
}

/** Returns, for each file, why responses do not name the mirror; `held` if they do. */
function reasons(origin: Origin): Record<string, string> {
  return Object.fromEntries(
    Object.keys(EXPECTED).map((path) => [
      path,
      origin.rank(path, '198.51.100.1').omitted[0]?.reason ?? 'held',
    ]),
  )
}

/** Files that the listing leaves open are checked after it. */
async function assertKnown(origin: Origin): Promise<void> {
  await until('all is known', () => isDeepStrictEqual(reasons(origin), EXPECTED), 5000).catch(() => {})
  assert.deepEqual(reasons(origin), EXPECTED)
}

function surveyOf(origin: Origin) {
  const presence = origin.mirrors()[0]?.presence
  assert.ok(presence?.kind === 'checked')
  const { source, complete, reason } = presence.survey ?? {}
  return { source, complete, reason }
}

interface Server {
  readonly source: string
  readonly skip: string | false
  /** The only source of the mirror. */
  readonly start: (t: TestContext, copy: string) => Promise<Omit<MirrorOptions, 'id'>>
}

const ACCOUNT = { user: 'reader', password: 'very secret' }
process.env.RSYNC_PASSWORD = ACCOUNT.password

/** HTTP URL of the mirror, which has no listing. */
async function withoutListing(t: TestContext, copy: string) {
  return startFakeMirror(t, copy, { host: '127.0.0.2', index: 'none' })
}

const SERVERS: Readonly<Record<string, Server>> = {
  'nginx, in HTML': {
    source: 'http',
    skip: unlessInstalled('nginx'),
    start: (t, copy) => startNginx(t, [`root "${copy}";`, 'autoindex on;']),
  },
  'nginx, in HTML, with rounded sizes, far in the east': {
    source: 'http',
    skip: unlessInstalled('nginx'),
    start: (t, copy) =>
      startNginx(
        t,
        [`root "${copy}";`, 'autoindex on;', 'autoindex_exact_size off;', 'autoindex_localtime on;'],
        {
          zone: 'IST-5:30',
        },
      ),
  },
  'nginx, in JSON': {
    source: 'http',
    skip: unlessInstalled('nginx'),
    start: (t, copy) => startNginx(t, [`root "${copy}";`, 'autoindex on;', 'autoindex_format json;']),
  },
  'nginx, without an index': {
    source: 'head',
    skip: unlessInstalled('nginx'),
    start: (t, copy) => startNginx(t, [`root "${copy}";`]),
  },
  lighttpd: {
    source: 'http',
    skip: unlessInstalled('lighttpd'),
    start: (t, copy) => startLighttpd(t, copy),
  },
  'Apache, with rounded sizes': {
    source: 'http',
    skip: unlessInstalled('apache2'),
    start: (t, copy) => startApache(t, copy, 'FancyIndexing'),
  },
  'Apache, with names alone': {
    source: 'http',
    skip: unlessInstalled('apache2'),
    start: (t, copy) => startApache(t, copy, '-FancyIndexing'),
  },
  'FTP, by LIST': {
    source: 'ftp',
    skip: false,
    start: async (t, copy) => ({ url: (await startFtpServer(t, copy)).url }),
  },
  'FTP, by MLSD': {
    source: 'ftp',
    skip: false,
    start: async (t, copy) => ({ url: (await startMlsdServer(t, copy)).url }),
  },
}

describe('an origin knows what a mirror holds by', { concurrency: 3, timeout: 60_000 }, () => {
  for (const [name, { source, skip, start }] of Object.entries(SERVERS)) {
    test(name, { skip }, async (t) => {
      const { root, copy } = makeCopies(t)
      const { url } = await start(t, copy)
      const { origin } = await surveyed(t, root, { url })
      await assertKnown(origin)
      assert.deepEqual(surveyOf(origin), { source, complete: true, reason: undefined })
    })
  }

  test('rsync, and asks only whether it gives a few files', { skip: unlessInstalled('rsync') }, async (t) => {
    const { root, copy } = makeCopies(t)
    const mirror = await withoutListing(t, copy)
    const { url: rsync } = await startRsyncDaemon(t, copy)
    const { origin } = await surveyed(t, root, { url: mirror.url, rsync })
    await assertKnown(origin)
    assert.deepEqual(surveyOf(origin), { source: 'rsync', complete: true, reason: undefined })
    const asked = mirror.requests.filter(({ range }) => range !== 'bytes=0-0')
    // At once after the survey, none may have been asked yet.
    assert.ok(
      asked.every(({ method }) => method === 'HEAD'),
      JSON.stringify(asked),
    )
    assert.ok(asked.length <= 20, `${asked.length} questions`)
  })

  test('rsync with a password, which no client is shown', { skip: unlessInstalled('rsync') }, async (t) => {
    const { root, copy } = makeCopies(t)
    const mirror = await withoutListing(t, copy)
    const { port: daemon } = await startRsyncDaemon(t, copy, { account: ACCOUNT })
    const rsync = `rsync://${ACCOUNT.user}@127.0.0.1:${daemon}/repo/`
    const { origin, port } = await surveyed(t, root, { url: mirror.url, rsync })
    await assertKnown(origin)
    assert.deepEqual(surveyOf(origin), { source: 'rsync', complete: true, reason: undefined })
    for (const target of ['/held.bin', '/held.bin.meta4']) {
      const { lines, body } = await rawRequest(port, 'GET', target)
      const shown = lines.join('\n') + body.toString()
      assert.match(shown, /127\.0\.0\.2/)
      assert.doesNotMatch(shown, /rsync|reader|secret/)
    }
  })

  test('asking for each file, where its rsync takes no password of ours', {
    skip: unlessInstalled('rsync'),
  }, async (t) => {
    const { root, copy } = makeCopies(t)
    const mirror = await withoutListing(t, copy)
    const account = { user: 'reader', password: 'another' }
    const { port } = await startRsyncDaemon(t, copy, { account })
    const { origin } = await surveyed(t, root, {
      url: mirror.url,
      rsync: `rsync://reader@127.0.0.1:${port}/repo/`,
    })
    await assertKnown(origin)
    assert.equal(surveyOf(origin).source, 'head')
  })
})
