import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import Koa from 'koa'
import { mirroredBy as koaMirroredBy } from '../../lib/adapters/koa.js'
import { mirroredBy as nodeMirroredBy } from '../../lib/adapters/node.js'
import type { Origin } from '../../lib/index.js'
import { startDaemon } from '../lab/daemon.js'
import { configureNginx } from '../lab/nginx.js'
import { makeCertificate } from '../support/certificate.js'
import { run, unlessInstalled } from '../support/client.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { startOrigin } from '../support/origin.js'
import { freePort } from '../support/port.js'

const PROXY_HOST = '127.0.0.8'
const CONTENT = 'the file behind the proxy'

const ADAPTERS: readonly (readonly [name: string, listener: (origin: Origin) => RequestListener])[] = [
  ['node:http', (origin) => nodeMirroredBy(origin)],
  ['Koa', (origin) => new Koa().use(koaMirroredBy(origin)).callback()],
]

/** How nginx reaches the origin: by TCP, or by a Unix socket. */
const UPSTREAMS = ['tcp', 'unix'] as const

const FIELDS: readonly (readonly [name: string, directives: readonly string[]])[] = [
  [
    'X-Forwarded-*',
    [
      'proxy_set_header Host $http_host;',
      'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
      'proxy_set_header X-Forwarded-Proto $scheme;',
    ],
  ],
  [
    'X-Forwarded-Host and -Port',
    [
      'proxy_set_header X-Forwarded-For "$remote_addr:$remote_port";',
      'proxy_set_header X-Forwarded-Proto $scheme;',
      'proxy_set_header X-Forwarded-Host $host;',
      'proxy_set_header X-Forwarded-Port $server_port;',
    ],
  ],
  [
    'Forwarded',
    ['proxy_set_header Forwarded "for=\\"$remote_addr:$remote_port\\";proto=$scheme;host=\\"$http_host\\"";'],
  ],
]

interface Proxied {
  /** URL of the proxy, ending in `/`. */
  readonly url: string
  readonly addresses: readonly string[]
}

async function start(
  scope: Scope,
  listener: (origin: Origin) => RequestListener,
  upstream: (typeof UPSTREAMS)[number],
  directives: readonly string[],
): Promise<Proxied> {
  const root = temporaryFolder(scope)
  writeFiles(root, { 'a.bin': CONTENT })
  const origin = await startOrigin(scope, {
    root,
    serve: true,
    mode: 'redirect',
    trustProxy: ['loopback'],
    mirrors: [
      { id: 'plain', url: 'http://plain.invalid/', weight: 1000 },
      { id: 'both', urls: ['http://both.invalid/', 'https://both.invalid/'] },
    ],
  })
  const addresses: string[] = []
  const plan = origin.plan.bind(origin)
  origin.plan = (view) => {
    addresses.push(view.address)
    return plan(view)
  }
  const folder = temporaryFolder(scope)
  const server = createServer(listener(origin))
  if (upstream === 'unix') server.listen(join(folder, 'origin.sock'))
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const target =
    upstream === 'unix'
      ? `http://unix:${join(folder, 'origin.sock')}:`
      : `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { key, cert } = makeCertificate(scope, PROXY_HOST)
  writeFileSync(join(folder, 'key.pem'), key)
  writeFileSync(join(folder, 'cert.pem'), cert)
  const port = await freePort(PROXY_HOST)
  const location = [`proxy_pass ${target};`, ...directives]
  const certificate = ['  ssl_certificate cert.pem;', '  ssl_certificate_key key.pem;']
  const args = configureNginx(folder, `${PROXY_HOST}:${port} ssl`, location, certificate)
  await startDaemon(scope, { program: 'nginx', args, host: PROXY_HOST, port })
  return { url: `https://${PROXY_HOST}:${port}/`, addresses }
}

async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sSk', '--noproxy', '*', '--max-time', '10', ...args])
  return stdout
}

describe('an nginx that ends TLS', {
  skip: unlessInstalled('nginx', 'curl', 'openssl'),
  timeout: 120_000,
}, () => {
  for (const [adapter, listener] of ADAPTERS) {
    for (const upstream of UPSTREAMS) {
      for (const [fields, directives] of FIELDS) {
        test(`${adapter} by ${upstream}, with ${fields}: URLs are those of the client`, async (t) => {
          const { url, addresses } = await start(t, listener, upstream, directives)
          for (let count = 0; count < 5; count += 1) {
            const head = await curl('-I', `${url}a.bin`)
            assert.match(head, /^HTTP\/1\.1 302 /)
            assert.match(head, /^Location: https:\/\/both\.invalid\/a\.bin\r$/m)
            assert.ok(head.includes(`Link: <${url}a.bin.meta4>; rel=describedby`), head)
            assert.doesNotMatch(head, /http:\/\//)
          }
          const document = await curl(`${url}a.bin.meta4`)
          assert.ok(document.includes(`>${url}a.bin</url>`), document)
          // Loopback addresses are trusted, so the chain ends with the client itself.
          assert.deepEqual([...new Set(addresses)], [await clientAddress(url)])
        })
      }
    }
  }
})

/** Returns the address from which a client of this machine reaches the proxy. */
async function clientAddress(url: string): Promise<string> {
  return (await curl('-o', '/dev/null', '-w', '%{local_ip}', url)).trim()
}
