import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Agent } from 'undici'
import {
  type ChallengeDependencies,
  type ChallengeLimits,
  type ChallengeResult,
  challenge,
  choosePiece,
  type PieceTarget,
  pieceRange,
} from '../../../lib/mirrors/presence/file/challenge.js'
import { pieceLength } from '../../../lib/pieces.js'
import { startNginx } from '../../lab/nginx.js'
import { unlessInstalled } from '../../support/client.js'
import { type FakeMirror, type Fault, startFakeMirror } from '../../support/fake-mirror.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from '../../support/folder.js'
import { freePort } from '../../support/port.js'
import { listen } from '../../support/server.js'
import { until } from '../../support/until.js'

const LENGTH = 262_144
/** Two pieces and a few bytes. */
const CONTENT = pseudoRandomBytes(2 * LENGTH + 1000)
const SIZE = CONTENT.length
const SMALL = CONTENT.subarray(0, 1000)

/** Returns a piece of the big file. */
function targetAt(url: string, piece: number, content = CONTENT): PieceTarget {
  const sha256 = createHash('sha256')
    .update(content.subarray(piece * LENGTH, (piece + 1) * LENGTH))
    .digest()
  return { url, size: content.length, piece, length: LENGTH, sha256 }
}

async function start(scope: Scope, fault?: Fault, tls = false): Promise<FakeMirror> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'big.iso': CONTENT, small: SMALL })
  const mirror = await startFakeMirror(scope, root, { tls })
  mirror.fault = fault
  return mirror
}

/** Returns the verdict on a server's response for the second piece of three. */
async function ask(
  scope: Scope,
  listener: RequestListener,
  parts: ChallengeDependencies = {},
  limits: Partial<ChallengeLimits> = {},
): Promise<ChallengeResult> {
  const { url } = await listen(scope, listener)
  return challenge(targetAt(`${url}file`, 1), parts, { timeoutMs: 5000, ...limits })
}

function reasonOf(result: ChallengeResult): string {
  assert.equal(result.state, 'unknown', JSON.stringify(result))
  return result.state === 'unknown' ? result.reason : ''
}

function brokenOf(result: ChallengeResult): string {
  assert.equal(result.state, 'broken', JSON.stringify(result))
  return result.state === 'broken' ? result.reason : ''
}

describe('a challenge of a mirror', { timeout: 60_000 }, () => {
  test('that has the file shows it, for each piece', async (t) => {
    const mirror = await start(t)
    for (const [piece, bytes] of [LENGTH, LENGTH, 1000].entries()) {
      const result = await challenge(targetAt(`${mirror.url}big.iso`, piece))
      assert.ok(result.state === 'same', JSON.stringify(result))
      assert.equal(result.bytes, bytes)
      assert.ok(result.milliseconds >= 0 && result.milliseconds < 5000)
      assert.match(result.etag ?? '', /^"[0-9a-f]+-[0-9a-f]+"$/)
    }
    assert.equal((await challenge(targetAt(`${mirror.url}small`, 0, SMALL))).state, 'same')
    assert.deepEqual(
      mirror.requests.map(({ range }) => range),
      ['bytes=0-262143', 'bytes=262144-524287', `bytes=524288-${SIZE - 1}`, 'bytes=0-999'],
    )
    assert.equal(mirror.sent, SIZE + 1000)
  })

  test('that has one byte wrong shows that, in the piece with the byte and in no other', async (t) => {
    const mirror = await start(t, { kind: 'wrong bytes', at: LENGTH + 5 })
    const target = targetAt(`${mirror.url}big.iso`, 1)
    const result = await challenge(target)
    const spoilt = Buffer.from(CONTENT.subarray(LENGTH, 2 * LENGTH))
    spoilt[5] = (spoilt[5] ?? 0) ^ 0xff
    assert.ok(result.state === 'differs', JSON.stringify(result))
    const { etag, ...rest } = result
    assert.deepEqual(rest, {
      state: 'differs',
      start: LENGTH,
      end: 2 * LENGTH - 1,
      expected: Buffer.from(target.sha256).toString('hex'),
      got: createHash('sha256').update(spoilt).digest('hex'),
      bytes: LENGTH,
    })
    assert.match(etag ?? '', /^".+"$/)
    for (const piece of [0, 2])
      assert.equal((await challenge(targetAt(`${mirror.url}big.iso`, piece))).state, 'same')
  })

  test('that knows no ranges shows a wrong byte of a file of one piece', async (t) => {
    const { url } = await listen(t, (_, response) => {
      response.writeHead(200, { 'Content-Length': SMALL.length }).end(Buffer.alloc(SMALL.length, 7))
    })
    assert.equal((await challenge(targetAt(`${url}small`, 0, SMALL))).state, 'differs')
  })

  const faults: readonly (readonly [Fault, (result: ChallengeResult) => void])[] = [
    [{ kind: 'lacks' }, (result) => assert.deepEqual(result, { state: 'absent', status: 404 })],
    [{ kind: 'fails', status: 410 }, (result) => assert.deepEqual(result, { state: 'absent', status: 410 })],
    [
      { kind: 'wrong size', by: 1 },
      (result) => assert.deepEqual(result, { state: 'resized', size: SIZE + 1 }),
    ],
    [
      { kind: 'wrong size', by: -1100 },
      (result) => assert.deepEqual(result, { state: 'resized', size: SIZE - 1100 }),
    ],
    [
      { kind: 'stale', path: 'big.iso', content: SMALL, mtime: new Date(0) },
      // The file ends before the piece begins.
      (result) => assert.deepEqual(result, { state: 'resized', size: 1000 }),
    ],
    [{ kind: 'fails' }, (result) => assert.equal(reasonOf(result), 'the answer is 500')],
    [{ kind: 'hangs' }, (result) => assert.equal(reasonOf(result), 'nothing came for 0.3 s')],
    [{ kind: 'drips' }, (result) => assert.equal(reasonOf(result), 'nothing came for 0.3 s')],
    [
      { kind: 'truncates' },
      (result) => assert.equal(brokenOf(result), 'it breaks off after 131072 bytes of 262144'),
    ],
    [{ kind: 'redirects' }, (result) => assert.match(reasonOf(result), /too many redirects/)],
    [{ kind: 'sends HTML' }, (result) => assert.match(reasonOf(result), /a page of HTML/)],
    [{ kind: 'knows no Range' }, (result) => assert.match(reasonOf(result), /all of the file/)],
    [{ kind: 'wrong Content-Length' }, (result) => assert.match(brokenOf(result), /of another length/)],
    [
      { kind: 'wrong Content-Length', by: -10 },
      (result) => assert.match(brokenOf(result), /of another length/),
    ],
  ]
  for (const [fault, expected] of faults) {
    test(`that ${fault.kind} ${'by' in fault ? (fault.by ?? '') : ''} is told from one with wrong bytes`, async (t) => {
      const mirror = await start(t, fault)
      expected(await challenge(targetAt(`${mirror.url}big.iso`, 1), {}, { silenceMs: 300, timeoutMs: 3000 }))
    })
  }

  test('that refuses, or shows no good certificate, tells nothing', async (t) => {
    const port = await freePort('127.0.0.1')
    assert.match(reasonOf(await challenge(targetAt(`http://127.0.0.1:${port}/`, 1))), /ECONNREFUSED/)
    const mirror = await start(t, undefined, true)
    assert.match(reasonOf(await challenge(targetAt(`${mirror.url}big.iso`, 1))), /self-signed/)
    for (const url of ['garbage', 'ftp://127.0.0.1/file', 'file:///etc/passwd'])
      assert.match(reasonOf(await challenge(targetAt(url, 1))), /./)
    for (const piece of [-1, 3, 0.5, Number.NaN])
      assert.match(reasonOf(await challenge({ ...targetAt(mirror.url, 0), piece })), /no such piece/)
  })

  test('is answered by nginx', { skip: unlessInstalled('nginx') }, async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'big.iso': CONTENT })
    const { url } = await startNginx(t, [`root "${root}";`])
    assert.equal((await challenge(targetAt(join(url, 'big.iso'), 2))).state, 'same')
    const other = { ...targetAt(join(url, 'big.iso'), 2), sha256: Buffer.alloc(32) }
    assert.equal((await challenge(other)).state, 'differs')
    assert.deepEqual(await challenge({ ...other, size: SIZE - 1 }), { state: 'resized', size: SIZE })
    assert.deepEqual(await challenge({ ...other, size: SIZE + LENGTH, piece: 3 }), {
      state: 'resized',
      size: SIZE,
    })
  })

  test('uses a connection again', async (t) => {
    let connections = 0
    const { url, server } = await listen(t, (request, response) => {
      if (request.url === '/absent') response.writeHead(404).end('not here')
      else if (request.url === '/moved') response.writeHead(302, { Location: '/file' }).end('see there')
      else
        response
          .writeHead(206, { 'Content-Range': `bytes ${LENGTH}-${2 * LENGTH - 1}/${SIZE}` })
          .end(CONTENT.subarray(LENGTH, 2 * LENGTH))
    })
    server.on('connection', () => {
      connections += 1
    })
    const dispatcher = new Agent({ connections: 1 })
    t.after(() => dispatcher.destroy())
    const states: string[] = []
    for (const path of ['file', 'absent', 'moved', 'file'])
      states.push((await challenge(targetAt(url + path, 1), { dispatcher })).state)
    assert.deepEqual(states, ['same', 'absent', 'same', 'same'])
    assert.equal(connections, 1)
  })
})

const RANGE = `bytes ${LENGTH}-${2 * LENGTH - 1}/${SIZE}`
const WRONG = Buffer.alloc(LENGTH, 7)

describe('wrong bytes are not held against a mirror', { timeout: 60_000 }, () => {
  const ways: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
    'where they are coded': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE, 'Content-Encoding': 'gzip' }).end(WRONG)
      },
      /encoded/,
    ],
    'where they are of another part': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': `bytes 0-${LENGTH - 1}/${SIZE}` }).end(WRONG)
      },
      /another part/,
    ],
    'where it is not told of what part they are': [
      (_, response) => {
        response.writeHead(206).end(WRONG)
      },
      /does not say which/,
    ],
    'where they are several parts': [
      (_, response) => {
        response.writeHead(206, { 'Content-Type': 'multipart/byteranges; boundary=x' }).end(WRONG)
      },
      /does not say which/,
    ],
    'where the part cannot be': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': `bytes ${LENGTH}-${2 * LENGTH - 1}/${LENGTH}` }).end(WRONG)
      },
      /does not say which/,
    ],
    'where it is not told of how long a file they are': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE.replace(/\/.*/, '/*') }).end(WRONG)
      },
      /of what size/,
    ],
    'where they are fewer': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE }).end(WRONG.subarray(1))
      },
      /it sends 262143 bytes of 262144/,
    ],
    'where they are more': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE }).end(Buffer.alloc(LENGTH + 1))
      },
      /more than the piece/,
    ],
    'where they break off': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE, 'Content-Length': LENGTH })
        response.write(WRONG.subarray(1), () => response.destroy())
      },
      /./,
    ],
    'where they break off, of no told length': [
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE })
        response.write(WRONG, () => response.destroy())
      },
      /./,
    ],
    'where they are HTML, as long as they may be': [
      (_, response) => {
        response
          .writeHead(206, { 'Content-Range': RANGE, 'Content-Type': 'text/html; charset=utf-8' })
          .end(WRONG)
      },
      /a page of HTML/,
    ],
    'where they are all of a file': [
      (_, response) => {
        response.writeHead(200, { 'Content-Length': SIZE }).end(Buffer.alloc(SIZE))
      },
      /all of the file/,
    ],
    'where they come with an error': [
      (_, response) => {
        response.writeHead(503, { 'Content-Range': RANGE }).end(WRONG)
      },
      /the answer is 503/,
    ],
    'where they are another host’s': [
      (_, response) => {
        response.writeHead(302, { Location: 'http://127.0.0.2:9/' }).end(WRONG)
      },
      /a redirect to another host, "127\.0\.0\.2:9"/,
    ],
    'where there are none': [
      (_, response) => {
        response.writeHead(416, { 'Content-Range': `bytes */${SIZE}` }).end()
      },
      /no such piece/,
    ],
  }
  for (const [what, [listener, reason]] of Object.entries(ways))
    test(what, async (t) => {
      const result = await ask(t, listener)
      assert.ok(result.state === 'unknown' || result.state === 'broken', JSON.stringify(result))
      assert.match(result.reason, reason)
    })

  test('where all of a small file is of no told length', async (t) => {
    const { url } = await listen(t, (_, response) => {
      response.flushHeaders()
      response.end(Buffer.alloc(SMALL.length))
    })
    assert.match(reasonOf(await challenge(targetAt(`${url}small`, 0, SMALL))), /of what size/)
  })
})

describe('a challenge costs no more than a piece', { timeout: 60_000 }, () => {
  /** Sends for ever. */
  const flood =
    (
      status: number,
      fields: Readonly<Record<string, string | number>>,
      count: (bytes: number) => void,
    ): RequestListener =>
    (_, response) => {
      response.writeHead(status, fields)
      const chunk = Buffer.alloc(65_536)
      const more = (): void => {
        for (let goesOn = true; goesOn && !response.destroyed; ) {
          goesOn = response.write(chunk)
          count(chunk.length)
        }
      }
      response.on('drain', more)
      more()
    }
  const answers: readonly (readonly [number, Readonly<Record<string, string | number>>])[] = [
    [200, { 'Content-Length': 1e12 }],
    [200, {}],
    [206, { 'Content-Range': RANGE }],
    [206, { 'Content-Range': `bytes 0-${SIZE - 1}/${SIZE}`, 'Content-Length': 1e12 }],
    [404, {}],
    [500, { 'Content-Length': 1e12 }],
  ]
  for (const [status, fields] of answers) {
    test(`where ${status} ${JSON.stringify(fields)} is without end`, async (t) => {
      let sent = 0
      const dispatcher = new Agent()
      t.after(() => dispatcher.destroy())
      let closed = false
      const result = await ask(
        t,
        (request, response) => {
          response.once('close', () => {
            closed = true
          })
          flood(status, fields, (bytes) => {
            sent += bytes
          })(request, response)
        },
        { dispatcher },
      )
      assert.notEqual(result.state, 'differs')
      assert.notEqual(result.state, 'same')
      await until('it is closed', () => closed)
      // Kernels and streams buffer more than is read.
      assert.ok(sent < 20e6, `${sent} bytes`)
    })
  }

  test('of time, either, and says what held it up', async (t) => {
    const slow: RequestListener = (_, response) => {
      response.writeHead(206, { 'Content-Range': RANGE, 'Content-Length': LENGTH })
      const timer = setInterval(() => response.write('x'), 20)
      response.once('close', () => clearInterval(timer))
    }
    const limits = { timeoutMs: 500, silenceMs: 300 }
    assert.equal(reasonOf(await ask(t, slow, {}, limits)), 'no answer within 0.5 s')
    const mute: RequestListener = (_, response) => {
      response.writeHead(206, { 'Content-Range': RANGE, 'Content-Length': LENGTH }).write('x')
    }
    assert.equal(
      reasonOf(await ask(t, mute, {}, { timeoutMs: 5000, silenceMs: 300 })),
      'nothing came for 0.3 s',
    )
  })

  test('and can be ended at once', async (t) => {
    assert.equal(reasonOf(await ask(t, () => {}, { signal: AbortSignal.abort() })), 'it was aborted')
    const controller = new AbortController()
    const result = await ask(
      t,
      (_, response) => {
        response.writeHead(206, { 'Content-Range': RANGE, 'Content-Length': LENGTH }).write('x')
        controller.abort()
      },
      { signal: controller.signal },
    )
    assert.equal(reasonOf(result), 'it was aborted')
  })
})

describe('a challenge that is led elsewhere', { timeout: 60_000 }, () => {
  const good: RequestListener = (_, response) => {
    response.writeHead(206, { 'Content-Range': RANGE }).end(CONTENT.subarray(LENGTH, 2 * LENGTH))
  }

  test('follows where its mirror may do that, and no further than to public addresses', async (t) => {
    const other = await listen(t, good, '127.0.0.2')
    const leads: RequestListener = (_, response) => {
      response.writeHead(302, { Location: `${other.url}file` }).end()
    }
    assert.match(reasonOf(await ask(t, leads)), /another host/)
    const closed = await ask(t, leads, { redirects: true })
    assert.match(reasonOf(closed), /a redirect to "127\.0\.0\.2:\d+", a private address/)
    assert.equal((await ask(t, leads, { redirects: true, allowsPrivate: true })).state, 'same')
  })

  test('goes nowhere but over HTTP', async (t) => {
    for (const location of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'data:,x', 'javascript:1']) {
      const result = await ask(t, (_, response) => response.writeHead(302, { Location: location }).end(), {
        redirects: true,
        allowsPrivate: true,
      })
      assert.match(reasonOf(result), /a redirect to "(ftp|file|data|javascript):"/)
    }
    for (const host of ['localhost', 'a.localhost', '10.0.0.1', '[::1]', '169.254.169.254', '0x7f.2']) {
      const to = `http://${host}/`
      const result = await ask(t, (_, response) => response.writeHead(302, { Location: to }).end(), {
        redirects: true,
      })
      assert.match(reasonOf(result), /a private address/, host)
    }
  })
})

describe('pieces', () => {
  const sizes = fc.integer({ min: 0, max: 2 ** 40 })

  test('cover a file without a gap, and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 5000 }), (size, length) => {
        let next = 0
        for (let piece = 0; ; piece += 1) {
          const range = pieceRange(size, length, piece)
          if (range === undefined) break
          assert.equal(range.start, next)
          assert.ok(range.end >= range.start && range.end - range.start < length)
          next = range.end + 1
        }
        assert.equal(next, size)
      }),
    )
  })

  test('are chosen within the file, whatever chance says', () => {
    const draws = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(sizes, draws, (size, random) => {
        const piece = choosePiece(size, () => random)
        if (size === 0) assert.equal(piece, undefined)
        else assert.ok(pieceRange(size, pieceLength(size), piece ?? -1) !== undefined)
      }),
    )
  })

  test('are all chosen, the first and the last too', () => {
    assert.deepEqual(
      [0, 0.3, 0.34, 0.67, 0.99].map((random) => choosePiece(SIZE, () => random)),
      [0, 0, 1, 2, 2],
    )
  })
})
