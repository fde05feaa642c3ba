import assert from 'node:assert/strict'
import { createReadStream, ReadStream } from 'node:fs'
import type { RequestListener } from 'node:http'
import { PassThrough, Readable, Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib'
import Koa, { type Context, type Middleware } from 'koa'
import compress from 'koa-compress'
import serveStatic from 'koa-static'
import { mirroredBy, sameBytes } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { coding } from '../support/coder.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { type RawAnswer, rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { until } from '../support/until.js'

const TEXT = 'a line that compresses well\n'.repeat(200)
const GZIP = { 'Accept-Encoding': 'gzip' }
const ENCODINGS: readonly Readonly<Record<string, string>>[] = [
  {},
  GZIP,
  { 'Accept-Encoding': 'identity' },
  { 'Accept-Encoding': 'br, gzip;q=0.5' },
  { 'Accept-Encoding': '*' },
  { 'Accept-Encoding': 'gzip;q=0' },
]

async function start(
  scope: Scope,
  listener: (origin: Origin) => RequestListener,
  options: Partial<OriginOptions> = {},
) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'text.txt': TEXT, 'sub/page.html': '<p>page</p>' })
  const mirrors = [{ id: 'm', url: 'http://m.invalid/' }]
  const origin = await startOrigin(scope, { root, mirrors, ...options })
  const warnings: Error[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  scope.after(() => assert.deepEqual(warnings, []))
  const { port } = await listen(scope, listener(origin))
  return { root, origin, port }
}

function koa(...layers: readonly Middleware[]): RequestListener {
  const app = new Koa()
  app.silent = true
  for (const layer of layers) app.use(layer)
  return app.callback()
}

/** Our fields that describe the bytes, in their order. */
function told(answer: RawAnswer): string[] {
  return answer.lines.filter((line) => /^(link|digest|repr-digest|x-mirrored-by|x-md5|etag): /i.test(line))
}

/**
 * Sends a GET and a HEAD. Returns the response to the GET, and whether it is decorated. Both must
 * have all of our fields or none. A decorated response must carry the file.
 */
async function ask(port: number, target: string, fields: Readonly<Record<string, string>>) {
  const get = await rawRequest(port, 'GET', target, fields)
  const head = await rawRequest(port, 'HEAD', target, fields)
  assert.equal(head.status, get.status)
  assert.equal(head.body.length, 0)
  assert.deepEqual(told(head), told(get), `HEAD and GET of ${target} with ${JSON.stringify(fields)}`)
  const lines = told(get)
  assert.ok(lines.length === 0 || lines.length >= 8, lines.join('\n'))
  const isDecorated = lines.length > 0
  if (isDecorated) assert.equal(get.body.toString(), TEXT)
  return { get, isDecorated, isCoded: values(get, 'content-encoding').length > 0 }
}

const wanting =
  (wish: NonNullable<Context['compress']>): Middleware =>
  (ctx, next) => {
    ctx.compress = wish
    return next()
  }

type Order = (us: Middleware, root: string, wish: readonly Middleware[]) => readonly Middleware[]

const files = (root: string) => serveStatic(root, { gzip: false, brotli: false })
const coder = () => compress({ threshold: 0 })

/** Positions of koa-compress, and middleware that sends the files. */
const PLACES: readonly (readonly [place: string, serve: boolean, order: Order])[] = [
  ['above koa-static and us', false, (us, root, wish) => [coder(), ...wish, us, files(root)]],
  ['between us and koa-static', false, (us, root, wish) => [...wish, us, coder(), files(root)]],
  ['above serve: true', true, (us, _root, wish) => [coder(), ...wish, us]],
]

for (const [place, serve, order] of PLACES) {
  describe(`koa-compress ${place}`, () => {
    const run = (scope: Scope, ...wish: readonly Middleware[]) =>
      start(scope, (origin) => koa(...order(mirroredBy(origin), origin.root, wish)), { serve })

    it('leaves a file whose digests are told as it is', async (t) => {
      const { port } = await run(t)
      for (const fields of ENCODINGS) {
        const { isDecorated, isCoded } = await ask(port, '/text.txt', fields)
        assert.deepEqual([isDecorated, isCoded], [true, false], JSON.stringify(fields))
      }
      if (!serve) return
      const part = await rawRequest(port, 'GET', '/text.txt', { ...GZIP, Range: 'bytes=2-5' })
      assert.equal(part.status, 206)
      assert.equal(part.body.toString(), TEXT.slice(2, 6))
    })

    for (const [wish, value] of [
      ['ctx.compress = true', true],
      ['options in ctx.compress', { gzip: { level: 1 } }],
    ] as const) {
      it(`codes it where the application says ${wish}, and then neither GET nor HEAD tells digests`, async (t) => {
        const { port } = await run(t, wanting(value))
        const { get, isDecorated, isCoded } = await ask(port, '/text.txt', GZIP)
        assert.deepEqual([isDecorated, isCoded], [false, true])
        assert.equal(gunzipSync(get.body).toString(), TEXT)
        assert.deepEqual(values(get, 'accept-ranges'), [])
        const identity = await ask(port, '/text.txt', { 'Accept-Encoding': 'identity' })
        assert.deepEqual([identity.isDecorated, identity.isCoded], [true, false])
      })
    }

    it('says the same on GET and HEAD where it is told not to code', async (t) => {
      const { port } = await run(t, wanting(false))
      assert.equal((await ask(port, '/text.txt', GZIP)).isDecorated, true)
    })

    it('codes documents, which have no digests', async (t) => {
      const { port } = await run(t)
      const coded = await rawRequest(port, 'GET', '/text.txt.meta4', GZIP)
      const plain = await rawRequest(port, 'GET', '/text.txt.meta4')
      assert.deepEqual(values(coded, 'content-encoding'), order === PLACES[1]?.[2] ? [] : ['gzip'])
      const body = values(coded, 'content-encoding').length > 0 ? gunzipSync(coded.body) : coded.body
      assert.equal(body.toString(), plain.body.toString())
      const head = await rawRequest(port, 'HEAD', '/text.txt.meta4', GZIP)
      // A weak tag is that of the document in any coding.
      const [etag = ''] = values(plain, 'etag')
      assert.match(etag, /^W\/"/)
      for (const answer of [coded, head]) assert.deepEqual(told(answer), [`ETag: ${etag}`])
    })
  })
}

describe('precompressed files that koa-static picks', () => {
  for (const options of [{}, { gzip: true, brotli: true }, { gzip: true, brotli: false }]) {
    it(`are left alone with ${JSON.stringify(options)}, on GET and HEAD`, async (t) => {
      const { root, origin, port } = await start(t, (created) =>
        koa(mirroredBy(created), serveStatic(created.root, options)),
      )
      writeFiles(root, { 'text.txt.gz': gzipSync(TEXT), 'text.txt.br': brotliCompressSync(TEXT) })
      for (const name of ['text.txt.gz', 'text.txt.br'])
        await until(`${name} is indexed`, () => origin.lookup(name))
      for (const fields of ENCODINGS) {
        const { get, isDecorated, isCoded } = await ask(port, '/text.txt', fields)
        assert.notEqual(isDecorated, isCoded)
        if (values(get, 'content-encoding')[0] === 'gzip') assert.equal(gunzipSync(get.body).toString(), TEXT)
      }
      assert.ok((await ask(port, '/text.txt', GZIP)).isCoded)
    })
  }

  it('cost no hashing of the file that they stand for', async (t) => {
    const { root, origin, port } = await start(t, (created) =>
      koa(mirroredBy(created), serveStatic(created.root)),
    )
    writeFiles(root, { 'text.txt.gz': gzipSync(TEXT) })
    await until('it is indexed', () => origin.lookup('text.txt.gz'))
    const touched: string[] = []
    origin.invalidate = (path) => touched.push(path)
    for (let count = 0; count < 5; count += 1) assert.ok((await ask(port, '/text.txt', GZIP)).isCoded)
    assert.deepEqual(touched, [])
  })
})

function rewritten(change: (ctx: Context, body: Readable) => void | Promise<void>): Middleware {
  return async (ctx, next) => {
    await next()
    if (ctx.body instanceof Readable) await change(ctx, ctx.body)
  }
}

/** Returns middleware that runs a layer twice, within itself. */
const twice =
  (layer: Middleware): Middleware =>
  (ctx, next) =>
    layer(ctx, async () => layer(ctx, next))

const upperCase = () =>
  new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk.toString().toUpperCase()),
  })

const REWRITERS: readonly (readonly [how: string, layer: Middleware])[] = [
  [
    'through a stream',
    rewritten((ctx, body) => {
      ctx.body = body.pipe(upperCase())
    }),
  ],
  [
    'through a stream of as many bytes, and says so',
    rewritten((ctx, body) => {
      const { length } = ctx.response
      ctx.body = body.pipe(upperCase())
      ctx.length = length
    }),
  ],
  [
    'to a text of as many bytes',
    rewritten(async (ctx, body) => {
      ctx.body = (await text(body)).toUpperCase()
    }),
  ],
  [
    'to bytes of the same number',
    rewritten(async (ctx, body) => {
      ctx.body = Buffer.from((await text(body)).toUpperCase())
    }),
  ],
  [
    'to more of them',
    rewritten(async (ctx, body) => {
      ctx.body = `${await text(body)}<!-- more -->`
    }),
  ],
  [
    'to a file of the same size',
    rewritten((ctx) => {
      ctx.body = createReadStream('/dev/zero', { end: TEXT.length - 1 })
      ctx.length = TEXT.length
    }),
  ],
]

describe('a layer that changes the body', () => {
  for (const [how, layer] of REWRITERS) {
    for (const [place, serve, order] of [
      ['above us', false, (us: Middleware, root: string) => [layer, us, serveStatic(root)]],
      ['below us', false, (us: Middleware, root: string) => [us, layer, serveStatic(root)]],
      ['above serve: true', true, (us: Middleware) => [layer, us]],
    ] as const) {
      it(`${how}, ${place}: neither GET nor HEAD tells digests`, async (t) => {
        const { port } = await start(t, (origin) => koa(...order(mirroredBy(origin), origin.root)), { serve })
        const { get, isDecorated } = await ask(port, '/text.txt', {})
        assert.equal(isDecorated, false)
        assert.equal(get.status, 200)
        assert.notEqual(get.body.toString(), TEXT)
      })
    }
  }

  it('to the same bytes, below us, may tell their digests', async (t) => {
    const same = rewritten(async (ctx, body) => {
      ctx.body = await text(body)
    })
    const { port } = await start(t, (origin) => koa(mirroredBy(origin), same, serveStatic(origin.root)))
    assert.equal((await ask(port, '/text.txt', {})).isDecorated, true)
  })

  for (const [place, serve, order] of [
    ['above us', false, (us: Middleware, root: string, layer: Middleware) => [layer, us, serveStatic(root)]],
    ['below us', false, (us: Middleware, root: string, layer: Middleware) => [us, layer, serveStatic(root)]],
    ['above serve: true', true, (us: Middleware, _root: string, layer: Middleware) => [layer, us]],
  ] as const) {
    it(`through streams that say they keep the bytes, ${place}, keeps the digests`, async (t) => {
      const counter = rewritten((ctx, body) => {
        const { length = 0 } = ctx.response
        ctx.body = sameBytes(body.pipe(new PassThrough()), body)
        ctx.length = length
      })
      for (const layer of [counter, twice(counter)]) {
        const { port } = await start(t, (origin) => koa(...order(mirroredBy(origin), origin.root, layer)), {
          serve,
        })
        assert.equal((await ask(port, '/text.txt', {})).isDecorated, true)
      }
    })
  }

  it('cuts ranges out of it and keeps the fields', async (t) => {
    const cut = rewritten((ctx, body) => {
      ctx.status = 206
      ctx.body = createReadStream(body instanceof ReadStream ? body.path : '', { start: 2, end: 5 })
      ctx.set('Content-Range', `bytes 2-5/${TEXT.length}`)
      ctx.length = 4
    })
    for (const order of [
      (us: Middleware, root: string) => [cut, us, serveStatic(root)],
      (us: Middleware, root: string) => [us, cut, serveStatic(root)],
    ]) {
      const { port } = await start(t, (origin) => koa(...order(mirroredBy(origin), origin.root)))
      const part = await rawRequest(port, 'GET', '/text.txt')
      assert.deepEqual([part.status, part.body.toString()], [206, TEXT.slice(2, 6)])
      assert.ok(told(part).length >= 8)
    }
  })
})

describe('node:http', () => {
  /** Sends `text.txt`. `codes` names the methods whose responses are coded. */
  const gzips =
    (...codes: readonly string[]): RequestListener =>
    (request, response) => {
      const isCoded = request.headers['accept-encoding'] === 'gzip' && codes.includes(request.method ?? '')
      const body = isCoded ? gzipSync(TEXT) : Buffer.from(TEXT)
      if (isCoded) response.setHeader('Content-Encoding', 'gzip')
      response.setHeader('Content-Length', body.length)
      response.end(request.method === 'HEAD' ? undefined : body)
    }

  it('a handler that codes GET and HEAD alike has digests on neither', async (t) => {
    const { port } = await start(t, (origin) => nodeMirroredBy(origin, gzips('GET', 'HEAD')))
    const { isDecorated, isCoded } = await ask(port, '/text.txt', GZIP)
    assert.deepEqual([isDecorated, isCoded], [false, true])
    assert.equal((await ask(port, '/text.txt', {})).isDecorated, true)
  })

  it('a handler that codes GET only says two things itself: each is told as it is', async (t) => {
    const { port } = await start(t, (origin) => nodeMirroredBy(origin, gzips('GET')))
    assert.deepEqual(told(await rawRequest(port, 'GET', '/text.txt', GZIP)), [])
    const head = await rawRequest(port, 'HEAD', '/text.txt', GZIP)
    assert.deepEqual(values(head, 'content-length'), [String(TEXT.length)])
    assert.ok(told(head).length >= 8)
  })

  for (const [what, serve, listener] of [
    ['a handler', false, (origin: Origin) => nodeMirroredBy(origin, plainFiles(origin.root))],
    ['serve: true', true, (origin: Origin) => nodeMirroredBy(origin)],
    ['Koa', false, (origin: Origin) => koa(mirroredBy(origin), serveStatic(origin.root))],
    ['Koa with serve: true', true, (origin: Origin) => koa(mirroredBy(origin))],
  ] as const) {
    it(`a coder that decides after us, above ${what}, takes the digests back`, async (t) => {
      const { port } = await start(t, (origin) => coding(listener(origin)), { serve })
      const coded = await rawRequest(port, 'GET', '/text.txt', GZIP)
      assert.deepEqual(values(coded, 'content-encoding'), ['gzip'])
      assert.equal(gunzipSync(coded.body).toString(), TEXT)
      assert.deepEqual(told(coded), [])
      assert.equal((await ask(port, '/text.txt', {})).isDecorated, true)
    })

    it(`a coder that decides after us, above ${what}, heeds no-transform`, async (t) => {
      const { port } = await start(
        t,
        (origin) =>
          coding((request, response) => {
            response.setHeader('Cache-Control', 'max-age=60, no-transform')
            listener(origin)(request, response)
          }),
        { serve },
      )
      const { get, isDecorated, isCoded } = await ask(port, '/text.txt', GZIP)
      assert.deepEqual([isDecorated, isCoded], [true, false])
      assert.deepEqual(values(get, 'cache-control'), ['max-age=60, no-transform'])
    })
  }

  it("keeps another's Link when it takes its own back", async (t) => {
    const { port } = await start(
      t,
      (origin) =>
        coding((request, response) => {
          response.setHeader('Link', '</style.css>; rel=preload')
          nodeMirroredBy(origin)(request, response)
        }),
      { serve: true },
    )
    const coded = await rawRequest(port, 'GET', '/text.txt', GZIP)
    assert.deepEqual(told(coded), ['Link: </style.css>; rel=preload'])
  })
})
