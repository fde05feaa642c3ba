import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { PROGRAM, serving, withOwnCache } from '../support/command.js'
import { replaceFile, type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { mmdb } from '../support/mmdb-writer.js'
import { freePort } from '../support/port.js'
import { startProgram } from '../support/program.js'
import { rawRequest, values } from '../support/raw.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)

/** Time that a stop takes at most if nothing holds it up; far below the limit of ten seconds. */
const PROMPT_MS = 5000

const GET = 'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n'

const country = (code: string) => mmdb({ networks: { '127.0.0.0/8': { country_code: code } } })

/** Opens a connection that stays open, and collects what comes. */
async function open(t: Scope, port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  return { socket, received: () => received }
}

describe('serve', { concurrency: true }, () => {
  test('answers before its databases are read, passes over SIGHUP, and then serves', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'root/a.txt': 'content', 'config.yaml': 'watch: false\n' })
    const fifo = join(folder, 'slow.mmdb')
    execFileSync('mkfifo', [fifo])
    const port = await freePort('127.0.0.1')
    const config = ['--config', join(folder, 'config.yaml'), '--geo', fifo, '--port', String(port)]
    const program = startProgram(t, [PROGRAM, 'serve', join(folder, 'root'), ...config])
    const answers = await until('it listens', async () => {
      try {
        return await Promise.all(
          ['GET', 'HEAD', 'POST', 'OPTIONS'].map((method) => rawRequest(port, method, '/a.txt')),
        )
      } catch {
        return undefined
      }
    })
    for (const answer of answers) {
      assert.equal(answer.status, 503)
      assert.deepEqual(values(answer, 'Retry-After'), ['1'])
      assert.deepEqual(values(answer, 'Cache-Control'), ['no-store'])
      assert.deepEqual(values(answer, 'Connection'), ['close'])
    }
    // It ends a process that does not listen to it.
    process.kill(program.pid, 'SIGHUP')
    assert.equal((await rawRequest(port, 'GET', '/')).status, 503)
    writeFileSync(fifo, country('DE'))
    await program.says(/^listening on /m)
    const answer = await rawRequest(port, 'GET', '/a.txt')
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'content'])
    assert.equal(await program.ends('SIGTERM'), 0)
  })

  test('ends at once by a signal before its databases are read', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'root/a.txt': 'content' })
    const fifo = join(folder, 'slow.mmdb')
    execFileSync('mkfifo', [fifo])
    const port = await freePort('127.0.0.1')
    const root = join(folder, 'root')
    const program = startProgram(t, [PROGRAM, 'serve', root, '--geo', fifo, '--port', String(port)])
    await until('it listens', () =>
      rawRequest(port, 'GET', '/').then(
        () => true,
        () => false,
      ),
    )
    const start = performance.now()
    await program.ends('SIGTERM')
    assert.ok(performance.now() - start < PROMPT_MS)
  })

  test('keeps idle connections for longer than proxies do', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'root/a.txt': 'content' })
    const { port } = await serving(t, [join(folder, 'root')])
    const { socket, received } = await open(t, port)
    socket.write(GET)
    await until('the file is sent', () => received().endsWith('content'))
    const [, seconds] = /^Keep-Alive: timeout=(\d+)\r$/m.exec(received()) ?? []
    assert.ok(Number(seconds) >= 75, received())
  })

  for (const [what, isBusy] of [
    ['is idle', false],
    ['is in use', true],
  ] as const)
    test(`stops without delay while a connection ${what}`, async (t) => {
      const folder = temporaryFolder(t)
      writeFiles(folder, { 'root/a.txt': 'content', 'root/b.bin': '' })
      truncateSync(join(folder, 'root', 'b.bin'), 64 * 1024 * 1024)
      const server = await serving(t, [join(folder, 'root')])
      const { socket, received } = await open(t, server.port)
      socket.write(isBusy ? GET.replace('a.txt', 'b.bin') : GET)
      await until('the response begins', () => received() !== '')
      if (isBusy) socket.pause()
      const start = performance.now()
      server.child.kill('SIGTERM')
      if (isBusy) {
        await until('nothing is accepted any more', () =>
          rawRequest(server.port, 'GET', '/').then(
            () => false,
            () => true,
          ),
        )
        socket.resume()
      }
      assert.equal(await server.ended, 0)
      assert.ok(performance.now() - start < PROMPT_MS, `${performance.now() - start} ms`)
    })

  test('reads mirrors and databases again at SIGHUP, and keeps them if they are broken', async (t) => {
    const folder = temporaryFolder(t)
    const list = (id: string) => `mirrors: [{ id: ${id}, url: "https://${id}.example/" }]\n`
    writeFiles(folder, {
      'root/a.txt': 'content',
      'mirrors.yaml': list('one'),
      'geo.mmdb': country('DE'),
      'config.yaml':
        'root: root\nmirrors: mirrors.yaml\ngeo: geo.mmdb\nport: 0\nwatch: false\nprobe: false\nlookupHosts: false\n',
    })
    const server = await serving(t, ['--config', join(folder, 'config.yaml')])
    const link = async () => values(await rawRequest(server.port, 'GET', '/a.txt'), 'X-Mirrored-By').join()
    const reloads = () => server.stdout().match(/^SIGHUP: .*read again$/gm)?.length ?? 0
    assert.equal(await link(), 'https://one.example/a.txt')

    replaceFile(join(folder, 'mirrors.yaml'), list('two'))
    replaceFile(join(folder, 'geo.mmdb'), country('FR'))
    server.child.kill('SIGHUP')
    await until('it is read again', () => reloads() === 1)
    assert.equal(await link(), 'https://two.example/a.txt')

    replaceFile(join(folder, 'mirrors.yaml'), 'mirrors: 5\n')
    replaceFile(join(folder, 'geo.mmdb'), 'garbage')
    server.child.kill('SIGHUP')
    await until('it is read again', () => reloads() === 2)
    assert.match(
      server.stderr(),
      /mirrors\.yaml:1:1: mirrors: must be a list of mirrors\nthe mirrors read before stay/,
    )
    assert.match(
      server.stderr(),
      /cannot use \S+geo\.mmdb as a geo database: .*; the one read before stays in force/,
    )
    assert.equal(await link(), 'https://two.example/a.txt')
    server.child.kill('SIGTERM')
    assert.equal(await server.ended, 0)
  })
})
