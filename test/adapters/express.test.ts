import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, it } from 'node:test'
import connect from 'connect'
import express from 'express'
import Koa from 'koa'
import mount from 'koa-mount'
import serveStatic from 'koa-static'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { type Listener, mirroredBy } from '../../lib/adapters/node.js'
import type { Origin, OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'

async function start(scope: Scope, options: Partial<OriginOptions> = {}): Promise<Origin> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.txt': 'content', 'deep/b c.txt': 'more', 'new.txt': 'third' })
  const mirrors = [{ id: 'm', url: 'http://m.invalid/' }]
  const origin = await startOrigin(scope, { root, mirrors, ...options })
  origin.on('warning', (warning) => assert.fail(warning.message))
  return origin
}

/** Mounts the middleware, and a file server below it. */
type Mounted = (path: string, us: Listener, files: RequestListener) => RequestListener

const FRAMEWORKS: readonly (readonly [name: string, mounted: Mounted])[] = [
  ['Express', (path, us, files) => express().use(path, us).use(path, files)],
  ['a router of Express', (path, us, files) => express().use(path, express.Router().use(us, files))],
  ['an application in Express', (path, us, files) => express().use(path, express().use(us).use(files))],
  ['a route of Express', (path, us, files) => express().use(`${path}`, [us, files])],
  ['connect', (path, us, files) => connect().use(path, us).use(path, files)],
  ['connect in connect', (path, us, files) => connect().use(path, connect().use(us).use(files))],
]

for (const [name, mounted] of FRAMEWORKS) {
  for (const serve of [false, true]) {
    describe(`${name}, ${serve ? 'with serve: true' : 'above a file server'}`, () => {
      for (const [path, target, base] of [
        ['/', '/a.txt', 'http://h/'],
        ['/pub', '/pub/a.txt', 'http://h/pub/'],
        ['/pub/files', '/pub/files/a.txt?x=1', 'http://h/pub/files/'],
        ['/pub', '/pub/./a.txt', 'http://h/pub/'],
        ['/pub', '/pub/deep/..//a.txt', 'http://h/pub/'],
        ['/', 'http://other/a.txt', 'http://other/'],
        ['/pub', 'http://other:81/pub/a.txt', 'http://other:81/pub/'],
      ] as const) {
        it(`at ${path}, ${target} is described below ${base}`, async (t) => {
          const origin = await start(t, { serve })
          const us = mirroredBy(origin)
          const { port } = await listen(t, mounted(path, us, plainFiles(origin.root)))
          const fields = { Host: 'h' }
          for (const method of ['GET', 'HEAD']) {
            const answer = await rawRequest(port, method, target, fields)
            assert.equal(answer.status, 200)
            assert.equal(answer.body.toString(), method === 'GET' ? 'content' : '')
            assert.match(
              values(answer, 'link')[0] ?? '',
              new RegExp(`^<${base}a\\.txt\\.meta4>; rel=describedby`),
            )
            assert.deepEqual(values(answer, 'x-mirrored-by'), ['http://m.invalid/a.txt'])
          }
          const document = await rawRequest(port, 'GET', target.replace('.txt', '.txt.meta4'), fields)
          assert.equal(document.status, 200)
          assert.ok(document.body.toString().includes(`>${base}a.txt</url>`))
        })
      }
    })
  }

  it(`${name}: what is not ours goes to the next layer, once`, async (t) => {
    for (const options of [{}, { serve: true }, { mode: 'redirect' }] as const) {
      const origin = await start(t, options)
      const seen: string[] = []
      const { port } = await listen(
        t,
        mounted('/pub', mirroredBy(origin), (request, response) => {
          seen.push(`${request.method} ${request.url}`)
          response.statusCode = 418
          response.end('next')
        }),
      )
      for (const [method, target] of [
        ['GET', '/none'],
        ['HEAD', '/none?x'],
        ['POST', '/none'],
        ['GET', '/deep/'],
        ['GET', '/'],
      ] as const) {
        seen.length = 0
        const answer = await rawRequest(port, method, `/pub${target}`)
        assert.equal(answer.status, 418, `${method} ${target}`)
        assert.deepEqual(seen, [`${method} ${target}`])
      }
    }
  })
}

it('redirects from below a path, and links to itself there', async (t) => {
  const origin = await start(t, { mode: 'redirect' })
  const { port } = await listen(t, express().use('/pub', mirroredBy(origin)))
  const answer = await rawRequest(port, 'GET', '/pub/deep/b%20c.txt', { Host: 'h' })
  assert.equal(answer.status, 302)
  assert.deepEqual(values(answer, 'location'), ['http://m.invalid/deep/b%20c.txt'])
  assert.match(
    values(answer, 'link')[0] ?? '',
    /^<http:\/\/h\/pub\/deep\/b%20c\.txt\.meta4>; rel=describedby/,
  )
})

it('keeps the mount point of Express if the rest of the path is rewritten', async (t) => {
  const origin = await start(t)
  const app = express().use('/pub', (request, _response, next) => {
    if (request.url === '/latest.txt') request.url = '/new.txt'
    next()
  })
  const { port } = await listen(t, app.use('/pub', mirroredBy(origin), plainFiles(origin.root)))
  const answer = await rawRequest(port, 'GET', '/pub/latest.txt', { Host: 'h' })
  assert.equal(answer.body.toString(), 'third')
  assert.match(values(answer, 'link')[0] ?? '', /^<http:\/\/h\/pub\/new\.txt\.meta4>/)
})

it('gives no base below a path that a URL in a field cannot hold', async (t) => {
  const origin = await start(t)
  const { port } = await listen(t, express().use('/:any', mirroredBy(origin), plainFiles(origin.root)))
  for (const [prefix, isDescribed] of [
    ['/a', true],
    ['/a%20b', true],
    ["/a'b", true],
    ['/a>;rel=x,<b', false],
    ['/a"b', false],
    [`/${'a'.repeat(5000)}`, false],
  ] as const) {
    const answer = await rawRequest(port, 'GET', `${prefix}/a.txt`, { Host: 'h' })
    assert.equal(answer.body.toString(), 'content')
    const described = values(answer, 'link').filter((line) => line.includes('describedby'))
    assert.equal(described.length > 0, isDescribed, prefix.slice(0, 40))
    if (isDescribed) assert.ok(described[0]?.startsWith(`<http://h${prefix}/a.txt.meta4>`))
  }
})

it('knows the whole path of Koa with koa-mount in Express', async (t) => {
  const origin = await start(t)
  const files = new Koa()
  files.use(koaMirroredBy(origin))
  files.use(serveStatic(origin.root))
  const koa = new Koa()
  koa.use(mount('/files', files))
  const { port } = await listen(t, express().use('/pub', koa.callback()))
  const answer = await rawRequest(port, 'GET', '/pub/files/a.txt', { Host: 'h' })
  assert.equal(answer.body.toString(), 'content')
  assert.match(values(answer, 'link')[0] ?? '', /^<http:\/\/h\/pub\/files\/a\.txt\.meta4>/)
})

it('calls its own handler instead of the next layer', async (t) => {
  const origin = await start(t)
  const app = express()
    .use(mirroredBy(origin, (_request, response) => void response.end('own')))
    .use((_request, response) => void response.end('next'))
  const { port } = await listen(t, app)
  assert.equal((await rawRequest(port, 'GET', '/none')).body.toString(), 'own')
})

it('a next layer that throws is an error of Express', async (t) => {
  const origin = await start(t)
  const app = express()
    .use(mirroredBy(origin))
    .use(() => {
      throw new Error('the next layer fails')
    })
  app.set('env', 'test')
  const { port } = await listen(t, app)
  assert.equal((await rawRequest(port, 'GET', '/none')).status, 500)
  const answer = await rawRequest(port, 'GET', '/a.txt')
  assert.equal(answer.status, 500)
  assert.deepEqual(values(answer, 'digest'), [])
})
