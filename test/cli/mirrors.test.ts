import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { sqliteStates } from '../../lib/store/sqlite-states.js'
import { leaveServerFiles, mirroredBy, serving, withOwnCache } from '../support/command.js'
import { refusingUrl, startFaultyServer } from '../support/faulty-server.js'
import { type Scope, temporaryFolder, writeFiles } from '../support/folder.js'
import { rawRequest, values } from '../support/raw.js'
import { until } from '../support/until.js'

const scope: Scope = { after: (hook) => after(hook as () => void) }
withOwnCache(scope)

interface Place {
  readonly folder: string
  /** Flags that name the server. */
  readonly flags: readonly string[]
}

/** Creates a repository with a mirrors file of ids and URLs. */
function place(t: Scope, urls: Readonly<Record<string, string>>, more = ''): Place {
  const folder = temporaryFolder(t)
  const mirrors = Object.entries(urls).map(([id, url]) => `  - { id: ${id}, url: "${url}" }\n`)
  writeFiles(folder, {
    'root/a.txt': 'content',
    'mirrors.yaml': `mirrors:\n${mirrors.join('')}`,
    'config.yaml': `root: root\nmirrors: mirrors.yaml\nstore: index.sqlite\nport: 0\ngeo: false\nprobe: { interval: 3s }\npresence: false\n${more}`,
  })
  return { folder, flags: ['--config', join(folder, 'config.yaml')] }
}

/** Responses of a mirror that has the file. */
const sevenBytes: RequestListener = (_, response) => {
  response.writeHead(206, { 'Content-Range': 'bytes 0-0/7', 'Content-Length': 1 }).end('c')
}

async function stdoutOf(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await mirroredBy(['mirrors', ...args])
  assert.deepEqual([status, stderr], [0, ''])
  return stdout
}

describe('mirrors', { concurrency: true }, () => {
  test('list tells how mirrors fare after a server ran, and before that there is none', async (t) => {
    const up = await startFaultyServer(t, sevenBytes)
    const { folder, flags } = place(t, { good: up.url, dead: await refusingUrl(t) })
    const early = await mirroredBy(['mirrors', 'list', ...flags])
    assert.deepEqual([early.status, early.stdout], [2, ''])
    assert.match(
      early.stderr,
      /there is no mirror states of a server at \S+index\.mirrors\.sqlite: name the server/,
    )
    assert.equal(existsSync(join(folder, 'index.mirrors.sqlite')), false)

    const server = await serving(t, flags)
    await until('they are probed', async () => /^dead +down/m.test(await stdoutOf('list', ...flags)))
    server.child.kill('SIGTERM')
    await server.ended
    const time = String.raw`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`
    const text = await stdoutOf('list', ...flags)
    assert.match(text, /^ID +STATE +SINCE +RTT +AGE +FILES +REASON\n/)
    assert.match(text, new RegExp(`^dead +down +${time} +- +- +assumed +connection refused$`, 'm'))
    const list = JSON.parse(await stdoutOf('list', '--json', ...flags))
    assert.deepEqual(
      list.map(({ id }: { id: string }) => id),
      ['good', 'dead'],
    )
    const [, dead] = list
    assert.deepEqual([dead.state, dead.reason, dead.endpoints.length], ['down', 'connection refused', 1])
    assert.deepEqual(Object.keys(dead.history[0]), ['id', 'at', 'state', 'reason'])
    assert.equal(new Date(dead.since).toISOString(), dead.since)
  })

  test('list tells how old copies are, and rank why an old one is left out', async (t) => {
    const hours = (count: number): RequestListener => {
      const time = new Date(Date.now() - count * 3_600_000).toISOString()
      return (_, response) => response.end(time)
    }
    const [young, old] = [await startFaultyServer(t, hours(1.75)), await startFaultyServer(t, hours(3.5))]
    const { folder, flags } = place(t, {}, 'maxAge: 2h\n')
    const mirror = (id: string, url: string) => `  - { id: ${id}, url: "${url}", trace: /.trace }\n`
    writeFiles(folder, { 'mirrors.yaml': `mirrors:\n${mirror('young', young.url)}${mirror('old', old.url)}` })
    const server = await serving(t, flags)
    await until('they are probed', async () => !/unknown/.test(await stdoutOf('list', ...flags)))
    server.child.kill('SIGTERM')
    await server.ended
    const text = await stdoutOf('list', ...flags)
    assert.match(text, /^young +up +\S+ +\S+ ms +105 min +assumed +it ignores Range$/m)
    assert.match(
      text,
      /^old +up +\S+ +\S+ ms +3 h +assumed +it ignores Range; its copy is from 20\S+Z, older than it may be$/m,
    )
    const list = JSON.parse(await stdoutOf('list', '--json', ...flags))
    assert.match(list[1].traced, /^20\d\d-\S+Z$/)
    const { stdout } = await mirroredBy(['rank', 'a.txt', '--ip', '198.51.100.1', ...flags])
    assert.match(stdout, /^1 +young/m)
    assert.match(stdout, /^old +its copy is from 20\S+Z, before the file changed$/m)
    const check = await stdoutOf('check', 'old', ...flags)
    assert.match(check, /answered +\S+ ms +it ignores Range; its copy is from 20\S+Z$/m)
  })

  test('disable outlives the server, even one that is killed, until enable', async (t) => {
    const mirror = await startFaultyServer(t, sevenBytes)
    const { flags } = place(t, { one: mirror.url, two: mirror.url })
    const first = await serving(t, flags)
    assert.equal(await stdoutOf('disable', 'one', ...flags), 'one is disabled\n')
    assert.equal(await stdoutOf('disable', 'one', ...flags), 'one is disabled already\n')
    first.child.kill('SIGKILL')
    await first.ended
    assert.match(
      await stdoutOf('list', ...flags),
      /^one +disabled +20\S+Z +\S.* +- +assumed +its operator disabled it$/m,
    )
    const second = await serving(t, flags)
    const answer = await rawRequest(second.port, 'GET', '/a.txt')
    assert.deepEqual(values(answer, 'X-Mirrored-By').length, 1)
    assert.equal(await stdoutOf('enable', 'one', ...flags), 'one is enabled\n')
    assert.equal(await stdoutOf('enable', 'one', ...flags), 'one is not disabled\n')
    await until('it is up', async () => /^one +up +20\S+Z +\d/m.test(await stdoutOf('list', ...flags)))
  })

  test('a running server sees it within two seconds, and rank tells why', async (t) => {
    const mirror = await startFaultyServer(t, sevenBytes)
    const { flags } = place(t, { one: mirror.url, two: mirror.url })
    const server = await serving(t, flags)
    const links = async () => values(await rawRequest(server.port, 'GET', '/a.txt'), 'X-Mirrored-By').length
    assert.equal(await links(), 2)
    for (const [command, count] of [
      ['disable', 1],
      ['enable', 2],
    ] as const) {
      await stdoutOf(command, 'one', ...flags)
      const start = performance.now()
      await until(`${count} are named`, async () => (await links()) === count)
      assert.ok(performance.now() - start < 2000)
      const { stdout } = await mirroredBy(['rank', 'a.txt', '--ip', '198.51.100.1', ...flags])
      assert.equal(/^one +disabled since 20\S+Z$/m.test(stdout), command === 'disable', stdout)
    }
  })

  test('check probes a mirror now, and says what it found', async (t) => {
    const good = await startFaultyServer(t, (_, response) => {
      response.writeHead(206, { 'Content-Range': 'bytes 0-0/8', 'Content-Length': 1 }).end('c')
    })
    const whole = await startFaultyServer(t, 'without Range, of another size')
    const { folder, flags } = place(t, { good: good.url, whole: whole.url, dead: await refusingUrl(t) })
    // Without an index, it requests the folder.
    const early = await mirroredBy(['mirrors', 'check', 'good', ...flags])
    assert.match(early.stdout, /^good is up\n\nURL +BY +RESULT +RTT +WHAT\n/)
    assert.match(
      early.stderr,
      /^warning: no server is asked to probe it too: there are no mirror states at \S+$/m,
    )
    assert.equal(good.requests[0], 'GET / bytes=0-0')
    await leaveServerFiles(join(folder, 'root'), { store: join(folder, 'index.sqlite') })
    assert.match(
      await stdoutOf('check', 'good', ...flags),
      /^http:\S+ +IPv4 +answered +\d+(\.\d)? ms +it has 8 bytes of a\.txt, and not 7$/m,
    )
    assert.equal(good.requests[1], 'GET /a.txt bytes=0-0')
    assert.match(
      await stdoutOf('check', 'whole', ...flags),
      /it ignores Range; it has 5 bytes of a\.txt, and not 7$/m,
    )
    const dead = await mirroredBy(['mirrors', 'check', 'dead', '--json', ...flags])
    assert.equal(dead.status, 1)
    const { up, endpoints } = JSON.parse(dead.stdout)
    assert.deepEqual([up, endpoints[0].outcome, endpoints[0].reason], [false, 'failed', 'connection refused'])
  })

  test('check asks a running server to look for itself', async (t) => {
    const mirror = await startFaultyServer(t, 'good')
    const { folder, flags } = place(t, { one: mirror.url }, 'mirrorStates: own.sqlite\n')
    const server = await serving(t, flags)
    await stdoutOf('check', 'one', ...flags)
    const states = sqliteStates(join(folder, 'own.sqlite'))
    const { requestedProbes } = await states.read()
    await states.close()
    assert.ok((requestedProbes.get('one') ?? 0) > Date.now() - 60_000)
    server.child.kill('SIGTERM')
    assert.equal(await server.ended, 0)
  })

  test('a mirror that is not there is named, with those that are', async (t) => {
    const { folder, flags } = place(t, { one: 'http://a.invalid/', two: 'http://b.invalid/' })
    const root = join(folder, 'root')
    await leaveServerFiles(root, { store: join(folder, 'index.sqlite') })
    for (const command of ['enable', 'disable', 'check']) {
      const { status, stdout, stderr } = await mirroredBy(['mirrors', command, 'three', ...flags])
      assert.deepEqual(
        [status, stdout, stderr],
        [2, '', 'mirrored-by: there is no mirror "three": there are one, two\n'],
      )
    }
    await leaveServerFiles(root)
    const flagless = ['--root', root]
    assert.match(
      await stdoutOf('list', ...flagless),
      /^no mirrors: none is listed, .* --mirrors or --config$/m,
    )
    const { status, stderr } = await mirroredBy(['mirrors', 'disable', 'one', ...flagless])
    assert.equal(status, 2)
    assert.match(
      stderr,
      /there is no mirror "one": none is known here: name the list by --mirrors or --config/,
    )
  })

  test('without a list, those are known of which a server has stored something', async (t) => {
    const { folder, flags } = place(t, { one: 'http://a.invalid/', two: 'http://b.invalid/' })
    await leaveServerFiles(join(folder, 'root'), { store: join(folder, 'index.sqlite') })
    const unheard =
      /^warning: no server runs with these files; one that does will read \S+index\.mirrors\.sqlite$/m
    const disabled = await mirroredBy(['mirrors', 'disable', 'two', ...flags])
    assert.deepEqual([disabled.status, disabled.stdout], [0, 'two is disabled\n'])
    assert.match(disabled.stderr, unheard)
    const store = ['--store', join(folder, 'index.sqlite')]
    assert.match(await stdoutOf('list', ...store), /^two +disabled/m)
    const enabled = await mirroredBy(['mirrors', 'enable', 'two', ...store])
    assert.deepEqual([enabled.status, enabled.stdout], [0, 'two is enabled\n'])
    assert.match(enabled.stderr, unheard)
  })
})
