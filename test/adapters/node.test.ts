import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { it } from 'node:test'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { OriginOptions } from '../../lib/index.js'
import { pseudoRandomBytes, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { until } from '../support/until.js'

const TEXT = 'twenty-one bytes long'
const MODIFIED = new Date(Date.now() - 3_600_000)

async function start(scope: Scope, handler?: RequestListener, options: Partial<OriginOptions> = {}) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.txt': TEXT })
  const mirrors = [{ id: 'm', url: 'http://m.invalid/' }]
  const origin = await startOrigin(scope, { root, mirrors, ...options })
  const { port } = await listen(scope, mirroredBy(origin, handler))
  return { root, origin, port }
}

const HEADS: readonly (readonly [string, RequestListener])[] = [
  [
    'setHeader and end',
    (_request, response) => {
      response.setHeader('Content-Length', TEXT.length)
      response.end(TEXT)
    },
  ],
  [
    'writeHead with an object',
    (_request, response) => {
      response.writeHead(200, { 'content-length': TEXT.length })
      response.end(TEXT)
    },
  ],
  [
    'writeHead with a reason and an object',
    (_request, response) => {
      response.writeHead(200, 'Fine', { 'Content-Length': String(TEXT.length) })
      response.end(TEXT)
    },
  ],
  [
    'writeHead with an array',
    (_request, response) => {
      response.writeHead(200, ['Content-Length', String(TEXT.length)])
      response.end(TEXT)
    },
  ],
  [
    'several writes',
    (_request, response) => {
      response.setHeader('Content-Length', TEXT.length)
      response.write(TEXT.slice(0, 5))
      response.end(TEXT.slice(5))
    },
  ],
  [
    'later',
    (_request, response) => {
      setImmediate(() => {
        response.setHeader('Content-Length', TEXT.length)
        response.end(TEXT)
      })
    },
  ],
]
for (const [how, handler] of HEADS) {
  it(`decorates a handler that answers by ${how}`, async (t) => {
    const { port } = await start(t, handler)
    const answer = await rawRequest(port, 'GET', '/a.txt')
    assert.equal(answer.status, 200)
    assert.equal(answer.body.toString(), TEXT)
    assert.equal(values(answer, 'digest').length, 3)
    assert.deepEqual(values(answer, 'x-mirrored-by'), ['http://m.invalid/a.txt'])
    assert.equal(values(answer, 'etag').length, 1)
  })
}

it('turns a 200 into a 304 where the client has the bytes by our tag, and drops the body', async (t) => {
  const { port } = await start(t, HEADS[0]?.[1])
  const etag = values(await rawRequest(port, 'HEAD', '/a.txt'), 'etag')[0] ?? ''
  const answer = await rawRequest(port, 'GET', '/a.txt', { 'If-None-Match': etag })
  assert.equal(answer.status, 304)
  assert.equal(answer.body.length, 0)
  assert.equal(values(answer, 'digest').length, 3)
})

it('answers a plain 404 itself where there is no handler', async (t) => {
  const { port } = await start(t)
  const answer = await rawRequest(port, 'GET', '/none')
  assert.equal(answer.status, 404)
  assert.equal(answer.body.toString(), 'there is no such file\n')
})

it("takes the client's address and scheme from a trusted proxy only", async (t) => {
  for (const [trustProxy, address, secure] of [
    [[], '127.0.0.1', false],
    [['loopback'], '192.0.2.7', true],
    [['127.0.0.0/8'], '192.0.2.7', true],
    [['10.0.0.0/8'], '127.0.0.1', false],
  ] as const) {
    const { port, origin } = await start(t, undefined, { trustProxy })
    const seen: unknown[] = []
    const plan = origin.plan.bind(origin)
    origin.plan = (view) => {
      seen.push([view.address, view.secure])
      return plan(view)
    }
    await rawRequest(port, 'GET', '/a.txt', { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' })
    assert.deepEqual(seen, [[address, secure]], trustProxy.join())
  }
})

it('never sends a client that came by https to a plain mirror', async (t) => {
  const mirrors = [
    { id: 'plain', url: 'http://plain.invalid/' },
    { id: 'both', urls: ['http://both.invalid/', 'https://both.invalid/'] },
    { id: 'secure', url: 'https://secure.invalid/' },
  ]
  const { port } = await start(t, undefined, { serve: true, trustProxy: ['loopback'], mirrors })
  const secure = await rawRequest(port, 'HEAD', '/a.txt', { 'X-Forwarded-Proto': 'https' })
  assert.deepEqual(values(secure, 'x-mirrored-by'), [
    'https://both.invalid/a.txt',
    'https://secure.invalid/a.txt',
  ])
  assert.match(values(secure, 'link')[0] ?? '', /^<https:\/\/origin.example\/a.txt.meta4>/)
  const plain = await rawRequest(port, 'HEAD', '/a.txt')
  assert.equal(values(plain, 'x-mirrored-by').length, 3)
})

it('keeps the block below its size, however many and long the mirrors are', async (t) => {
  const mirrors = Array.from({ length: 20 }, (_, index) => ({
    id: `m${index}`,
    url: `http://mirror-${index}.invalid/${'path/'.repeat(100)}`,
  }))
  const { port } = await start(t, undefined, { serve: true, mirrors, maxDuplicates: 20 })
  const answer = await rawRequest(port, 'HEAD', '/a.txt')
  const ours = answer.lines.filter((line) =>
    /^(link|digest|repr-digest|x-mirrored-by|x-md5|vary): /i.test(line),
  )
  const bytes = ours.reduce((sum, line) => sum + line.length + 2, 0)
  assert.ok(bytes <= 3500 && bytes > 2000, `${bytes} bytes`)
  assert.equal(values(answer, 'digest').length, 3)
  assert.equal(values(answer, 'link').length, values(answer, 'x-mirrored-by').length + 1)
})

it('serves no file outside the root, whatever links say', async (t) => {
  const outside = temporaryFolder(t)
  writeFiles(outside, { 'secret.txt': 'secret' })
  const { port, root } = await start(t, undefined, { serve: true })
  symlinkSync(join(outside, 'secret.txt'), join(root, 'link.txt'))
  symlinkSync(outside, join(root, 'folder'))
  symlinkSync('a.txt', join(root, 'inside.txt'))
  writeFiles(root, { '.hidden': 'hidden', '.git/config': 'hidden' })
  for (const target of ['/link.txt', '/folder/secret.txt', '/.hidden', '/.git/config']) {
    assert.equal((await rawRequest(port, 'GET', target)).status, 404, target)
  }
  assert.equal((await rawRequest(port, 'GET', '/inside.txt')).body.toString(), TEXT)
})

it('does not hang on a FIFO', { skip: process.platform === 'win32' }, async (t) => {
  const { port, root } = await start(t, undefined, { serve: true })
  assert.equal(spawnSync('mkfifo', [join(root, 'pipe')]).status, 0)
  assert.equal((await rawRequest(port, 'GET', '/pipe')).status, 404)
})

it('serves a file that is not indexed yet, without digests, and then with them', async (t) => {
  const { port, root, origin } = await start(t, undefined, { serve: true, settle: 300 })
  writeFileSync(join(root, 'new.txt'), 'brand new')
  const first = await rawRequest(port, 'GET', '/new.txt')
  assert.equal(first.body.toString(), 'brand new')
  assert.deepEqual(values(first, 'digest'), [])
  await until('it is indexed', () => origin.lookup('new.txt'))
  const second = await rawRequest(port, 'GET', '/new.txt')
  assert.equal(values(second, 'digest').length, 3)
})

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

it('closes its descriptor when the client goes away', { skip: process.platform !== 'linux' }, async (t) => {
  const { port, root, origin } = await start(t, undefined, { serve: true })
  writeFiles(root, { 'big.bin': pseudoRandomBytes(32 * 1024 * 1024) })
  await until('it is indexed', () => origin.lookup('big.bin'))
  const before = openDescriptors()
  for (let count = 0; count < 10; count += 1) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /big.bin HTTP/1.1\r\nHost: origin.example\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
  }
  for (const fields of [{}, { Range: 'bytes=0-3' }, { Range: 'bytes=0-3,9-12' }, { 'If-None-Match': '*' }]) {
    await rawRequest(port, 'HEAD', '/a.txt', fields)
    await rawRequest(port, 'GET', '/a.txt', fields)
  }
  await until('every descriptor is closed', () => openDescriptors() <= before)
})

it('breaks the connection off when the file becomes shorter under its hands', async (t) => {
  const { port, root, origin } = await start(t, undefined, { serve: true })
  const size = 64 * 1024 * 1024
  writeFiles(root, { 'big.bin': pseudoRandomBytes(size) })
  await until('it is indexed', () => origin.lookup('big.bin'))
  origin.on('warning', () => {})
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /big.bin HTTP/1.1\r\nHost: origin.example\r\n\r\n')
  let received = 0
  socket.once('data', () => truncateSync(join(root, 'big.bin'), 1024 * 1024))
  socket.on('data', (chunk) => {
    received += chunk.length
  })
  // A kept-alive connection would wait for bytes that never arrive.
  await once(socket, 'close')
  assert.ok(received < size, `${received} bytes`)
})

it('makes entity tags as nginx and Apache do', async (t) => {
  const seconds = Math.floor(MODIFIED.getTime() / 1000)
  for (const [etag, pattern] of [
    ['nginx', /^"[0-9a-f]{8}-15"$/],
    ['apache', /^"15-[0-9a-f]{13}"$/],
  ] as const) {
    const { port } = await start(t, undefined, { serve: true, etag })
    const [tag = ''] = values(await rawRequest(port, 'HEAD', '/a.txt'), 'etag')
    assert.match(tag, pattern)
    if (etag === 'nginx') assert.ok(Math.abs(Number.parseInt(tag.slice(1), 16) - seconds) < 60)
  }
})
