import assert from 'node:assert/strict'
import { createReadStream, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import Koa, { type Middleware } from 'koa'
import conditional from 'koa-conditional-get'
import mount from 'koa-mount'
import send from 'koa-send'
import serveStatic from 'koa-static'
import { mirroredBy, routes } from '../../lib/adapters/koa.js'
import { memoryStore, type Origin, type OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { type RawAnswer, rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { until } from '../support/until.js'

const TEXT = 'a line that compresses well\n'.repeat(200)
const MIRRORS: OriginOptions['mirrors'] = [{ id: 'm', url: 'http://m.invalid/' }]

async function start(
  scope: Scope,
  compose: (origin: Origin, app: Koa) => void,
  options: Partial<OriginOptions> = {},
) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'text.txt': TEXT, 'sub/page.html': '<p>page</p>' })
  const origin = await startOrigin(scope, { root, mirrors: MIRRORS, ...options })
  const app = new Koa()
  app.silent = true
  compose(origin, app)
  const { port } = await listen(scope, app.callback())
  return { root, origin, port }
}

function isDecorated(answer: RawAnswer): boolean {
  const lines = answer.lines.filter((line) =>
    /^(link|digest|repr-digest|x-mirrored-by|x-md5|etag): /i.test(line),
  )
  // All of our fields or none.
  assert.ok(lines.length === 0 || lines.length >= 8, lines.join('\n'))
  return lines.length > 0
}

it('works above koa-send', async (t) => {
  const { port } = await start(t, (origin, app) => {
    app.use(mirroredBy(origin))
    app.use((ctx) => send(ctx, ctx.path, { root: origin.root }))
  })
  const answer = await rawRequest(port, 'GET', '/text.txt')
  assert.ok(isDecorated(answer))
  assert.equal(answer.body.toString(), TEXT)
})

it('works under koa-mount, and describes itself by the whole path', async (t) => {
  const { port } = await start(t, (origin, app) => {
    const files = new Koa()
    files.use(mirroredBy(origin))
    files.use(serveStatic(origin.root))
    app.use(mount('/pub/files', files))
  })
  const answer = await rawRequest(port, 'GET', '/pub/files/text.txt')
  assert.equal(
    values(answer, 'link')[0],
    '<http://origin.example/pub/files/text.txt.meta4>; rel=describedby; type="application/metalink4+xml"',
  )
  assert.deepEqual(values(answer, 'x-mirrored-by'), ['http://m.invalid/text.txt'])
  const metalink = await rawRequest(port, 'GET', '/pub/files/text.txt.meta4')
  assert.match(
    metalink.body.toString(),
    /<url priority="2">http:\/\/origin.example\/pub\/files\/text.txt<\/url>/,
  )
  assert.equal((await rawRequest(port, 'GET', '/text.txt')).status, 404)
})

it('takes baseUrl above the Host', async (t) => {
  const { port } = await start(
    t,
    (origin, app) => {
      app.use(mirroredBy(origin))
      app.use(serveStatic(origin.root))
    },
    { baseUrl: 'https://get.example.org/pub' },
  )
  const answer = await rawRequest(port, 'HEAD', '/sub/page.html', { Host: 'other.example' })
  assert.match(values(answer, 'link')[0] ?? '', /^<https:\/\/get.example.org\/pub\/sub\/page.html.meta4>/)
})

for (const [place, order] of [
  ['above', (us: Middleware) => [us, conditional()]],
  ['below', (us: Middleware) => [conditional(), us]],
] as const) {
  it(`works ${place} koa-conditional-get: a 304 keeps the fields`, async (t) => {
    const { port } = await start(t, (origin, app) => {
      for (const layer of order(mirroredBy(origin))) app.use(layer)
      app.use(serveStatic(origin.root))
    })
    const first = await rawRequest(port, 'GET', '/text.txt')
    assert.ok(isDecorated(first))
    const since = await rawRequest(port, 'GET', '/text.txt', {
      'If-Modified-Since': values(first, 'last-modified')[0] ?? '',
    })
    assert.equal(since.status, 304)
    assert.ok(isDecorated(since))
    // Browsers and caches revalidate by both validators.
    const both = await rawRequest(port, 'GET', '/text.txt', {
      'If-Modified-Since': values(first, 'last-modified')[0] ?? '',
      'If-None-Match': values(first, 'etag')[0] ?? '',
    })
    assert.equal(both.status, 304)
    assert.ok(isDecorated(both))
    assert.equal(both.body.length, 0)
  })
}

const FOREIGN: readonly (readonly [string, Middleware])[] = [
  [
    'another length',
    (ctx) => {
      ctx.body = 'short'
    },
  ],
  [
    'the same length in another status',
    (ctx) => {
      ctx.status = 201
      ctx.body = TEXT
    },
  ],
  [
    'a body rewritten without a length',
    (ctx) => {
      ctx.set('Transfer-Encoding', 'chunked')
      ctx.body = createReadStream('/dev/null')
    },
  ],
  [
    'another Last-Modified',
    (ctx) => {
      ctx.set('Last-Modified', new Date(0).toUTCString())
      ctx.body = TEXT
    },
  ],
  [
    'a 206 of another total',
    (ctx) => {
      ctx.status = 206
      ctx.set('Content-Range', 'bytes 0-4/5')
      ctx.body = 'short'
    },
  ],
  [
    'a 304 that says nothing of the file',
    (ctx) => {
      ctx.status = 304
    },
  ],
  [
    'an error',
    () => {
      throw new Error('downstream fails')
    },
  ],
  ['a redirect', (ctx) => ctx.redirect('/elsewhere')],
]
for (const [what, downstream] of FOREIGN) {
  it(`does not touch an answer that is not the file's: ${what}`, async (t) => {
    const { port } = await start(t, (origin, app) => {
      app.use(mirroredBy(origin))
      app.use(downstream)
    })
    assert.equal(isDecorated(await rawRequest(port, 'GET', '/text.txt')), false)
    assert.equal(isDecorated(await rawRequest(port, 'HEAD', '/text.txt')), false)
  })
}

it('keeps what the downstream says: its ETag, its Link, its Vary', async (t) => {
  const { port } = await start(t, (origin, app) => {
    app.use(mirroredBy(origin))
    app.use((ctx) => {
      ctx.set('ETag', '"theirs"')
      ctx.set('Link', '</style.css>; rel=preload')
      ctx.set('Vary', 'Origin')
      ctx.body = TEXT
    })
  })
  const answer = await rawRequest(port, 'GET', '/text.txt', { 'If-None-Match': '"ours"' })
  assert.deepEqual(values(answer, 'etag'), ['"theirs"'])
  assert.equal(values(answer, 'link')[0], '</style.css>; rel=preload')
  assert.equal(values(answer, 'link').length, 3)
  assert.deepEqual(values(answer, 'vary'), ['Origin, Accept'])
})

it('decorates a downstream that answers with ranges', async (t) => {
  const { port } = await start(t, (origin, app) => {
    app.use(mirroredBy(origin))
    app.use((ctx) => {
      ctx.status = 206
      ctx.set('Content-Range', `bytes 0-3/${TEXT.length}`)
      ctx.body = TEXT.slice(0, 4)
    })
  })
  const answer = await rawRequest(port, 'GET', '/text.txt')
  assert.equal(answer.status, 206)
  assert.ok(isDecorated(answer))
})

it('sends no digest with bytes that are not the ones it knows', async (t) => {
  const { root, port } = await start(
    t,
    (origin, app) => {
      app.use(mirroredBy(origin))
      // Between plan and opening, a file of the same name, size and second replaces the file.
      app.use((_ctx, next) => {
        const { length } = TEXT
        writeFileSync(join(root, '.new'), 'x'.repeat(length))
        const old = Math.floor(Date.now() / 1000) - 3600
        utimesSync(join(root, '.new'), old, old)
        renameSync(join(root, '.new'), join(root, 'text.txt'))
        return next()
      })
      app.use(serveStatic(origin.root))
    },
    { watch: false },
  )
  const answer = await rawRequest(port, 'GET', '/text.txt')
  assert.equal(answer.body.toString(), 'x'.repeat(TEXT.length))
  assert.equal(isDecorated(answer), false)
})

it('believes X-Forwarded-For as far as Koa does', async (t) => {
  const addresses: string[] = []
  const { port } = await start(t, (origin, app) => {
    app.proxy = true
    const plan = origin.plan.bind(origin)
    origin.plan = (view) => {
      addresses.push(view.address)
      return plan(view)
    }
    app.use(mirroredBy(origin))
  })
  await rawRequest(port, 'GET', '/text.txt', { 'X-Forwarded-For': '192.0.2.7' })
  assert.deepEqual(addresses, ['192.0.2.7'])
})

it('routes tell the status and the mirrors, and nothing that is not for everyone', async (t) => {
  const { port } = await start(
    t,
    (origin, app) => {
      app.use(mirroredBy(origin))
      app.use(routes(origin).routes())
    },
    {
      mirrors: [
        {
          id: 'open',
          url: 'http://open.invalid/',
          rsync: 'rsync://open.invalid/hidden-module/',
          location: 'de',
        },
        { id: 'inner', url: 'http://inner.invalid/', private: true },
        { id: 'off', url: 'http://off.invalid/', enabled: false },
      ],
    },
  )
  const mirrors = (await rawRequest(port, 'GET', '/.mirrored-by/mirrors')).body.toString()
  assert.deepEqual(JSON.parse(mirrors), [
    { id: 'open', urls: ['http://open.invalid/'], location: 'de', weight: 100 },
  ])
  const status = JSON.parse((await rawRequest(port, 'GET', '/.mirrored-by/status')).body.toString())
  assert.equal(status.seen.files, 2)
  assert.equal(status.mirrors, 1)
})

it('a store that fails is a request without us, and a warning', async (t) => {
  const root = temporaryFolder(t)
  writeFiles(root, { 'text.txt': TEXT })
  const store = memoryStore()
  const origin = await startOrigin(t, { root, store, mirrors: MIRRORS })
  const app = new Koa()
  app.use(mirroredBy(origin))
  app.use(serveStatic(root))
  const { port } = await listen(t, app.callback())
  const warnings: string[] = []
  origin.on('warning', ({ code }) => warnings.push(code))
  store.get = () => {
    throw new Error('the disk is on fire')
  }
  const thrown = await rawRequest(port, 'GET', '/text.txt')
  assert.equal(thrown.body.toString(), TEXT)
  assert.equal(isDecorated(thrown), false)
  store.get = () => Promise.reject(new Error('the disk is on fire'))
  const rejected = await rawRequest(port, 'GET', '/text.txt')
  assert.equal(rejected.body.toString(), TEXT)
  assert.equal(isDecorated(rejected), false)
  // One warning for all requests.
  assert.deepEqual(warnings, ['ERR_PLAN'])
})

it('keeps a HEAD from ending the process when the file is gone before koa-static has opened it', async (t) => {
  const uncaught: unknown[] = []
  const listener = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', listener)
  t.after(() => process.off('uncaughtException', listener))
  const { port, root } = await start(
    t,
    (origin, app) => {
      // The file stays in the index. Responses without it are not ours, and sometimes end the
      // process.
      origin.invalidate = () => {}
      app.use(mirroredBy(origin))
      app.use(async (_ctx, next) => {
        await next()
        rmSync(join(origin.root, 'text.txt'), { force: true })
      })
      app.use(serveStatic(origin.root))
    },
    { watch: false },
  )
  for (let count = 0; count < 50; count += 1) {
    writeFiles(root, { 'text.txt': TEXT })
    assert.equal((await rawRequest(port, 'HEAD', '/text.txt')).status, 200)
  }
  assert.deepEqual(uncaught, [])
})

it('with serve: true closes every file that it opens, sent or not', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const { port } = await start(
    t,
    (origin, app) => {
      app.use(async (ctx, next) => {
        await next()
        if (ctx.query.then === 'fail') throw new Error('a layer above fails')
        if (ctx.query.then === 'replace') ctx.body = 'something else'
      })
      app.use(conditional())
      app.use(mirroredBy(origin))
    },
    { serve: true },
  )
  const openDescriptors = () => readdirSync('/proc/self/fd').length
  const first = await rawRequest(port, 'GET', '/text.txt')
  const before = openDescriptors()
  for (let count = 0; count < 5; count += 1) {
    for (const method of ['HEAD', 'GET']) {
      for (const query of ['', '?then=fail', '?then=replace']) {
        await rawRequest(port, method, `/text.txt${query}`)
        await rawRequest(port, method, `/text.txt${query}`, { Range: 'bytes=0-3' })
        const tag = { 'If-None-Match': values(first, 'etag')[0] ?? '' }
        await rawRequest(port, method, `/text.txt${query}`, tag)
      }
    }
  }
  await until('every descriptor is closed', () => openDescriptors() <= before)
})
