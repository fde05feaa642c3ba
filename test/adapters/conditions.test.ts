import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Koa, { type Middleware } from 'koa'
import koaRange from 'koa-range'
import koaSend from 'koa-send'
import koaStatic from 'koa-static'
import send from 'send'
import serveStatic from 'serve-static'
import sirv from 'sirv'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { Origin } from '../../lib/index.js'
import { replaceFile, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { until } from '../support/until.js'

const OLD = 'old '.repeat(250)
const NEW = 'new '.repeat(250)
const FOREIGN = '"foreign"'
const MODIFIED = new Date('2024-02-01T03:04:05Z')

interface Handler {
  readonly name: string
  readonly hasRanges: boolean
  listener(origin: Origin): RequestListener
}

const sendNothing: RequestListener = (_request, response) => void response.writeHead(404).end()

function koa(...layers: readonly Middleware[]): RequestListener {
  const app = new Koa()
  app.silent = true
  for (const layer of layers) app.use(layer)
  return app.callback()
}

/** Handlers that send no entity tag. */
const HANDLERS: readonly Handler[] = [
  {
    name: 'send without tags',
    hasRanges: true,
    listener: (origin) =>
      mirroredBy(origin, (request, response) => {
        send(request, request.url ?? '/', { root: origin.root, etag: false }).pipe(response)
      }),
  },
  {
    name: 'serve-static without tags',
    hasRanges: true,
    listener: (origin) => {
      const handle = serveStatic(origin.root, { etag: false, fallthrough: false })
      return mirroredBy(origin, (request, response) => {
        handle(request, response, (error?: { status?: number }) => {
          response.writeHead(error?.status ?? 404).end()
        })
      })
    },
  },
  {
    name: 'sirv',
    hasRanges: true,
    listener: (origin) => {
      const handle = sirv(origin.root, { dev: true })
      return mirroredBy(origin, (request, response) => {
        handle(request, response, () => sendNothing(request, response))
      })
    },
  },
  {
    name: 'streams of node:fs',
    hasRanges: false,
    listener: (origin) => mirroredBy(origin, plainFiles(origin.root)),
  },
  {
    name: 'koa-static',
    hasRanges: false,
    listener: (origin) => koa(koaMirroredBy(origin), koaStatic(origin.root)),
  },
  {
    name: 'koa-send',
    hasRanges: false,
    listener: (origin) =>
      koa(koaMirroredBy(origin), async (ctx) => {
        await koaSend(ctx, ctx.path, { root: origin.root })
      }),
  },
]

type Tag = 'new' | 'old' | 'foreign' | 'weak' | 'any' | 'several'

interface Conditions {
  readonly 'If-Match'?: Tag
  readonly 'If-None-Match'?: Tag
  readonly 'If-Range'?: Tag
  readonly Range?: string
}

const TAGS: readonly Tag[] = ['new', 'old', 'foreign', 'weak', 'any', 'several']
const RANGE = { Range: 'bytes=100-' }
const TABLE: readonly Conditions[] = [
  {},
  RANGE,
  ...TAGS.flatMap((tag): Conditions[] => [
    { 'If-Match': tag },
    { 'If-Match': tag, ...RANGE },
    { 'If-None-Match': tag },
    { 'If-None-Match': tag, ...RANGE },
    { 'If-Match': 'new', 'If-None-Match': tag },
    { 'If-Match': tag, 'If-None-Match': 'new' },
  ]),
  ...(['new', 'old', 'foreign', 'weak'] as const).flatMap((tag): Conditions[] => [
    { 'If-Range': tag, ...RANGE },
    { 'If-Range': tag },
    { 'If-Match': 'new', 'If-Range': tag, ...RANGE },
    { 'If-None-Match': 'foreign', 'If-Range': tag, ...RANGE },
  ]),
  { 'If-None-Match': 'new', Range: 'bytes=99999-' },
]

/** Returns the status of RFC 9110 §13.2.2. */
function statusOf(conditions: Conditions, method: string, hasRanges: boolean): number {
  const { Range: range, 'If-Match': match, 'If-None-Match': noneMatch, 'If-Range': ifRange } = conditions
  if (match !== undefined && !['new', 'any', 'several'].includes(match)) return 412
  if (noneMatch !== undefined && ['new', 'any', 'several', 'weak'].includes(noneMatch)) return 304
  const isPart = range !== undefined && method === 'GET' && hasRanges && (ifRange ?? 'new') === 'new'
  return isPart ? 206 : 200
}

async function start(scope: Scope, handler: Pick<Handler, 'listener'>) {
  const root = temporaryFolder(scope)
  writeFiles(root, {})
  replaceFile(join(root, 'f.bin'), OLD, MODIFIED)
  const origin = await startOrigin(scope, { root, mirrors: [{ id: 'm', url: 'http://m.invalid/' }] })
  const warnings: Error[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  scope.after(() => assert.deepEqual(warnings, []))
  const { port } = await listen(scope, handler.listener(origin))
  const etag = async () => values(await rawRequest(port, 'HEAD', '/f.bin'), 'etag')[0] ?? ''
  const old = await etag()
  assert.match(old, /^"/)
  return { root, port, old, etag }
}

for (const handler of HANDLERS) {
  describe(`conditions with our tag above ${handler.name}`, () => {
    const hooks: (() => unknown)[] = []
    let port = 0
    let tags: Readonly<Record<Tag, string>>
    before(async () => {
      const scope: Scope = { after: (hook) => void hooks.unshift(hook as () => unknown) }
      const started = await start(scope, handler)
      port = started.port
      const { old, etag, root } = started
      replaceFile(join(root, 'f.bin'), NEW, MODIFIED)
      await until('the new file has a tag', async () => !['', old].includes(await etag()))
      const current = await etag()
      tags = {
        ...{ new: current, old, foreign: FOREIGN, weak: `W/${current}`, any: '*' },
        several: `${FOREIGN}, ${current}, W/"x"`,
      }
    })
    after(async () => {
      for (const hook of hooks) await hook()
    })

    for (const conditions of TABLE) {
      it(JSON.stringify(conditions), async () => {
        const named = Object.entries(conditions).map(([name, value]) => [
          name,
          name === 'Range' ? value : tags[value as Tag],
        ])
        // Browsers send both. The date is that of the old content too.
        const dated = 'If-None-Match' in conditions ? { 'If-Modified-Since': MODIFIED.toUTCString() } : {}
        for (const method of ['GET', 'HEAD']) {
          const answer = await rawRequest(port, method, '/f.bin', { ...Object.fromEntries(named), ...dated })
          const status = statusOf(conditions, method, handler.hasRanges)
          // Some handlers send parts to HEAD, as they do without us.
          const isPartOfHead = method === 'HEAD' && status === 200 && answer.status === 206
          if (isPartOfHead) assert.ok((conditions['If-Range'] ?? 'new') === 'new')
          else assert.equal(answer.status, status, method)
          assert.deepEqual(values(answer, 'etag'), status === 412 ? [] : [tags.new])
          if (method === 'HEAD' || status === 304) assert.equal(answer.body.length, 0)
          // Some handlers send a page about the error.
          else if (status === 412) assert.ok(!answer.body.includes('new'))
          else assert.equal(answer.body.toString(), status === 206 ? NEW.slice(100) : NEW)
        }
      })
    }
  })

  it(`${handler.name}: an old tag never gets a part of the new file, from the first moment on`, async (t) => {
    const { root, port, old, etag } = await start(t, handler)
    replaceFile(join(root, 'f.bin'), NEW, MODIFIED)
    for (;;) {
      const answer = await rawRequest(port, 'GET', '/f.bin', { ...RANGE, 'If-Range': old })
      assert.equal(answer.status, 200)
      assert.equal(answer.body.toString(), NEW)
      const revalidated = await rawRequest(port, 'GET', '/f.bin', {
        'If-None-Match': old,
        'If-Modified-Since': MODIFIED.toUTCString(),
      })
      assert.equal(revalidated.status, 200)
      if (!['', old].includes(await etag())) return
    }
  })
}

describe('tags of the layer below', () => {
  const OWN = '"its-own"'
  const tagged: Pick<Handler, 'listener'> = {
    listener: (origin) =>
      mirroredBy(origin, (request, response) => {
        response.setHeader('ETag', OWN)
        send(request, request.url ?? '/', { root: origin.root }).pipe(response)
      }),
  }

  for (const [fields, status] of [
    [{}, 200],
    [{ 'If-Range': OWN, ...RANGE }, 206],
    [{ 'If-Range': FOREIGN, ...RANGE }, 200],
    [{ 'If-Match': OWN }, 200],
    [{ 'If-Match': FOREIGN }, 412],
    [{ 'If-None-Match': OWN }, 304],
    [{ 'If-None-Match': FOREIGN, ...RANGE }, 206],
  ] as const) {
    it(`${JSON.stringify(fields)} is judged there: ${status}`, async (t) => {
      const { port, old } = await start(t, tagged)
      assert.equal(old, OWN)
      const answer = await rawRequest(port, 'GET', '/f.bin', fields)
      assert.equal(answer.status, status)
      if (status < 400) assert.deepEqual(values(answer, 'etag'), [OWN])
    })
  }
})

describe('koa-range above us', () => {
  const ranged: Pick<Handler, 'listener'> = {
    listener: (origin) => koa(koaRange, koaMirroredBy(origin), koaStatic(origin.root)),
  }

  for (const [name, status] of [
    ['the current tag', 206],
    ['another tag', 412],
  ] as const) {
    it(`cuts no range for ${name} that If-Range forbids`, async (t) => {
      const { port, old } = await start(t, ranged)
      const tag = status === 206 ? old : FOREIGN
      const answer = await rawRequest(port, 'GET', '/f.bin', { Range: 'bytes=0-99', 'If-Range': tag })
      assert.equal(answer.status, status)
      assert.equal(answer.body.toString(), status === 206 ? OLD.slice(0, 100) : '')
    })
  }
})

describe('koa-range above serve: true', () => {
  for (const [range, status, contentRange, body] of [
    ['bytes=0-99', 206, 'bytes 0-99/1000', OLD.slice(0, 100)],
    ['bytes=700-', 206, 'bytes 700-999/1000', OLD.slice(700)],
    ['bytes=700-799', 206, 'bytes 700-799/1000', OLD.slice(700, 800)],
    ['bytes=700-524287', 206, 'bytes 700-999/1000', OLD.slice(700)],
    ['bytes=0-524287', 206, 'bytes 0-999/1000', OLD],
    ['bytes=1000-1001', 416, 'bytes */1000', ''],
    ['bytes=9999999-', 416, 'bytes */1000', ''],
  ] as const) {
    it(`${range}: ${status} ${contentRange}`, async (t) => {
      const root = temporaryFolder(t)
      writeFiles(root, { 'f.bin': OLD })
      const origin = await startOrigin(t, { root, serve: true })
      const { port } = await listen(t, koa(koaRange, koaMirroredBy(origin)))
      const [etag = ''] = values(await rawRequest(port, 'GET', '/f.bin'), 'etag')
      for (const fields of [{ Range: range }, { Range: range, 'If-Range': etag }]) {
        const answer = await rawRequest(port, 'GET', '/f.bin', fields)
        assert.equal(answer.status, status)
        assert.deepEqual(values(answer, 'content-range'), [contentRange])
        assert.deepEqual(values(answer, 'content-length'), [String(body.length)])
        assert.equal(answer.body.toString(), body)
        assert.equal(values(answer, 'digest').length, status === 206 ? 3 : 0)
      }
      const refused = await rawRequest(port, 'GET', '/f.bin', { Range: range, 'If-Range': FOREIGN })
      assert.equal(refused.status, 412)
      assert.equal(refused.body.length, 0)
    })
  }
})

it('by HTTP/2, a response that becomes a 304 or 412 has no content, and the connection stays', async (t) => {
  const { root } = await start(t, HANDLERS[0] as Handler)
  const origin = await startOrigin(t, { root })
  const listener = mirroredBy(origin, plainFiles(root))
  const server = http2.createServer(listener as unknown as Parameters<typeof http2.createServer>[1])
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.after(() => {
    client.close()
    server.close()
  })
  const ask = async (fields: Readonly<Record<string, string>>) => {
    const stream = client.request({ ':path': '/f.bin', ...fields })
    const chunks: Buffer[] = []
    stream.on('data', (chunk) => chunks.push(chunk))
    const [head] = await once(stream, 'response')
    if (!stream.closed) await once(stream, 'close')
    return { status: head[':status'], etag: String(head.etag), body: Buffer.concat(chunks).toString() }
  }
  const { etag } = await ask({})
  const modified = await ask({ 'if-none-match': etag })
  assert.deepEqual([modified.status, modified.body], [304, ''])
  const failed = await ask({ 'if-match': FOREIGN })
  assert.deepEqual([failed.status, failed.body], [412, ''])
  assert.deepEqual(await ask({ 'if-match': etag }), { status: 200, etag, body: OLD })
})
