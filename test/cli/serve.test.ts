import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { mirroredBy, type Serving, serving, withOwnCache } from '../support/command.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { rawRequest, values } from '../support/raw.js'
import { until } from '../support/until.js'

withOwnCache({ after: (hook) => after(hook as () => void) })

/** Made-up mirrors, not to be probed. */
const MIRRORS = 'mirrors:\n  - id: a\n    url: https://a.example/repo/\n    probe: false\n'

function repository(scope: Scope): string {
  const folder = temporaryFolder(scope)
  writeFiles(folder, {
    'root/a.txt': 'content',
    'root/b/c.txt': 'more',
    'root/d.txt': 'x',
    'mirrors.yaml': MIRRORS,
  })
  return folder
}

const SIZE = 64 * 1024 * 1024

interface Download {
  readonly server: Serving
  readonly socket: Socket
  readonly received: () => number
  /** Settles when the connection is closed or broken. */
  readonly closed: Promise<void>
}

/** Starts to download a large file, and pauses. */
async function slowDownload(scope: Scope): Promise<Download> {
  const folder = repository(scope)
  truncateSync(join(folder, 'root', 'd.txt'), SIZE)
  const server = await serving(scope, [join(folder, 'root')])
  const socket = connect(server.port, '127.0.0.1')
  scope.after(() => socket.destroy())
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {}) // the server may be killed
  let received = 0
  socket.on('data', (chunk) => {
    received += chunk.length
  })
  socket.write('GET /d.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await until('the download has begun', () => received > 0)
  socket.pause()
  assert.ok(received < SIZE / 2)
  return { server, socket, received: () => received, closed }
}

async function untilRefused(port: number): Promise<void> {
  await until('new connections are refused', async () => {
    const socket = connect(port, '127.0.0.1')
    const refused = await once(socket, 'connect').then(
      () => false,
      () => true,
    )
    socket.destroy()
    return refused
  })
}

describe('a server', { concurrency: 4 }, () => {
  test('it says where it listens and how many files it indexed, and serves them with their fields', async (context) => {
    const folder = repository(context)
    const server = await serving(context, [join(folder, 'root'), '--mirrors', join(folder, 'mirrors.yaml')])
    const lines = server.stdout().trimEnd().split('\n').sort()
    assert.equal(lines.length, 3)
    assert.match(lines[0] ?? '', /^indexed 3 files in \d+\.\d s$/)
    assert.match(lines[1] ?? '', /^listening on http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal(lines[2], 'mirror a: is taken to hold every file')
    assert.equal(server.stderr(), '')
    assert.ok(server.port > 0)

    const answer = await rawRequest(server.port, 'GET', '/a.txt')
    assert.equal(answer.status, 200)
    assert.equal(answer.body.toString(), 'content')
    assert.deepEqual(values(answer, 'Link'), [
      '<http://origin.example/a.txt.meta4>; rel=describedby; type="application/metalink4+xml"',
      '<https://a.example/repo/a.txt>; rel=duplicate; pri=1; depth=1',
    ])
    // wget2 sends no port in Host.
    for (const host of ['127.0.0.1', `127.0.0.1:${server.port}`]) {
      const local = await rawRequest(server.port, 'HEAD', '/a.txt', { Host: host })
      assert.match(values(local, 'Link')[0] ?? '', new RegExp(`^<${server.url}/a\\.txt\\.meta4>`))
    }
    assert.equal((await rawRequest(server.port, 'GET', '/nowhere')).status, 404)
  })

  for (const [proxy, fields] of [
    ['X-Forwarded-*', { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'dl.example.org' }],
    ['Forwarded', { Forwarded: 'for=8.8.8.8;proto=https;host=dl.example.org' }],
  ] as const) {
    test(`behind a proxy that ends TLS and sends ${proxy}, URLs are those of the proxy`, async (context) => {
      const folder = repository(context)
      const args = [join(folder, 'root'), '--mirrors', join(folder, 'mirrors.yaml')]
      const trusting = await serving(context, [...args, '--trust-proxy', 'loopback'])
      const link = values(await rawRequest(trusting.port, 'HEAD', '/a.txt', fields), 'Link')[0] ?? ''
      assert.match(link, /^<https:\/\/dl\.example\.org\/a\.txt\.meta4>/)
      const document = await rawRequest(trusting.port, 'GET', '/a.txt.meta4', fields)
      assert.match(document.body.toString(), />https:\/\/dl\.example\.org\/a\.txt<\/url>/)
      const wary = await serving(context, args)
      const ignored = values(await rawRequest(wary.port, 'HEAD', '/a.txt', fields), 'Link')[0] ?? ''
      assert.match(ignored, /^<http:\/\/origin\.example\/a\.txt\.meta4>/)
    })
  }

  test('flags stand above the configuration, and paths in that are relative to its folder', async (context) => {
    const folder = repository(context)
    writeFiles(folder, {
      'etc/config.yaml':
        'root: ../root\nmirrors: ../mirrors.yaml\nstore: index.sqlite\nport: 0\nmode: redirect\nignore: [d.txt]\n',
    })
    writeFileSync(
      join(folder, 'other.yaml'),
      'mirrors:\n  - id: z\n    url: https://z.example/\n    probe: false\n',
    )
    const config = ['--config', join(folder, 'etc', 'config.yaml')]

    const configured = await serving(context, config, '/')
    assert.match(configured.stdout(), /^indexed 2 files/m)
    assert.ok(existsSync(join(folder, 'etc', 'index.sqlite')))
    const redirect = await rawRequest(configured.port, 'GET', '/a.txt')
    assert.equal(redirect.status, 302)
    assert.deepEqual(values(redirect, 'Location'), ['https://a.example/repo/a.txt'])

    const flags = [
      '--mode',
      'decorate',
      '--mirrors',
      'other.yaml',
      '--store',
      'flag.sqlite',
      '--base-url',
      'http://b.example',
    ]
    const flagged = await serving(context, [...config, ...flags], folder)
    assert.ok(existsSync(join(folder, 'flag.sqlite')))
    const answer = await rawRequest(flagged.port, 'GET', '/a.txt')
    assert.equal(answer.status, 200)
    assert.deepEqual(values(answer, 'Link'), [
      '<http://b.example/a.txt.meta4>; rel=describedby; type="application/metalink4+xml"',
      '<https://z.example/a.txt>; rel=duplicate; pri=1; depth=1',
    ])

    writeFiles(folder, { 'root2/only': 'x' })
    const rooted = await serving(context, ['root2', ...config, '--store', 'root2.sqlite'], folder)
    assert.match(rooted.stdout(), /^indexed 1 files/m)
  })

  test('what it warns of goes to the standard error, and it serves on', async (context) => {
    const folder = repository(context)
    const server = await serving(context, [join(folder, 'root'), '--mirrors', join(folder, 'mirrors.yaml')])
    writeFileSync(join(folder, 'mirrors.yaml'), 'mirrors: 5\n')
    await until('it warns', () => server.stderr().includes('stay in force\n'))
    assert.equal(
      server.stderr(),
      `warning: ${join(folder, 'mirrors.yaml')}:1:1: mirrors: must be a list of mirrors\n` +
        'the mirrors read before stay in force\n',
    )
    assert.equal(values(await rawRequest(server.port, 'GET', '/a.txt'), 'Link').length, 2)
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends it in good order`, async (context) => {
      const folder = repository(context)
      const server = await serving(context, [join(folder, 'root')])
      server.child.kill(signal)
      assert.equal(await server.ended, 0)
      assert.equal(server.stderr(), '')
    })
  }

  test('SIGTERM lets a running download finish, and takes no new one', async (context) => {
    const { server, socket, received, closed } = await slowDownload(context)
    server.child.kill('SIGTERM')
    await untilRefused(server.port)
    assert.equal(server.child.exitCode, null)
    socket.resume()
    await closed
    assert.ok(received() > SIZE, `${received()} bytes of ${SIZE} and a head`)
    assert.equal(await server.ended, 0)
  })

  test('a second signal ends it at once', async (context) => {
    const { server, socket, received, closed } = await slowDownload(context)
    server.child.kill('SIGTERM')
    await untilRefused(server.port)
    server.child.kill('SIGTERM')
    assert.equal(await server.ended, 1)
    socket.resume()
    await closed
    assert.ok(received() < SIZE)
  })

  test('what was indexed is known at the next start', async (context) => {
    const folder = repository(context)
    const store = ['--store', join(folder, 'index.sqlite')]
    const server = await serving(context, [join(folder, 'root'), ...store])
    server.child.kill('SIGTERM')
    await server.ended
    const { stdout } = await mirroredBy(['index', join(folder, 'root'), ...store])
    assert.match(stdout, /^indexed 3 files in \d+\.\d s, 0 of them hashed\n$/)
  })
})
