import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Agent } from 'undici'
import { type CheckOptions, checkFile, type FileCheck } from '../../../lib/mirrors/presence/file/head.js'
import { startApache } from '../../lab/apache.js'
import { startLighttpd } from '../../lab/lighttpd.js'
import { startNginx } from '../../lab/nginx.js'
import { unlessInstalled } from '../../support/client.js'
import { startFaultyListing } from '../../support/faulty-listings.js'
import { type Scope, temporaryFolder } from '../../support/folder.js'
import { startHostileMirror } from '../../support/hostile-mirror.js'
import { filesOnDisk, writeOddTree } from '../../support/odd-tree.js'
import { freePort } from '../../support/port.js'
import { listen } from '../../support/server.js'
import { until } from '../../support/until.js'

const MODIFIED = 'Sat, 03 Feb 2024 04:05:06 GMT'
const MTIME = Date.UTC(2024, 1, 3, 4, 5, 6)

/** Returns the result of a check of a server's response. */
async function check(
  scope: Scope,
  listener: RequestListener,
  options: CheckOptions = {},
): Promise<FileCheck> {
  const { url } = await listen(scope, listener)
  return checkFile(`${url}file`, { timeoutMs: 2000, ...options })
}

describe('a check of one file', { timeout: 60_000 }, () => {
  const servers = {
    nginx: (scope: Scope, root: string) => startNginx(scope, [`root "${root}";`]),
    apache2: (scope: Scope, root: string) => startApache(scope, root, 'FancyIndexing'),
    lighttpd: (scope: Scope, root: string) => startLighttpd(scope, root),
  }
  for (const [program, start] of Object.entries(servers)) {
    test(`of ${program} tells what is on disk`, { skip: unlessInstalled(program) }, async (t) => {
      const root = temporaryFolder(t)
      writeOddTree(root)
      const { url } = await start(t, root)
      const agent = new Agent()
      t.after(() => agent.destroy())
      for (const [path, { size, mtimeMs }] of filesOnDisk(root)) {
        const result = await checkFile(url + path.split('/').map(encodeURIComponent).join('/'), {
          dispatcher: agent,
        })
        assert.ok(result.state === 'present', `${path}: ${JSON.stringify(result)}`)
        // Some servers have no ranges of an empty file.
        const { etag, ranges, digests, ...rest } = result
        assert.deepEqual(digests, {})
        assert.deepEqual(rest, { state: 'present', size, mtime: mtimeMs }, path)
        assert.match(etag ?? '', /^(W\/)?".+"$/)
        assert.equal(ranges || size === 0, true, path)
      }
      assert.deepEqual(await checkFile(join(url, 'nowhere'), { dispatcher: agent }), {
        state: 'absent',
        status: 404,
      })
    })
  }

  test('tells what the fields say', async (t) => {
    const result = await check(t, (_, response) => {
      response.writeHead(200, {
        'Content-Length': 5_368_709_120,
        'Last-Modified': MODIFIED,
        ETag: 'W/"abc"',
        'Accept-Ranges': 'bytes',
      })
      response.end()
    })
    const expected = {
      state: 'present',
      size: 5_368_709_120,
      mtime: MTIME,
      etag: 'W/"abc"',
      ranges: true,
      digests: {},
    }
    assert.deepEqual(result, expected)
  })

  test('tells nothing of what no field says', async (t) => {
    const result = await check(t, (_, response) => {
      response.writeHead(200, { 'Last-Modified': 'yesterday', 'Accept-Ranges': 'none' }).end()
    })
    const expected = {
      state: 'present',
      size: undefined,
      mtime: undefined,
      etag: undefined,
      ranges: false,
      digests: {},
    }
    assert.deepEqual(result, expected)
  })

  test('does not take the length of another coding for the size', async (t) => {
    const result = await check(t, (_, response) => {
      response.writeHead(200, { 'Content-Length': 12, 'Content-Encoding': 'gzip' }).end()
    })
    assert.equal(result.state === 'present' && result.size, undefined)
  })

  test('tells digests that are of the file, and none of a coding of it', async (t) => {
    const md5 = Buffer.alloc(16, 7)
    const fields = { 'Content-Length': 12, Digest: ['MD5=AAAA', `md5=${md5.toString('base64')}`] }
    const plain = await check(t, (_, response) => response.writeHead(200, fields).end())
    assert.deepEqual(plain.state === 'present' && plain.digests, { md5 })
    const coded = await check(t, (_, response) =>
      response.writeHead(200, { ...fields, 'Content-Encoding': 'gzip' }).end(),
    )
    assert.deepEqual(coded.state === 'present' && coded.digests, {})
  })

  for (const status of [405, 501]) {
    const refusing =
      (answer: RequestListener): RequestListener =>
      (request, response) => {
        if (request.method === 'HEAD') response.writeHead(status).end()
        else {
          assert.equal(request.headers.range, 'bytes=0-0')
          answer(request, response)
        }
      }

    test(`asks for a byte where HEAD is refused by ${status}`, async (t) => {
      const result = await check(
        t,
        refusing((_, response) => {
          response.writeHead(206, {
            'Content-Range': 'bytes 0-0/5368709120',
            'Content-Length': 1,
            'Last-Modified': MODIFIED,
          })
          response.end('x')
        }),
      )
      const expected = {
        state: 'present',
        size: 5_368_709_120,
        mtime: MTIME,
        etag: undefined,
        ranges: true,
        digests: {},
      }
      assert.deepEqual(result, expected)
    })

    test(`asks so, after ${status}, for a byte of an empty file`, async (t) => {
      const result = await check(
        t,
        refusing((_, response) => response.writeHead(416, { 'Content-Range': 'bytes */0' }).end()),
      )
      assert.deepEqual(result.state === 'present' && [result.size, result.ranges], [0, true])
    })

    test(`reads no whole file where a server, after ${status}, knows no ranges`, async (t) => {
      let sent = 0
      let closed = false
      const result = await check(
        t,
        refusing((_, response) => {
          response.writeHead(200, { 'Content-Length': 1e9 })
          const chunk = Buffer.alloc(65_536)
          const more = (): void => {
            while (!response.destroyed && response.write(chunk)) sent += chunk.length
          }
          response.on('drain', more).once('close', () => {
            closed = true
          })
          more()
        }),
      )
      assert.deepEqual(result.state === 'present' && [result.size, result.ranges], [1e9, false])
      await until('it is closed', () => closed)
      assert.ok(sent < 100e6, `${sent} bytes`)
    })
  }

  for (const [path, length] of [
    ['with ranges', 5],
    ['without ranges', 5],
    ['of an empty file', 0],
  ] as const)
    test(`that says 0 is a GET of the first byte: a server ${path}`, async (t) => {
      const methods: (string | undefined)[] = []
      const result = await check(t, ({ method }, response) => {
        methods.push(method)
        if (method === 'HEAD') response.writeHead(200, { 'Content-Length': 0 }).end()
        else if (path === 'with ranges') response.writeHead(206, { 'Content-Range': 'bytes 0-0/5' }).end('a')
        else response.writeHead(200, { 'Content-Length': length }).end('abcde'.slice(0, length))
      })
      assert.deepEqual(methods, ['HEAD', 'GET'])
      assert.equal(result.state === 'present' && result.size, length)
    })

  test('of a server that denies HEAD alone is a GET', async (t) => {
    const result = await check(t, ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(403).end()
      else response.writeHead(206, { 'Content-Range': 'bytes 0-0/5' }).end('a')
    })
    assert.equal(result.state === 'present' && result.size, 5)
  })

  for (const [field, expected] of [
    ['7', [7000, 7000]],
    ['0', [1000, 1000]],
    ['999999999', [3_600_000, 3_600_000]],
    [undefined, [30_000, 30_000]],
    ['soon', [30_000, 30_000]],
    [new Date(Date.now() + 60_000).toUTCString(), [40_000, 60_000]],
  ] as const)
    test(`notes that a busy server wants to be left alone: ${field}`, async (t) => {
      const result = await check(t, (_, response) =>
        response.writeHead(429, field === undefined ? {} : { 'Retry-After': field }).end(),
      )
      assert.ok(result.state === 'unknown' && result.retryAfterMs !== undefined)
      assert.equal(result.reason, 'it asks for fewer requests (429)')
      assert.ok(
        result.retryAfterMs >= expected[0] && result.retryAfterMs <= expected[1],
        `${result.retryAfterMs}`,
      )
    })

  test('ends where a server sends interim responses without end', async (t) => {
    const url = await startHostileMirror(t, 'informs for ever')
    const result = await checkFile(`${url}file`, { timeoutMs: 20_000 })
    assert.deepEqual(result, { state: 'unknown', reason: 'it sends more than 16 interim responses' })
  })

  test('takes what is gone or denied for absent, and nothing else', async (t) => {
    for (const status of [403, 404, 410, 451])
      assert.deepEqual(await check(t, (_, response) => response.writeHead(status).end()), {
        state: 'absent',
        status,
      })
    for (const status of [204, 400, 401, 500, 503]) {
      const result = await check(t, (_, response) => response.writeHead(status).end())
      assert.deepEqual(result, { state: 'unknown', reason: `the answer is ${status}`, status })
    }
  })

  test('follows redirects on the same host', async (t) => {
    const result = await check(t, (request, response) => {
      if (request.url === '/file') response.writeHead(301, { Location: '/moved' }).end()
      else response.writeHead(200, { 'Content-Length': 7 }).end()
    })
    assert.equal(result.state === 'present' && result.size, 7)
  })

  test('follows no redirect to another host', async (t) => {
    let requests = 0
    const other = await listen(
      t,
      (_, response) => {
        requests += 1
        response.end()
      },
      '127.0.0.2',
    )
    for (const location of [
      `${other.url}file`,
      other.url.replace('http:', 'https:'),
      '//elsewhere.example/',
      'ftp://127.0.0.1/',
    ]) {
      const result = await check(t, (_, response) => response.writeHead(302, { Location: location }).end())
      assert.equal(result.state, 'unknown')
      assert.match(result.state === 'unknown' ? result.reason : '', /redirect to another host/)
    }
    assert.equal(requests, 0)
  })

  test('follows no redirect to nowhere, and none round', async (t) => {
    const nowhere = await check(t, (_, response) => response.writeHead(302).end())
    assert.match(nowhere.state === 'unknown' ? nowhere.reason : '', /to nowhere/)
    const round = await check(t, (_, response) => response.writeHead(302, { Location: '/file' }).end())
    assert.match(round.state === 'unknown' ? round.reason : '', /too many/)
  })

  test('tells why it cannot be told', async (t) => {
    const unknown = async (url: string, options: CheckOptions = {}): Promise<string> => {
      const result = await checkFile(url, { timeoutMs: 300, ...options })
      return result.state === 'unknown' ? result.reason : result.state
    }
    assert.match(await unknown(`http://127.0.0.1:${await freePort('127.0.0.1')}/`), /ECONNREFUSED/)
    assert.match(await unknown('garbage'), /not one/)
    assert.match(await unknown('ftp://127.0.0.1/file'), /./)
    const mute = await startFaultyListing(t, 'hangs')
    assert.equal(await unknown(mute.url), 'no answer within 0.3 s')
    assert.equal(await unknown(mute.url, { signal: AbortSignal.abort() }), 'it was aborted')
    const controller = new AbortController()
    const waiting = unknown(mute.url, { signal: controller.signal, timeoutMs: 60_000 })
    setTimeout(() => controller.abort(), 100)
    assert.equal(await waiting, 'it was aborted')
    await until('no connection is left', async () => (await mute.connections()) === 0)
  })
})
