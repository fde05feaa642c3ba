import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { MirrorOptions, Origin } from '../../lib/index.js'
import { unlessInstalled } from '../support/client.js'
import { startFakeMirror } from '../support/fake-mirror.js'
import { temporaryFolder, writeFiles } from '../support/folder.js'
import { openOrigin, sync, untilSurveyed } from '../support/mirrored-origin.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { until } from '../support/until.js'
import { startFtpServer } from './ftp.js'
import { startMlsdServer } from './mlsd.js'
import { startNginx } from './nginx.js'
import { startRsyncDaemon } from './rsync.js'

const FILES = ['a.bin', 'b.bin', 'gone.bin', 'sub/c.bin', 'sub/d.bin', 'sub/gone.bin', 'x.tar.gz']
const GONE = 'it does not have the file'
const CLOSED = 'its copy is not readable for other users of its machine'

/** What responses say of files that the mirror is not given for. */
type Reasons = Readonly<Record<string, string>>

interface Truth {
  readonly skip?: string | false
  readonly start: (t: TestContext, copy: string) => Promise<Omit<MirrorOptions, 'id'>>
  readonly reasons: Reasons
  readonly complete?: boolean
}

function serveWith(
  t: TestContext,
  copy: string,
  change: (request: IncomingMessage, response: ServerResponse) => boolean,
) {
  const files = plainFiles(copy)
  return listen(
    t,
    (request, response) => {
      if (!change(request, response)) void files(request, response)
    },
    '127.0.0.2',
  )
}

const needsRsync = { skip: unlessInstalled('rsync') }
const TRUTHS: Readonly<Record<string, Truth>> = {
  'rsync, of files that modes deny, where the web server gives them all the same': {
    ...needsRsync,
    start: async (t, copy) => {
      const { url } = await startFakeMirror(t, copy, { host: '127.0.0.2', index: 'none' })
      const { url: rsync } = await startRsyncDaemon(t, copy)
      chmodSync(join(copy, 'a.bin'), 0o600)
      chmodSync(join(copy, 'sub'), 0o700)
      return { url, rsync }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
  },
  'rsync, of files that modes deny, where the web server denies them': {
    ...needsRsync,
    start: async (t, copy) => {
      const { url } = await serveWith(t, copy, ({ url: path = '' }, response) => {
        const isDenied = path === '/a.bin' || path.startsWith('/sub/')
        if (isDenied) response.writeHead(403).end()
        return isDenied
      })
      const { url: rsync } = await startRsyncDaemon(t, copy)
      chmodSync(join(copy, 'a.bin'), 0o600)
      chmodSync(join(copy, 'sub'), 0o700)
      return { url, rsync }
    },
    reasons: {
      'a.bin': 'it does not give the file (403)',
      'gone.bin': GONE,
      'sub/c.bin': 'it does not give the file (403)',
      'sub/d.bin': 'it does not give the file (403)',
      'sub/gone.bin': GONE,
    },
  },
  'FTP alone, of files that modes deny': {
    start: async (t, copy) => {
      const { url } = await startFtpServer(t, copy)
      chmodSync(join(copy, 'a.bin'), 0o640)
      chmodSync(join(copy, 'sub'), 0o750)
      return { url }
    },
    reasons: {
      'a.bin': CLOSED,
      'gone.bin': GONE,
      'sub/c.bin': CLOSED,
      'sub/d.bin': CLOSED,
      'sub/gone.bin': GONE,
    },
  },
  'rsync, where the web server is behind': {
    ...needsRsync,
    start: async (t, copy) => {
      const older = join(temporaryFolder(t), 'older')
      sync(copy, older)
      for (const path of ['b.bin', 'sub/d.bin']) rmSync(join(older, path))
      const { url } = await startFakeMirror(t, older, { host: '127.0.0.2', index: 'none' })
      const { url: rsync } = await startRsyncDaemon(t, copy)
      return { url, rsync }
    },
    reasons: { 'b.bin': GONE, 'gone.bin': GONE, 'sub/d.bin': GONE, 'sub/gone.bin': GONE },
  },
  'rsync, where one folder of ours cannot be read': {
    skip: unlessInstalled('rsync') || (process.getuid?.() !== 0 && 'only root can run it as another user'),
    start: async (t, copy) => {
      const { url } = await startFakeMirror(t, copy, { host: '127.0.0.2', index: 'none' })
      for (let folder = copy; folder !== '/tmp'; folder = join(folder, '..')) chmodSync(folder, 0o755)
      chmodSync(join(copy, 'sub'), 0o700)
      const settings = ['uid = nobody', 'gid = nogroup']
      const { url: rsync } = await startRsyncDaemon(t, copy, { settings })
      return { url, rsync }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
  },
  'HTTP, where one folder of ours cannot be read': {
    start: async (t, copy) => {
      const { url } = await serveWith(t, copy, ({ url: path = '' }, response) => {
        if (path === '/sub/') response.writeHead(403).end()
        if (path === '/')
          response
            .writeHead(200, { 'Content-Type': 'text/html' })
            .end(
              '<title>Index of /</title><body><a href="sub/">sub/</a>\n<a href="a.bin">a.bin</a>\n<a href="b.bin">b.bin</a></body>',
            )
        return path === '/' || path === '/sub/'
      })
      return { url }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
    complete: false,
  },
  'nginx, where a folder has a page of its own': {
    skip: unlessInstalled('nginx'),
    start: async (t, copy) => {
      writeFiles(copy, { 'sub/index.html': '<html><title>Welcome</title></html>' })
      const { url } = await startNginx(t, [`root "${copy}";`, 'autoindex on;'])
      return { url }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
    complete: false,
  },
  'HTTP, where a folder that we do not have cannot be read': {
    start: async (t, copy) => {
      mkdirSync(join(copy, 'private'))
      const mirror = await startFakeMirror(t, copy, { host: '127.0.0.2' })
      mirror.fault = { kind: 'fails', path: 'private/' }
      return { url: mirror.url }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
    complete: true,
  },
  'FTP, where the server cuts its listing off': {
    start: async (t, copy) => {
      const { url: http } = await startFakeMirror(t, copy, { host: '127.0.0.2', index: 'none' })
      const { url } = await startMlsdServer(t, copy, 'truncates the listing')
      return { urls: [http, url] }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
    complete: false,
  },
  ...Object.fromEntries(
    ['x-gzip', 'gzip'].map((coding) => [
      `rsync, where the web server sends ${coding} as a content coding`,
      {
        ...needsRsync,
        start: async (t: TestContext, copy: string) => {
          const { url } = await serveWith(t, copy, ({ url: path = '' }, response) => {
            if (path.endsWith('.gz')) response.setHeader('Content-Encoding', coding)
            return false
          })
          const { url: rsync } = await startRsyncDaemon(t, copy)
          return { url, rsync }
        },
        reasons: {
          'gone.bin': GONE,
          'sub/gone.bin': GONE,
          'x.tar.gz': `it sends the file with the content coding "${coding}", which clients undo`,
        },
      },
    ]),
  ),
  'asking for each file, where the server soon wants fewer requests': {
    start: async (t, copy) => {
      let asked = 0
      const { url } = await serveWith(t, copy, (request, response) => {
        if (request.method !== 'HEAD') {
          response.writeHead(404).end()
          return true
        }
        asked += 1
        if (asked % 3 === 0) response.writeHead(429, { 'Retry-After': '1' }).end()
        return asked % 3 === 0
      })
      return { url }
    },
    reasons: { 'gone.bin': GONE, 'sub/gone.bin': GONE },
    complete: true,
  },
}

/** Returns why responses do not name the mirror, of each file for which they do not. */
function reasons(origin: Origin): Reasons {
  const omitted = FILES.map((path) => [path, origin.rank(path, '198.51.100.1').omitted[0]?.reason] as const)
  return Object.fromEntries(
    omitted.flatMap(([path, reason]) => (reason === undefined ? [] : [[path, reason]])),
  )
}

describe('an origin is told the truth about a mirror by', { concurrency: 3, timeout: 120_000 }, () => {
  for (const [name, { skip = false, start, reasons: expected, complete }] of Object.entries(TRUTHS)) {
    test(name, { skip }, async (t) => {
      const root = temporaryFolder(t)
      const copy = join(temporaryFolder(t), 'copy')
      writeFiles(root, Object.fromEntries(FILES.map((path) => [path, `content of ${path}`])))
      sync(root, copy)
      for (const path of ['gone.bin', 'sub/gone.bin']) renameSync(join(copy, path), `${join(copy, path)}.tmp`)
      const mirror = await start(t, copy)
      const { origin } = await openOrigin(t, {
        root,
        mirrors: [{ id: 'm0', ...mirror }],
        geo: false,
        probe: { interval: '1h' },
        presence: { interval: '6h' },
        challenge: false,
      })
      origin.on('warning', () => {})
      await untilSurveyed(origin)
      await until('the truth is known', () => isDeepStrictEqual(reasons(origin), expected), 20_000).catch(
        () => {},
      )
      assert.deepEqual(reasons(origin), expected)
      const presence = origin.mirrors()[0]?.presence
      assert.ok(presence?.kind === 'checked')
      if (complete !== undefined) assert.equal(presence.survey?.complete, complete, presence.survey?.reason)
    })
  }
})
