import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { MirrorOptions, OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS } from '../support/setups.js'

const BODY = 'x'.repeat(5000)
const PUBLIC: readonly MirrorOptions[] = [{ id: 'a', url: 'http://a.invalid/' }]
/** Mirrors that are given to the client of the tests, and not to everybody. */
const FOR_FEW: readonly (readonly [name: string, mirror: MirrorOptions])[] = [
  ['a private mirror', { id: 'p', url: 'http://p.invalid/', private: true, subnets: ['127.0.0.0/8'] }],
  [
    'a mirror for its subnet',
    { id: 's', url: 'http://s.invalid/', serves: 'subnet', subnets: ['127.0.0.0/8'] },
  ],
]
const DOCUMENT = '/f.bin.meta4'
const NEGOTIATED = { Accept: 'application/metalink4+xml' }

async function start(scope: Scope, setup: (typeof SETUPS)[number], options: Partial<OriginOptions>) {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'f.bin': BODY })
  const origin = await startOrigin(scope, { root, serve: setup.serve, ...options })
  const { port } = await listen(scope, setup.listener(origin))
  return async (target = '/f.bin', fields = {}, method = 'GET') => {
    const answer = await rawRequest(port, method, target, fields)
    return {
      status: answer.status,
      caching: values(answer, 'cache-control'),
      names: values(answer, 'link'),
      answer,
    }
  }
}

for (const setup of SETUPS) {
  describe(`shared caches: ${setup.name}`, () => {
    it('keep no redirect and no document that depends on the client', async (t) => {
      const ask = await start(t, setup, { mode: 'redirect', mirrors: PUBLIC })
      for (const method of ['GET', 'HEAD']) {
        const redirect = await ask('/f.bin', {}, method)
        assert.deepEqual([redirect.status, redirect.caching], [302, ['private, no-cache']])
        assert.deepEqual((await ask(DOCUMENT, {}, method)).caching, ['private, no-cache'])
        assert.deepEqual((await ask('/f.bin', NEGOTIATED, method)).caching, ['private, no-cache'])
      }
    })

    it('keep what the operator allows', async (t) => {
      for (const cacheControl of ['public, max-age=60', false] as const) {
        const ask = await start(t, setup, { mode: 'redirect', mirrors: PUBLIC, cacheControl })
        const expected = cacheControl === false ? [] : [cacheControl]
        assert.deepEqual((await ask()).caching, expected)
        assert.deepEqual((await ask(DOCUMENT)).caching, expected)
      }
    })

    for (const [name, mirror] of FOR_FEW) {
      it(`keep no response that names ${name}`, async (t) => {
        const mirrors = [mirror, ...PUBLIC]
        const ask = await start(t, setup, { mirrors, cacheControl: 'public, max-age=60' })
        for (const method of ['GET', 'HEAD']) {
          const file = await ask('/f.bin', {}, method)
          assert.match(file.names.join(), new RegExp(`http://${mirror.id}\\.invalid/`))
          // koa-static sends `max-age=0`.
          assert.match(file.caching.join(), /^private(?:, max-age=0)?$/)
          assert.deepEqual((await ask(DOCUMENT, {}, method)).caching, ['private, max-age=60'])
        }
      })
    }

    it('may keep other files as the application says', async (t) => {
      const ask = await start(t, setup, { mirrors: PUBLIC })
      assert.doesNotMatch((await ask()).caching.join(), /private/)
    })
  })
}

describe('Cache-Control of the application beside a private mirror', () => {
  for (const [present, expected] of [
    ['public, max-age=60', 'private, max-age=60'],
    ['max-age=60, s-maxage=600', 'private, max-age=60'],
    ['no-store', 'no-store'],
    ['private, max-age=5', 'private, max-age=5'],
    ['Public', 'private'],
  ] as const) {
    for (const form of ['setHeader', 'object', 'pairs'] as const) {
      it(`${present}, by ${form}: ${expected}`, async (t) => {
        const root = temporaryFolder(t)
        writeFiles(root, { 'f.bin': BODY })
        const origin = await startOrigin(t, {
          root,
          mirrors: [{ id: 'p', url: 'http://p.invalid/', private: true, subnets: ['127.0.0.0/8'] }],
        })
        const fields: [string, string][] = [
          ['cache-control', present],
          ['Content-Length', '5000'],
        ]
        const { port } = await listen(
          t,
          mirroredBy(origin, (_request, response) => {
            write(response, form, fields)
            response.end(BODY)
          }),
        )
        assert.deepEqual(values(await rawRequest(port, 'GET', '/f.bin'), 'cache-control'), [expected])
      })
    }
  }
})

function write(
  response: ServerResponse,
  form: 'setHeader' | 'object' | 'pairs',
  fields: [string, string][],
): void {
  if (form === 'object') response.writeHead(200, Object.fromEntries(fields))
  else if (form === 'pairs') Reflect.apply(response.writeHead, response, [200, fields])
  else for (const [name, value] of fields) response.setHeader(name, value)
}

describe('CORS of files', () => {
  for (const setup of SETUPS) {
    it(`${setup.name}: off by default; on, it names the fields that the response has`, async (t) => {
      for (const mode of ['decorate', 'redirect'] as const) {
        const off = (await (await start(t, setup, { mode, mirrors: PUBLIC }))()).answer
        assert.deepEqual(values(off, 'access-control-allow-origin'), [])
        const on = (await (await start(t, setup, { mode, mirrors: PUBLIC, cors: true }))()).answer
        assert.deepEqual(values(on, 'access-control-allow-origin'), ['*'])
        const [exposed = ''] = values(on, 'access-control-expose-headers')
        for (const name of exposed.split(', ')) assert.ok(values(on, name).length > 0, name)
      }
    })
  }

  it("the application's own CORS wins", async (t) => {
    const root = temporaryFolder(t)
    writeFiles(root, { 'f.bin': BODY })
    const origin = await startOrigin(t, { root, cors: true })
    const own = { 'Access-Control-Allow-Origin': 'https://app.example', 'Content-Length': '5000' }
    const { port } = await listen(
      t,
      mirroredBy(origin, (_request, response) => {
        response.writeHead(200, own).end(BODY)
      }),
    )
    const answer = await rawRequest(port, 'GET', '/f.bin')
    assert.deepEqual(values(answer, 'access-control-allow-origin'), ['https://app.example'])
    assert.equal(values(answer, 'digest').length, 3)
  })
})
