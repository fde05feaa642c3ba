import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MirroredByError, OriginOptions } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { SETUPS, type Setup } from '../support/setups.js'

interface Started {
  readonly port: number
  readonly warnings: readonly MirroredByError[]
}

async function start(
  scope: Scope,
  setup: Setup,
  urls: readonly string[],
  options: Partial<OriginOptions> = {},
): Promise<Started> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.bin': 'content' })
  const mirrors = urls.map((url, index) => ({ id: `m${index}`, url }))
  const origin = await startOrigin(scope, {
    root,
    mirrors,
    serve: setup.serve,
    mode: 'redirect',
    probe: false,
    lookupHosts: false,
    ...options,
  })
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  const { port } = await listen(scope, setup.listener(origin))
  return { port, warnings }
}

/** Names of this server, each with URLs of mirrors that are this server. */
const SPELLINGS: readonly (readonly [host: string, url: string])[] = [
  ['origin.example', 'http://origin.example/'],
  ['origin.example', 'HTTP://ORIGIN.EXAMPLE/'],
  ['ORIGIN.Example', 'http://origin.example/'],
  ['origin.example:80', 'http://origin.example/'],
  ['origin.example', 'http://origin.example:80/'],
  ['origin.example.', 'http://origin.example/'],
  ['origin.example', 'http://origin.example./'],
  ['origin.example', 'http://origin.example/x/../'],
  ['origin.example', 'http://origin.example/%2e/'],
  ['origin.example:8080', 'http://origin.example:8080/'],
  // A proxy ends TLS, and passes the request on by http.
  ['origin.example', 'https://origin.example/'],
  ['127.0.0.1:8080', 'http://127.0.0.1:8080/'],
  ['127.0.0.1:8080', 'http://0x7f.1:8080/'],
  ['[::1]:8080', 'http://[0:0:0:0:0:0:0:1]:8080/'],
]

for (const setup of SETUPS) {
  describe(`a mirror that is this very server, ${setup.name}`, () => {
    it('gets no client in any spelling, is named nowhere, and is warned of once', async (t) => {
      for (const [host, url] of SPELLINGS) {
        const { port, warnings } = await start(t, setup, [url])
        for (let round = 0; round < 3; round += 1) {
          const answer = await rawRequest(port, 'GET', '/a.bin', { Host: host })
          assert.deepEqual([answer.status, answer.body.toString()], [200, 'content'], url)
          assert.deepEqual(values(answer, 'x-mirrored-by'), [])
          assert.equal((await rawRequest(port, 'HEAD', '/a.bin', { Host: host })).status, 200)
        }
        assert.deepEqual(
          warnings.map(({ code }) => code),
          ['ERR_LOOP'],
          url,
        )
        assert.match(warnings[0]?.message ?? '', /^the mirror m0 has the URL of this very server, http/)
      }
    })

    it('leaves the others their clients', async (t) => {
      const urls = ['http://origin.example/', 'http://other.example/']
      const { port } = await start(t, setup, urls)
      for (let round = 0; round < 20; round += 1) {
        const answer = await rawRequest(port, 'GET', '/a.bin')
        assert.deepEqual(values(answer, 'location'), ['http://other.example/a.bin'])
        assert.deepEqual(values(answer, 'x-mirrored-by'), ['http://other.example/a.bin'])
      }
    })

    it('is known by the base URL, whatever the host of the request', async (t) => {
      const baseUrl = 'https://dl.example.org/repo/'
      const { port } = await start(t, setup, ['https://dl.example.org/repo/'], { baseUrl })
      assert.equal((await rawRequest(port, 'GET', '/a.bin')).status, 200)
    })

    for (const url of [
      'http://origin.example/other/',
      'http://origin.example:8080/',
      'http://origin.example.org/',
      'http://www.origin.example/',
    ]) {
      it(`is not ${url}`, async (t) => {
        const { port, warnings } = await start(t, setup, [url])
        const answer = await rawRequest(port, 'GET', '/a.bin')
        assert.deepEqual(values(answer, 'location'), [`${url}a.bin`])
        assert.deepEqual(warnings, [])
      })
    }
  })
}
