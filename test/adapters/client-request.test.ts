import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import Koa, { type Middleware } from 'koa'
import mount from 'koa-mount'
import serveStatic from 'koa-static'
import { addressOf, ClientRequest, trustIn } from '../../lib/adapters/client-request.js'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { type RawAnswer, rawRequest, sendRaw, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'

const MIRRORS = [
  { id: 'both', urls: ['http://m.invalid/', 'https://m.invalid/'], location: 'us' },
  { id: 'plain', url: 'http://plain.invalid/', location: 'us' },
]

interface Started {
  readonly origin: Origin
  /** Addresses of clients, as planned with. */
  readonly addresses: string[]
}

async function start(scope: Scope, options: Partial<OriginOptions>): Promise<Started> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.txt': 'content', 'deep/b.txt': 'more' })
  const origin = await startOrigin(scope, { root, mirrors: MIRRORS, ...options })
  origin.on('warning', (warning) => assert.fail(warning.message))
  const addresses: string[] = []
  const plan = origin.plan.bind(origin)
  origin.plan = (view) => {
    addresses.push(view.address)
    return plan(view)
  }
  return { origin, addresses }
}

/** Returns the URL of the repository as the first link of a response names it. */
function baseIn(answer: RawAnswer, path = 'a.txt'): string | undefined {
  return values(answer, 'link')
    .map((line) => /^<(.*)>; rel=describedby/.exec(line)?.[1])
    .find((url) => url?.endsWith(`${path}.meta4`))
    ?.slice(0, -`${path}.meta4`.length)
}

const app = (...layers: readonly Middleware[]): Koa => {
  const made = new Koa()
  made.silent = true
  for (const layer of layers) made.use(layer)
  return made
}

const ADAPTERS: readonly (readonly [name: string, listener: (origin: Origin) => RequestListener])[] = [
  ['node:http', (origin) => nodeMirroredBy(origin, plainFiles(origin.root))],
  ['node:http with serve: true', (origin) => nodeMirroredBy(origin)],
  ['Koa', (origin) => app(koaMirroredBy(origin), serveStatic(origin.root)).callback()],
]

type Row = readonly [fields: Readonly<Record<string, string>>, base: string, address: string]

/** Behind 127.0.0.1 and 10.0.0.0/8. */
const BEHIND: readonly Row[] = [
  [{}, 'http://origin.example/', '127.0.0.1'],
  // X-Forwarded-For: nodes with ports, brackets and quotes.
  [{ 'X-Forwarded-For': '8.8.8.8' }, 'http://origin.example/', '8.8.8.8'],
  [{ 'X-Forwarded-For': '8.8.8.8:51413' }, 'http://origin.example/', '8.8.8.8'],
  [{ 'X-Forwarded-For': '8.8.8.8:51413, 10.0.0.6' }, 'http://origin.example/', '8.8.8.8'],
  [{ 'X-Forwarded-For': '8.8.8.8:51413, 10.0.0.6:4711' }, 'http://origin.example/', '8.8.8.8'],
  [{ 'X-Forwarded-For': '1.1.1.1, 8.8.8.8:1,10.0.0.6:2' }, 'http://origin.example/', '8.8.8.8'],
  [{ 'X-Forwarded-For': '2001:4860:4860::8888' }, 'http://origin.example/', '2001:4860:4860::8888'],
  [{ 'X-Forwarded-For': '[2001:4860:4860::8888]' }, 'http://origin.example/', '2001:4860:4860::8888'],
  [{ 'X-Forwarded-For': '[2001:4860:4860::8888]:443' }, 'http://origin.example/', '2001:4860:4860::8888'],
  [{ 'X-Forwarded-For': '"[2001:4860:4860::8888]:443"' }, 'http://origin.example/', '2001:4860:4860::8888'],
  [{ 'X-Forwarded-For': 'unknown' }, 'http://origin.example/', ''],
  [{ 'X-Forwarded-For': '8.8.8.8, unknown' }, 'http://origin.example/', ''],
  [{ 'X-Forwarded-For': '8.8.8.8, unix socket' }, 'http://origin.example/', ''],
  [{ 'X-Forwarded-For': 'junk, , ;' }, 'http://origin.example/', ''],
  // X-Forwarded-Proto, -Host and -Port.
  [{ 'X-Forwarded-Proto': 'https' }, 'https://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'HTTPS' }, 'https://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'https, http' }, 'https://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'http' }, 'http://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': '' }, 'http://origin.example/', '127.0.0.1'],
  [
    { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'dl.example.org', 'X-Forwarded-For': '8.8.8.8' },
    'https://dl.example.org/',
    '8.8.8.8',
  ],
  [{ 'X-Forwarded-Host': 'dl.example.org, inner' }, 'http://dl.example.org/', '127.0.0.1'],
  [{ 'X-Forwarded-Host': 'dl.example.org:8443' }, 'http://dl.example.org:8443/', '127.0.0.1'],
  [{ 'X-Forwarded-Host': '[2001:db8::1]' }, 'http://[2001:db8::1]/', '127.0.0.1'],
  [
    { 'X-Forwarded-Host': '[2001:db8::1]', 'X-Forwarded-Port': '8080' },
    'http://[2001:db8::1]:8080/',
    '127.0.0.1',
  ],
  [{ 'X-Forwarded-Host': 'dl.example.org', 'X-Forwarded-Port': '80' }, 'http://dl.example.org/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Port': '443' }, 'https://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Port': '80' }, 'https://origin.example/', '127.0.0.1'],
  [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Port': '8443' }, 'https://origin.example:8443/', '127.0.0.1'],
  [
    { 'X-Forwarded-Host': 'dl.example.org:1', 'X-Forwarded-Port': '8443' },
    'http://dl.example.org:1/',
    '127.0.0.1',
  ],
  [{ 'X-Forwarded-Port': 'x' }, 'http://origin.example/', '127.0.0.1'],
  // Forwarded (RFC 7239).
  [{ Forwarded: 'for=8.8.8.8;proto=https;host=dl.example.org' }, 'https://dl.example.org/', '8.8.8.8'],
  [
    { Forwarded: 'For="[2001:db8::1]:4711"; Proto=https; By=10.0.0.1' },
    'https://origin.example/',
    '2001:db8::1',
  ],
  [{ Forwarded: 'for=8.8.8.8:80;host="dl.example.org:8443"' }, 'http://dl.example.org:8443/', '8.8.8.8'],
  [
    { Forwarded: 'for=8.8.8.8;proto=https;host=dl.example.org, for=10.0.0.6;proto=http;host=inner' },
    'https://dl.example.org/',
    '8.8.8.8',
  ],
  // What the client itself has sent is before the last node that is no proxy.
  [
    { Forwarded: 'for=1.1.1.1;host=evil.example;proto=https, for=8.8.8.8;host=dl.example.org' },
    'http://dl.example.org/',
    '8.8.8.8',
  ],
  [{ Forwarded: 'for=_hidden;proto=https' }, 'https://origin.example/', ''],
  [{ Forwarded: 'for=unknown' }, 'http://origin.example/', ''],
  [{ Forwarded: 'proto=https' }, 'https://origin.example/', ''],
  [{ Forwarded: 'for=8.8.8.8;;,' }, 'http://origin.example/', '8.8.8.8'],
  [{ Forwarded: 'for="8.8.8.8' }, 'http://origin.example/', '127.0.0.1'],
  [{ Forwarded: 'for=1.1.1.1', 'X-Forwarded-For': '8.8.8.8' }, 'http://origin.example/', '8.8.8.8'],
]

describe('behind proxies that are trusted, a request is as its client made it', {
  concurrency: false,
}, () => {
  for (const [name, listener] of ADAPTERS) {
    it(`${name}: all fields of proxies`, async (t) => {
      const { origin, addresses } = await start(t, {
        trustProxy: ['loopback', '10.0.0.0/8'],
        serve: name.includes('serve'),
      })
      const { port } = await listen(t, listener(origin))
      for (const [fields, base, address] of BEHIND) {
        for (const method of ['HEAD', 'GET']) {
          addresses.length = 0
          const answer = await rawRequest(port, method, '/a.txt', fields)
          assert.equal(answer.status, 200)
          assert.deepEqual([baseIn(answer), addresses], [base, [address]], JSON.stringify(fields))
        }
        const document = (await rawRequest(port, 'GET', '/a.txt.meta4', fields)).body.toString()
        assert.ok(document.includes(`>${base}a.txt</url>`), `${JSON.stringify(fields)}: ${document}`)
      }
    })

    it(`${name}: no field of a peer that is not trusted`, async (t) => {
      const { origin, addresses } = await start(t, {
        trustProxy: ['10.0.0.0/8'],
        serve: name.includes('serve'),
      })
      const { port } = await listen(t, listener(origin))
      for (const [fields] of BEHIND) {
        addresses.length = 0
        const answer = await rawRequest(port, 'HEAD', '/a.txt', fields)
        assert.deepEqual(
          [baseIn(answer), addresses],
          ['http://origin.example/', ['127.0.0.1']],
          JSON.stringify(fields),
        )
      }
    })

    it(`${name}: a client that uses https behind a proxy is redirected to https only`, async (t) => {
      const { origin } = await start(t, { trustProxy: ['loopback'], mode: 'redirect' })
      const { port } = await listen(t, listener(origin))
      const fields = [{ 'X-Forwarded-Proto': 'https' }, { Forwarded: 'for=8.8.8.8;proto=https' }]
      for (const secure of fields) {
        for (let count = 0; count < 20; count += 1) {
          const answer = await rawRequest(port, 'GET', '/a.txt', secure)
          assert.deepEqual(values(answer, 'location'), ['https://m.invalid/a.txt'])
        }
      }
    })
  }

  it('Koa with app.proxy believes every peer', async (t) => {
    const { origin, addresses } = await start(t, {})
    const koa = app(koaMirroredBy(origin), serveStatic(origin.root))
    koa.proxy = true
    const { port } = await listen(t, koa.callback())
    for (const [fields, base, address] of [
      [{ 'X-Forwarded-For': '8.8.8.8:51413, 1.2.3.4' }, 'http://origin.example/', '8.8.8.8'],
      [{ 'X-Forwarded-For': '[2001:db8::1]:443' }, 'http://origin.example/', '2001:db8::1'],
      [
        { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'dl.example.org' },
        'https://dl.example.org/',
        '127.0.0.1',
      ],
      [
        { Forwarded: 'for=8.8.8.8;proto=https;host=dl.example.org, for=1.2.3.4' },
        'https://dl.example.org/',
        '8.8.8.8',
      ],
    ] as const) {
      addresses.length = 0
      const answer = await rawRequest(port, 'HEAD', '/a.txt', fields)
      assert.deepEqual([baseIn(answer), addresses], [base, [address]])
    }
  })

  it('Koa: an address that the application has set counts', async (t) => {
    const { origin, addresses } = await start(t, { trustProxy: ['loopback'] })
    const koa = app(
      (ctx, next) => {
        ctx.request.ip = '8.8.4.4'
        return next()
      },
      koaMirroredBy(origin),
      serveStatic(origin.root),
    )
    const { port } = await listen(t, koa.callback())
    await rawRequest(port, 'HEAD', '/a.txt', { 'X-Forwarded-For': '8.8.8.8' })
    assert.deepEqual(addresses, ['8.8.4.4'])
  })
})

interface Plain {
  readonly status: number
  readonly lines: readonly string[]
  readonly body: Buffer
}

/** Sends a request over a Unix socket. */
async function overSocket(
  path: string,
  method: string,
  target: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<Plain> {
  const sent = request({
    socketPath: path,
    method,
    path: target,
    headers: { Host: 'origin.example', ...fields },
    agent: false,
  }).end()
  const [response] = await once(sent, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const raw: readonly string[] = response.rawHeaders
  const lines = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []))
  return { status: response.statusCode, lines, body: Buffer.concat(chunks) }
}

describe('at a Unix socket', () => {
  for (const [name, listener] of ADAPTERS) {
    it(`${name}: requests are answered as over TCP, and proxies are believed if they are trusted`, async (t) => {
      for (const [trustProxy, base, address] of [
        [[], 'http://origin.example/', ''],
        [['10.0.0.0/8'], 'http://origin.example/', ''],
        [['loopback'], 'https://dl.example.org/', '8.8.8.8'],
        [['unix'], 'https://dl.example.org/', '8.8.8.8'],
      ] as const) {
        const { origin, addresses } = await start(t, { trustProxy, serve: name.includes('serve') })
        const path = join(temporaryFolder(t), 'http.sock')
        const server = createServer(listener(origin)).listen(path)
        await once(server, 'listening')
        t.after(() => server.close())
        for (const method of ['GET', 'HEAD']) {
          const fields = {
            'X-Forwarded-For': '8.8.8.8:1',
            'X-Forwarded-Proto': 'https',
            'X-Forwarded-Host': 'dl.example.org',
          }
          addresses.length = 0
          const answer = await overSocket(path, method, '/a.txt', fields)
          assert.equal(answer.status, 200)
          assert.equal(answer.body.toString(), method === 'GET' ? 'content' : '')
          assert.deepEqual([baseIn(answer), addresses], [base, [address]], trustProxy.join())
        }
        assert.equal((await overSocket(path, 'GET', '/a.txt.meta4')).status, 200)
        assert.equal((await overSocket(path, 'GET', '/none')).status, 404)
      }
    })
  }
})

describe('the host of a request', () => {
  const long = `${'a'.repeat(251)}.org`
  for (const [name, listener] of ADAPTERS) {
    it(`${name}: is the one that its client named, or none`, async (t) => {
      const { origin } = await start(t, { serve: name.includes('serve') })
      const { port } = await listen(t, listener(origin))
      const head = (target: string, ...hosts: readonly string[]) =>
        sendRaw(
          port,
          `HEAD ${target} HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}Connection: close\r\n\r\n`,
        )
      for (const [target, hosts, base] of [
        ['/a.txt', ['h'], 'http://h/'],
        ['/a.txt', ['h:8080'], 'http://h:8080/'],
        ['/a.txt', [long], `http://${long}/`],
        ['/a.txt', [`${long}:65535`], `http://${long}:65535/`],
        ['/a.txt', [`a${long}`], undefined],
        ['/a.txt', [`a${long}:1`], undefined],
        ['/a.txt', ['a'.repeat(14_500)], undefined],
        ['/a.txt', ['h h'], undefined],
        ['/a.txt', ['user@h'], undefined],
        ['/a.txt', [''], undefined],
        // wget2 names no port.
        ['/a.txt', ['127.0.0.1'], `http://127.0.0.1:${port}/`],
        ['/a.txt', ['localhost'], `http://localhost:${port}/`],
        ['/a.txt', ['[::1]'], `http://[::1]:${port}/`],
        ['/a.txt', ['127.0.0.1:9'], 'http://127.0.0.1:9/'],
        // RFC 9112 §3.2.
        ['/a.txt', ['h', 'h'], undefined],
        ['/a.txt', ['h', 'other'], undefined],
        // RFC 9112 §3.2.2.
        ['http://h/a.txt', ['h'], 'http://h/'],
        ['http://h/a.txt', ['other'], 'http://h/'],
        ['http://h/a.txt', [''], 'http://h/'],
        ['http://h:81/a.txt', ['other:82'], 'http://h:81/'],
        ['HTTP://user:word@h/a.txt', ['other'], 'http://h/'],
        ['http://h/a.txt', ['h', 'other'], undefined],
        [`http://a${long}/a.txt`, ['h'], undefined],
      ] as const) {
        const answer = await head(target, ...hosts)
        assert.equal(answer.status, 200, target)
        assert.equal(baseIn(answer), base, `${target} with ${hosts.join(' and ').slice(0, 80)}`)
      }
    })
  }

  it('has the port of this server also where a trusted peer is no proxy', async (t) => {
    const { origin } = await start(t, { trustProxy: ['loopback'] })
    const { port } = await listen(t, nodeMirroredBy(origin, plainFiles(origin.root)))
    const direct = await rawRequest(port, 'HEAD', '/a.txt', { Host: 'localhost' })
    assert.equal(baseIn(direct), `http://localhost:${port}/`)
    const fields = { Host: 'localhost', 'X-Forwarded-For': '127.0.0.1' }
    assert.equal(baseIn(await rawRequest(port, 'HEAD', '/a.txt', fields)), 'http://localhost/')
  })

  it('is not needed: HTTP/1.0', async (t) => {
    const { origin } = await start(t, { serve: true })
    const { port } = await listen(t, nodeMirroredBy(origin))
    const answer = await sendRaw(port, 'GET /a.txt HTTP/1.0\r\n\r\n')
    assert.equal(answer.status, 200)
    assert.equal(baseIn(answer), undefined)
    assert.equal(answer.body.toString(), 'content')
    assert.equal(baseIn(await sendRaw(port, 'GET http://h/a.txt HTTP/1.0\r\n\r\n')), 'http://h/')
  })
})

describe('a target in absolute form below koa-mount', () => {
  for (const [target, base] of [
    ['/pub/files/a.txt', 'http://origin.example/pub/files/'],
    ['http://h/pub/files/a.txt', 'http://h/pub/files/'],
    ['http://user@h:81/pub/files/a.txt?x=1', 'http://h:81/pub/files/'],
    ['/pub/files/a.txt?https=1&x=/pub/files/a.txt', 'http://origin.example/pub/files/'],
  ] as const) {
    it(`${target} describes itself by the whole path`, async (t) => {
      const { origin } = await start(t, {})
      const files = app(koaMirroredBy(origin), serveStatic(origin.root))
      const { port } = await listen(t, app(mount('/pub/files', files)).callback())
      const answer = await rawRequest(port, 'GET', target)
      assert.equal(answer.status, 200)
      assert.equal(baseIn(answer), base)
    })
  }
})

it('reads requests that test tools make up', async (t) => {
  const { origin } = await start(t, { trustProxy: ['loopback'] })
  const made = Object.assign(Object.create(null), { method: 'GET', url: '/a.txt', headers: { host: 'h' } })
  const view = new ClientRequest(made, trustIn(['loopback']))
  const plan = await origin.plan(view)
  assert.equal(plan.kind, 'decorate')
  assert.deepEqual([view.host, view.secure, view.mount, view.address], ['h', false, '', ''])
})

it('a client that is gone is no proxy', async (t) => {
  const { origin, addresses } = await start(t, { trustProxy: ['loopback'] })
  const listener = nodeMirroredBy(origin)
  const done = new Promise<void>((resolve) => {
    void listen(t, (incoming, response) => {
      incoming.socket.once('close', () => {
        listener(incoming, response)
        resolve()
      })
    }).then(({ port }) => {
      const socket = connect(port, '127.0.0.1')
      socket.write('GET /a.txt HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n', () =>
        setImmediate(() => socket.destroy()),
      )
    })
  })
  await done
  assert.deepEqual(addresses, [''])
})

for (const [node, address] of [
  ['192.0.2.1', '192.0.2.1'],
  [' 192.0.2.1 ', '192.0.2.1'],
  ['192.0.2.1:80', '192.0.2.1'],
  ['192.0.2.1:_port', '192.0.2.1'],
  ['"192.0.2.1:80"', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:80', '2001:db8::1'],
  ['[2001:db8::1]:_port', '2001:db8::1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['[::ffff:192.0.2.1]:80', '::ffff:192.0.2.1'],
  ['unknown', ''],
  ['unknown:80', ''],
  ['_hidden', ''],
  ['', ''],
  [':80', ''],
  ['[]', ''],
  ['[]:80', ''],
  ['[192.0.2.1', ''],
  ['192.0.2.1]', ''],
  ['192.0.2:80', ''],
  ['192.0.2.256', ''],
  ['192.0.2.1:80:80', ''],
  ['host.example', ''],
] as const) {
  it(`the address of the node ${JSON.stringify(node)} is ${JSON.stringify(address)}`, () => {
    assert.equal(addressOf(node), address)
  })
}
