import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { meansNoFile } from '../../lib/adapters/file.js'
import { createOrigin, memoryStore } from '../../lib/index.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { listen } from '../support/server.js'
import { SETUPS } from '../support/setups.js'

const SWAPPER = fileURLToPath(new URL('./swapper.js', import.meta.url))
const LIMITED_SERVER = fileURLToPath(new URL('./limited-server.js', import.meta.url))

interface Reply {
  readonly status: number | undefined
  readonly retryAfter: string | undefined
  readonly body: string
}

/** Sends a GET on a connection that is kept. */
function get(port: number, path: string, agent: Agent, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent, method }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const { statusCode: status, headers } = response
      resolve({ status, retryAfter: headers['retry-after'], body: String(Buffer.concat(chunks)) })
    })
    sent.on('error', reject).end()
  })
}

function keptConnection(scope: Scope): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  scope.after(() => agent.destroy())
  return agent
}

function ends(scope: Scope, child: ChildProcess): ChildProcess {
  scope.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child
}

for (const setup of SETUPS.filter(({ serve }) => serve)) {
  it(`${setup.name}: no file outside of the root is sent while a folder is swapped for a link`, async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'outside/f': 'secret', 'root/sub/f': 'public', 'root/other': '' })
    symlinkSync(join(folder, 'outside'), join(folder, 'root/link'))
    const options = { root: join(folder, 'root'), store: memoryStore(), serve: true, watch: false }
    const origin = await createOrigin(options)
    t.after(() => origin.close())
    await origin.ready
    const { port } = await listen(t, setup.listener(origin))
    const swapper = ends(t, fork(SWAPPER, [join(folder, 'root')]))
    await once(swapper, 'message')
    const counts = new Map<string, number>()
    const end = performance.now() + 3000
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const agent = keptConnection(t)
        while (performance.now() < end) {
          const { body } = await get(port, '/sub/f', agent)
          counts.set(body, (counts.get(body) ?? 0) + 1)
        }
      }),
    )
    swapper.kill('SIGKILL')
    await once(swapper, 'exit')
    t.diagnostic(JSON.stringify([...counts]))
    assert.equal(counts.get('secret'), undefined)
    assert.ok((counts.get('public') ?? 0) > 100, 'the file is sent in between')
  })
}

it('a file that cannot be opened because too many are open is a 503, and sent afterwards', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'root'))
  writeFiles(folder, { 'root/indexed': 'indexed' })
  const server = ends(
    t,
    spawn(
      'sh',
      ['-c', 'ulimit -n 100 && exec "$0" "$@"', process.execPath, LIMITED_SERVER, join(folder, 'root')],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    ),
  )
  const ports: unknown = (await once(server, 'message'))[0]
  assert.ok(Array.isArray(ports))
  // Files that were never indexed are concerned too.
  writeFiles(folder, { 'root/new': 'new' })
  const connections = ports.map((port) => ({ port: Number(port), agent: keptConnection(t) }))
  for (const { port, agent } of connections)
    assert.equal((await get(port, '/indexed', agent)).body, 'indexed')
  const tell = async (word: string): Promise<unknown> => {
    const replied = once(server, 'message')
    server.send(word)
    return (await replied)[0]
  }
  await tell('exhaust')
  for (const { port, agent } of connections) {
    for (const path of ['/indexed', '/new']) {
      for (const method of ['GET', 'HEAD']) {
        const { status, retryAfter } = await get(port, path, agent, method)
        assert.deepEqual([status, retryAfter], [503, '5'], `${method} ${path}`)
      }
    }
  }
  assert.deepEqual(await tell('release'), ['ERR_OPEN'], 'one warning for all files')
  for (const { port, agent } of connections) {
    for (const path of ['indexed', 'new']) {
      const { status, body } = await get(port, `/${path}`, agent)
      assert.deepEqual([status, body], [200, path])
    }
    assert.equal((await get(port, '/missing', agent)).status, 404)
  }
})

for (const [code, expected] of Object.entries({
  ENOENT: true,
  ENOTDIR: true,
  EACCES: true,
  ELOOP: true,
  ENAMETOOLONG: true,
  EMFILE: false,
  ENFILE: false,
  ENOMEM: false,
  EIO: false,
  ESTALE: false,
  ETIMEDOUT: false,
  ENODEV: false,
  EAGAIN: false,
})) {
  it(`${code} at open ${expected ? 'means that there is no file' : 'is a lack of resources, and no 404'}`, () => {
    assert.equal(meansNoFile(Object.assign(new Error(code), { code })), expected)
  })
}
