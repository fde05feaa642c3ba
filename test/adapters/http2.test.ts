import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import http2, {
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import Koa from 'koa'
import mount from 'koa-mount'
import serveStatic from 'koa-static'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { makeCertificate } from '../support/certificate.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { plainFiles } from '../support/setups.js'

const TEXT = 'a file of thirty-two bytes, here'

interface Started {
  readonly origin: Origin
  readonly session: ClientHttp2Session
  /** `http://127.0.0.1:1234`. */
  readonly url: string
  readonly warnings: readonly string[]
}

async function start(
  scope: Scope,
  listener: (origin: Origin) => RequestListener,
  options: Partial<OriginOptions> = {},
  isSecure = false,
): Promise<Started> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.txt': TEXT })
  const mirrors = [{ id: 'm', urls: ['http://m.invalid/', 'https://m.invalid/'] }]
  const origin = await startOrigin(scope, { root, mirrors, ...options })
  const warnings: string[] = []
  origin.on('warning', ({ message }) => warnings.push(message))
  const certificate = isSecure ? makeCertificate(scope) : undefined
  const server = certificate === undefined ? http2.createServer() : http2.createSecureServer(certificate)
  server.on('request', listener(origin))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`
  const session = http2.connect(url, { ca: certificate?.cert })
  scope.after(() => {
    session.destroy()
    server.close()
  })
  return { origin, session, url, warnings }
}

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders): Promise<Answer> {
  const stream = session.request(fields)
  const [headers] = await once(stream, 'response')
  let body = ''
  for await (const chunk of stream.setEncoding('utf8')) body += chunk
  return { status: headers[':status'], headers, body }
}

const SETUPS: readonly (readonly [
  name: string,
  serve: boolean,
  listener: (origin: Origin) => RequestListener,
])[] = [
  ['node', false, (origin) => nodeMirroredBy(origin, plainFiles(origin.root))],
  ['node with serve: true', true, (origin) => nodeMirroredBy(origin)],
  ['Koa', false, (origin) => koa(koaMirroredBy(origin), serveStatic(origin.root))],
  ['Koa with serve: true', true, (origin) => koa(koaMirroredBy(origin))],
]

function koa(...layers: readonly Koa.Middleware[]): RequestListener {
  const app = new Koa()
  app.silent = true
  for (const layer of layers) app.use(layer)
  return app.callback()
}

for (const [name, serve, listener] of SETUPS) {
  for (const isSecure of [false, true]) {
    const scheme = isSecure ? 'https' : 'http'
    describe(`HTTP/2 by ${scheme}, ${name}`, () => {
      it('files have their fields and bytes', async (t) => {
        const { session, url, warnings } = await start(t, listener, { serve }, isSecure)
        for (const method of ['GET', 'HEAD']) {
          const { status, headers, body } = await ask(session, { ':path': '/a.txt', ':method': method })
          assert.equal(status, 200)
          assert.equal(body, method === 'GET' ? TEXT : '')
          assert.match(String(headers.link), new RegExp(`^<${url}/a\\.txt\\.meta4>; rel=describedby`))
          assert.match(String(headers.digest), /^SHA-256=/)
          assert.equal(headers['x-mirrored-by'], 'https://m.invalid/a.txt')
          assert.equal(headers['content-length'], String(TEXT.length))
          assert.ok(headers.etag)
        }
        const document = await ask(session, { ':path': '/a.txt.meta4' })
        assert.equal(document.status, 200)
        assert.ok(document.body.includes(`>${url}/a.txt</url>`))
        assert.equal((await ask(session, { ':path': '/none' })).status, 404)
        assert.equal((await ask(session, { ':path': '/none', ':method': 'POST' })).status, 404)
        assert.deepEqual(warnings, [])
      })

      it('a client that has the file gets a 304', async (t) => {
        const { session, warnings } = await start(t, listener, { serve }, isSecure)
        const { headers } = await ask(session, { ':path': '/a.txt', ':method': 'HEAD' })
        const { status, body } = await ask(session, { ':path': '/a.txt', 'if-none-match': headers.etag })
        assert.equal(status, 304)
        assert.equal(body, '')
        assert.deepEqual(warnings, [])
      })

      it('redirects', async (t) => {
        const { session, url, warnings } = await start(t, listener, { serve, mode: 'redirect' }, isSecure)
        for (const method of ['GET', 'HEAD']) {
          const { status, headers, body } = await ask(session, { ':path': '/a.txt', ':method': method })
          assert.equal(status, 302)
          assert.equal(headers.location, 'https://m.invalid/a.txt')
          assert.match(String(headers.link), new RegExp(`^<${url}/a\\.txt\\.meta4>; rel=describedby`))
          assert.equal(body, '')
        }
        assert.deepEqual(warnings, [])
      })

      if (serve) {
        it('ranges, and refusals', async (t) => {
          const { session, warnings } = await start(t, listener, { serve }, isSecure)
          const range = await ask(session, { ':path': '/a.txt', range: 'bytes=2-5' })
          assert.deepEqual([range.status, range.body], [206, TEXT.slice(2, 6)])
          assert.equal(range.headers['content-range'], `bytes 2-5/${TEXT.length}`)
          assert.equal((await ask(session, { ':path': '/a.txt', range: 'bytes=99-' })).status, 416)
          assert.equal((await ask(session, { ':path': '/a.txt', ':method': 'POST' })).status, 405)
          assert.equal((await ask(session, { ':path': '/../a.txt' })).status, 400)
          assert.deepEqual(warnings, [])
        })
      }
    })
  }

  it(`HTTP/2, ${name}: takes the authority above Host, and proxies above both`, async (t) => {
    const { session } = await start(t, listener, { serve, trustProxy: ['loopback'] })
    for (const [fields, base] of [
      [{ ':authority': 'h' }, 'http://h/'],
      [{ ':authority': 'h', host: 'other' }, 'http://h/'],
      [{ ':authority': 'h', 'x-forwarded-proto': 'https' }, 'https://h/'],
      [{ ':authority': 'h', 'x-forwarded-host': 'dl.example.org' }, 'http://dl.example.org/'],
      [
        { ':authority': 'h', forwarded: 'for=8.8.8.8;proto=https;host=dl.example.org' },
        'https://dl.example.org/',
      ],
    ] as const) {
      const { headers } = await ask(session, { ':path': '/a.txt', ':method': 'HEAD', ...fields })
      assert.ok(String(headers.link).startsWith(`<${base}a.txt.meta4>`), `${base}: ${headers.link}`)
    }
  })
}

it('HTTP/2 below koa-mount: the whole path', async (t) => {
  const { session, url } = await start(t, (origin) => {
    const files = new Koa()
    files.use(koaMirroredBy(origin))
    files.use(serveStatic(origin.root))
    return koa(mount('/pub', files))
  })
  const { headers, body } = await ask(session, { ':path': '/pub/a.txt' })
  assert.equal(body, TEXT)
  assert.ok(String(headers.link).startsWith(`<${url}/pub/a.txt.meta4>`))
})

it('HTTP/2: a client that goes away before its request is planned costs nothing', async (t) => {
  const { session, warnings } = await start(
    t,
    (origin) => {
      const listener = nodeMirroredBy(origin)
      return (request, response) => {
        request.once('close', () => setImmediate(() => listener(request, response)))
      }
    },
    { serve: true, trustProxy: ['loopback'] },
  )
  const stream = session.request({ ':path': '/a.txt', 'x-forwarded-for': '8.8.8.8' })
  stream.on('error', () => {})
  await once(stream, 'ready').catch(() => {})
  setImmediate(() => session.destroy())
  await once(session, 'close')
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
  assert.deepEqual(warnings, [])
})
