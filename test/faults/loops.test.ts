import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, test } from 'node:test'
import { mirroredBy } from '../../lib/adapters/node.js'
import type { MirroredByError, MirrorOptions, Origin } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { rawRequest, values } from '../support/raw.js'
import { listen } from '../support/server.js'
import { plainFiles } from '../support/setups.js'
import { until } from '../support/until.js'

const FILES = { 'here.bin': 'a file that the mirror has', 'lost.bin': 'a file that the mirror lacks' }

interface World {
  readonly origin: Origin
  readonly port: number
  readonly warnings: readonly MirroredByError[]
}

/** Starts a server that redirects to one mirror, whose URL may be the server's own. */
async function start(
  scope: Scope,
  mirrorOf: (port: number) => MirrorOptions | Promise<MirrorOptions>,
): Promise<World> {
  const root = temporaryFolder(scope)
  writeFiles(root, FILES)
  // The port must be known before the origin is made, so the first requests wait for the origin.
  let started: (listener: RequestListener) => void = () => {}
  const starting = new Promise<RequestListener>((resolve) => {
    started = resolve
  })
  const { port } = await listen(scope, (request, response) => {
    void starting.then((listener) => listener(request, response))
  })
  const origin = await startOrigin(scope, {
    root,
    mirrors: [await mirrorOf(port)],
    mode: 'redirect',
    privateAddresses: true,
    lookupHosts: false,
    probe: { interval: '2s' },
    presence: { interval: '1s' },
  })
  const warnings: MirroredByError[] = []
  origin.on('warning', (warning) => warnings.push(warning))
  started(mirroredBy(origin, plainFiles(root)))
  return { origin, port, warnings }
}

async function locationOf(port: number, path: string): Promise<string | undefined> {
  const answer = await rawRequest(port, 'GET', `/${path}`, { Host: `127.0.0.1:${port}` })
  const [location] = values(answer, 'location')
  if (location === undefined) assert.equal(answer.status, 200)
  return location
}

describe('a mirror that leads back here', { concurrency: true, timeout: 60_000 }, () => {
  test('is down and warned of by name, where another name of it is this very server', async (t) => {
    const { origin, port, warnings } = await start(t, (own) => ({
      id: 'self',
      url: `http://localhost:${own}/`,
      family: 'ipv4',
    }))
    await origin.ready
    await until('it is down', () => origin.mirrors()[0]?.health.state === 'down')
    assert.equal(origin.mirrors()[0]?.health.reason, 'it leads back to this very server')
    assert.equal(await locationOf(port, 'here.bin'), undefined)
    const loops = warnings.filter(({ code }) => code === 'ERR_LOOP')
    assert.equal(loops.length, 1)
    assert.match(loops[0]?.message ?? '', /^the mirror self leads back to this very server/)
  })

  test('for the files that it lacks is given for the others alone, and stays up', async (t) => {
    const copy = temporaryFolder(t)
    writeFiles(copy, { 'here.bin': FILES['here.bin'] })
    const files = plainFiles(copy)
    const { origin, port, warnings } = await start(t, async (own) => {
      const { url } = await listen(
        t,
        (request, response) => {
          if (request.url === '/here.bin') files(request, response)
          else response.writeHead(302, { Location: `http://127.0.0.1:${own}${request.url}` }).end()
        },
        '127.0.0.2',
      )
      return { id: 'partial', url, redirects: true }
    })
    await origin.ready
    await until('it is given', async () => (await locationOf(port, 'here.bin')) !== undefined)
    const presence = () => origin.mirrors()[0]?.presence
    await until('the other file is known to be absent', () => {
      const known = presence()
      return known?.kind === 'checked' && known.absent === 1 && known.held === 1
    })
    for (let round = 0; round < 5; round += 1) {
      assert.equal(await locationOf(port, 'lost.bin'), undefined)
      assert.match((await locationOf(port, 'here.bin')) ?? '', /^http:\/\/127\.0\.0\.2:/)
    }
    assert.equal(origin.mirrors()[0]?.health.state, 'up')
    assert.deepEqual(warnings, [])
  })

  test('is told from other servers, which get redirects whatever they send', async (t) => {
    const copy = temporaryFolder(t)
    writeFiles(copy, FILES)
    const { origin, port } = await start(t, async () => ({
      id: 'good',
      url: (await listen(t, plainFiles(copy), '127.0.0.3')).url,
    }))
    await origin.ready
    await until('it is given', async () => (await locationOf(port, 'here.bin')) !== undefined)
    for (const value of ['mirrored-by', 'mirrored-by; id=0123456789abcdef', 'cdn.example, other', '']) {
      const answer = await rawRequest(port, 'GET', '/here.bin', { 'CDN-Loop': value })
      assert.equal(answer.status, 302, value)
    }
  })
})
