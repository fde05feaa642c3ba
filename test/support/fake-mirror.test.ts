import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Agent, request } from 'undici'
import { type FakeMirrorChoices, startFakeMirror } from './fake-mirror.js'
import { type Scope, temporaryFolder, writeFiles } from './folder.js'
import { until } from './until.js'

const CONTENT = '0123456789'

async function start(scope: Scope, choices: FakeMirrorChoices = {}) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a b.iso': CONTENT, 'folder/c': 'c' })
  const mirror = await startFakeMirror(scope, root, choices)
  const agent = new Agent()
  scope.after(() => agent.destroy())
  const get = async (path: string, range?: string) => {
    const { statusCode, headers, body } = await request(join(mirror.url, path), {
      dispatcher: agent,
      headers: range === undefined ? {} : { range },
    })
    const bytes = await body.arrayBuffer().then(Buffer.from, () => Buffer.from('broken'))
    return { status: statusCode, headers, bytes, text: bytes.toString() }
  }
  return { root, mirror, get }
}

describe('a mirror of a folder', { timeout: 30_000 }, () => {
  test('serves files, parts of them, and indexes, and counts', async (t) => {
    const { mirror, get } = await start(t)
    const whole = await get('a%20b.iso')
    assert.deepEqual([whole.status, whole.text], [200, CONTENT])
    assert.match(String(whole.headers['last-modified']), /GMT$/)
    const part = await get('a%20b.iso', 'bytes=2-4')
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10'])
    assert.equal((await get('a%20b.iso', 'bytes=10-20')).status, 416)
    assert.equal((await get('nothing')).status, 404)
    const listed = JSON.parse((await get('')).text) as { name: string; size?: number }[]
    assert.deepEqual(
      listed.map(({ name, size }) => [name, size]),
      [
        ['a b.iso', 10],
        ['folder', undefined],
      ],
    )
    assert.equal(mirror.sent, 13)
    assert.deepEqual(
      mirror.requests.slice(0, 2).map(({ method, path, range }) => [method, path, range]),
      [
        ['GET', '/a%20b.iso', undefined],
        ['GET', '/a%20b.iso', 'bytes=2-4'],
      ],
    )
  })

  test('can be at fault with its content', async (t) => {
    const { mirror, get } = await start(t)
    mirror.fault = { kind: 'wrong bytes', at: 3 }
    const spoilt = Buffer.from(CONTENT).map((byte, at) => (at === 3 ? byte ^ 0xff : byte))
    assert.deepEqual((await get('a%20b.iso', 'bytes=2-4')).bytes, Buffer.from(spoilt.subarray(2, 5)))
    assert.equal((await get('a%20b.iso', 'bytes=4-5')).text, '45')
    mirror.fault = { kind: 'wrong size', by: 2 }
    assert.equal((await get('a%20b.iso')).text, `${CONTENT}\0\0`)
    mirror.fault = { kind: 'wrong size', by: -2 }
    assert.equal((await get('a%20b.iso', 'bytes=5-9')).text, '567')
    mirror.fault = { kind: 'truncates' }
    assert.equal((await get('a%20b.iso')).text, 'broken')
    mirror.fault = { kind: 'wrong Content-Length' }
    assert.equal((await get('a%20b.iso')).text, 'broken')
    mirror.fault = { kind: 'knows no Range' }
    assert.equal((await get('a%20b.iso', 'bytes=2-4')).status, 200)
    mirror.fault = { kind: 'stale', path: 'a b.iso', content: Buffer.from('old'), mtime: new Date(0) }
    const old = await get('a%20b.iso')
    assert.deepEqual([old.text, old.headers['last-modified']], ['old', 'Thu, 01 Jan 1970 00:00:00 GMT'])
    assert.match((await get('')).text, /"a b.iso","type":"file","mtime":"Thu, 01 Jan 1970 [^"]+","size":3/)
    mirror.fault = { kind: 'lacks', path: 'a b.iso' }
    assert.equal((await get('a%20b.iso')).status, 404)
    assert.ok(!(await get('')).text.includes('iso'))
    mirror.fault = undefined
    assert.equal((await get('a%20b.iso')).text, CONTENT)
  })

  test('can be at fault with everything', async (t) => {
    const { mirror, get } = await start(t, { index: 'html' })
    assert.match(
      (await get('')).text,
      /<a href="a%20b.iso">a b.iso<\/a> \d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d 10\r\n/,
    )
    mirror.fault = { kind: 'fails' }
    assert.equal((await get('')).status, 500)
    mirror.fault = { kind: 'redirects' }
    assert.equal((await get('folder/c?7')).headers.location, '/folder/c?8')
    mirror.fault = { kind: 'sends HTML' }
    assert.equal((await get('folder/c')).headers['content-type'], 'text/html')
    mirror.fault = { kind: 'lists', how: 'is encoded' }
    assert.equal((await get('')).headers['content-encoding'], 'gzip')
    mirror.fault = { kind: 'fails', path: 'folder/' }
    assert.equal((await get('folder/c')).text, 'c')
  })

  for (const [kind, least] of [
    ['hangs', 0],
    ['drips', 2],
  ] as const) {
    test(`${kind}, and so keeps a client waiting`, async (t) => {
      const { mirror } = await start(t)
      mirror.fault = { kind }
      const socket = connect(Number(new URL(mirror.url).port), '127.0.0.1')
      t.after(() => socket.destroy())
      let came = ''
      socket.on('data', (bytes) => {
        came += bytes.toString()
      })
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('it has come', () => mirror.requests.length === 1 && came.length >= least)
      assert.ok('HTTP/1.1 200 OK'.startsWith(came), came)
    })
  }

  test('can refuse, and be back at the same port', async (t) => {
    const { mirror, get } = await start(t)
    const idle = connect(Number(new URL(mirror.url).port), '127.0.0.1')
    await once(idle, 'connect')
    const closed = once(idle.resume(), 'close')
    await mirror.refuse()
    await closed
    await assert.rejects(get(''), { code: 'ECONNREFUSED' })
    await mirror.accept()
    assert.equal((await get('folder/c')).text, 'c')
    await mirror.refuse()
  })

  test('can speak TLS, which nobody trusts who is not told to', async (t) => {
    const { mirror, get } = await start(t, { tls: true })
    await assert.rejects(get(''), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const trusting = new Agent({ connect: { ca: mirror.certificate?.cert ?? '' } })
    t.after(() => trusting.destroy())
    const { body } = await request(`${mirror.url}folder/c`, { dispatcher: trusting })
    assert.equal(await body.text(), 'c')
  })
})
