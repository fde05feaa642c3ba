import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { createOrigin, memoryStore, type Origin, type OriginOptions } from '../../../lib/index.js'
import { sqliteStates } from '../../../lib/store/sqlite-states.js'
import type { FakeMirror } from '../../support/fake-mirror.js'
import { startFaultyServer } from '../../support/faulty-server.js'
import { temporaryFolder, writeFiles } from '../../support/folder.js'
import { Member } from '../../support/member.js'
import { mirrorRepository, openOrigin } from '../../support/mirrored-origin.js'
import { startOrigin } from '../../support/origin.js'
import { rawRequest, values } from '../../support/raw.js'
import { until } from '../../support/until.js'

const INTERVAL = 3000
/** The death of a mirror is detected within three seconds, even if it hangs. */
const PROBE = { interval: INTERVAL }
const FILES = { 'a.bin': 'content', 'sub/b.bin': 'more content' }

interface Mirrored {
  readonly folder: string
  readonly store: string
  readonly mirrors: readonly FakeMirror[]
  readonly options: OriginOptions & { readonly root: string; readonly store: string }
}

/** Makes three mirrors of the same files, and options of an origin that probes them. */
async function mirrored(t: TestContext): Promise<Mirrored> {
  const { folder, root, copies, options } = await mirrorRepository(t, FILES)
  const store = join(folder, 'index.sqlite')
  const mirrors = copies.map(({ mirror }) => mirror)
  return { folder, store, mirrors, options: { ...options, root, store, probe: PROBE, presence: false } }
}

/** Returns the mirrors that a response names, in links and in `Location`. */
async function named(port: number, target = '/a.bin', fields = {}): Promise<string[]> {
  const answer = await rawRequest(port, 'GET', target, fields)
  assert.ok(answer.status === 200 || answer.status === 302, `${answer.status}`)
  const links = values(answer, 'Link').filter((link) => link.includes('rel=duplicate'))
  const urls = [...links.map((link) => link.slice(1, link.indexOf('>'))), ...values(answer, 'Location')]
  return [...new Set(urls.map((url) => `${new URL(url).origin}/`))]
}

function states(origin: Origin): string[] {
  return origin.mirrors().map(({ health }) => health.state)
}

async function untilAllUp(origin: Origin): Promise<void> {
  await until('all are up', () => states(origin).every((state) => state === 'up'))
}

describe('an origin with three mirrors', { concurrency: true }, () => {
  for (const mode of ['decorate', 'redirect'] as const) {
    test(`one of which dies, names it no more within the interval, and again when it is back (${mode})`, async (t) => {
      const { mirrors, options } = await mirrored(t)
      const { origin, port } = await openOrigin(t, { ...options, mode })
      const changes: string[] = []
      origin.on('mirror', ({ id, state, reason }) => changes.push(`${id} ${state}: ${reason}`))
      await untilAllUp(origin)
      const [one, ...others] = mirrors
      assert.ok(one)
      await one.refuse()
      const death = performance.now()
      await until('it is named no more', async () => {
        const urls = await named(port)
        assert.ok(
          others.some(({ url }) => urls.includes(url)),
          'meanwhile there are others',
        )
        return origin.mirrors()[0]?.health.state === 'down'
      })
      const after = performance.now() - death
      assert.ok(after <= INTERVAL, `${after} ms`)
      t.diagnostic(`left out after ${Math.round(after)} ms`)
      for (let round = 0; round < 50; round += 1) assert.ok(!(await named(port)).includes(one.url))
      assert.match(
        origin.rank('a.bin', '198.51.100.1').omitted[0]?.reason ?? '',
        /^down since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: connection refused$/,
      )
      assert.deepEqual(changes.slice(-1), ['m0 down: connection refused'])

      await one.accept()
      await until('it is named again', async () => (await named(port)).includes(one.url))
      assert.equal(origin.mirrors()[0]?.health.state, 'up')
      assert.deepEqual(changes.slice(-1), ['m0 up: it answers'])
      assert.equal(origin.mirrors()[0]?.health.history[1]?.reason, 'connection refused')
    })
  }

  test('all of which die, sends its files itself', async (t) => {
    const { mirrors, options } = await mirrored(t)
    const { origin, port } = await openOrigin(t, { ...options, mode: 'redirect' })
    await untilAllUp(origin)
    for (const mirror of mirrors) await mirror.refuse()
    const answer = await until('no client is redirected', async () => {
      const found = await rawRequest(port, 'GET', '/a.bin')
      return found.status === 200 && found
    })
    assert.equal(answer.body.toString(), FILES['a.bin'])
    assert.deepEqual(
      values(answer, 'Link').filter((link) => link.includes('duplicate')),
      [],
    )
    assert.deepEqual(values(answer, 'X-Mirrored-By'), [])
    const metalink = await rawRequest(port, 'GET', '/a.bin.meta4')
    assert.equal(metalink.body.toString().match(/<url/g)?.length, 1)
    await Promise.all(mirrors.map((mirror) => mirror.accept()))
    await until('clients are redirected again', async () => (await named(port)).length > 0)
  })

  test('asks no mirror in a request', async (t) => {
    const { mirrors, options } = await mirrored(t)
    const probe = { interval: 600_000 }
    const { origin, port } = await openOrigin(t, { ...options, probe })
    await untilAllUp(origin)
    const before = mirrors.map(({ requests }) => requests.length)
    for (let round = 0; round < 100; round += 1) await named(port)
    assert.deepEqual(
      mirrors.map(({ requests }) => requests.length),
      before,
    )
  })

  test('probes early what a client says is broken, and believes nobody else', async (t) => {
    const { mirrors, options } = await mirrored(t)
    // The period is four seconds or more; an early probe comes 1.3 s after the last at the soonest.
    const probe = { interval: 8000, timeout: 1000 }
    const { origin, port } = await openOrigin(t, { ...options, probe })
    await untilAllUp(origin)
    const [first, , last] = mirrors.map(({ requests }) => requests.length)
    const before = mirrors[1]?.requests.length ?? 0
    assert.equal((await named(port, '/a.bin', { 'X-Broken-Mirrors': 'm1' })).length, 2)
    await until('it is probed', () => (mirrors[1]?.requests.length ?? 0) > before)
    assert.deepEqual([mirrors[0]?.requests.length, mirrors[2]?.requests.length], [first, last])
    assert.deepEqual(states(origin), ['up', 'up', 'up'])
    assert.equal((await named(port)).length, 3)
  })

  test('knows after a restart what it knew before', async (t) => {
    const { mirrors, options } = await mirrored(t)
    const first = await openOrigin(t, options)
    await untilAllUp(first.origin)
    await mirrors[1]?.refuse()
    await until('one is down', () => states(first.origin)[1] === 'down')
    const { since, history } = first.origin.mirrors()[1]?.health ?? {}
    await first.origin.close()
    const second = await createOrigin(options)
    t.after(() => second.close())
    assert.deepEqual(states(second), ['up', 'down', 'up'])
    const { health } = second.mirrors()[1] ?? {}
    assert.deepEqual([health?.since, health?.history], [since, history])
    assert.equal(second.rank('a.bin', '198.51.100.1').ranked.length, 2)
  })

  test('keeps what operators said when its index is broken and set aside', async (t) => {
    const { store, options: often, folder } = await mirrored(t)
    // Seldom, so that no probe fails on a busy machine.
    const options = { ...often, probe: { interval: 600_000 } }
    const first = await openOrigin(t, options)
    await untilAllUp(first.origin)
    await first.origin.close()
    const file = join(folder, 'index.mirrors.sqlite')
    const operator = sqliteStates(file)
    await operator.apply([{ kind: 'disable', mirror: 'm2', at: Date.now() }])
    await operator.close()
    const checkpoint = new Sqlite(store)
    checkpoint.pragma('wal_checkpoint(TRUNCATE)')
    checkpoint.close()
    const descriptor = openSync(store, 'r+')
    writeSync(descriptor, Buffer.alloc(8192, 7), 0, 8192, 0)
    closeSync(descriptor)
    const warnings: string[] = []
    const second = await createOrigin(options)
    second.on('warning', ({ code }) => warnings.push(code))
    t.after(() => second.close())
    await second.ready
    assert.ok(warnings.includes('ERR_STORE_BROKEN'))
    assert.deepEqual(states(second), ['up', 'up', 'disabled'])
    assert.equal(second.mirrors()[0]?.health.history.length, 1)
  })

  test('sees within two seconds that somebody switches a mirror off, or on', async (t) => {
    const { options, folder } = await mirrored(t)
    const { origin, port } = await openOrigin(t, options)
    await untilAllUp(origin)
    const operator = sqliteStates(join(folder, 'index.mirrors.sqlite'))
    t.after(() => operator.close())
    for (const [at, count] of [
      [Date.now(), 2],
      [undefined, 3],
    ] as const) {
      const start = performance.now()
      await operator.apply([{ kind: 'disable', mirror: 'm0', at }])
      await until(`${count} are named`, async () => (await named(port)).length === count)
      assert.ok(performance.now() - start < 2000)
    }
  })

  test('has states in a file that cannot be used: they are kept in memory, with one warning', async (t) => {
    const { folder, options } = await mirrored(t)
    writeFiles(folder, { 'a file': '' })
    const origin = await createOrigin({ ...options, mirrorStates: join(folder, 'a file', 'states.sqlite') })
    t.after(() => origin.close())
    const warnings: string[] = []
    origin.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    await untilAllUp(origin)
    assert.equal(warnings.length, 1)
    assert.match(
      warnings[0] ?? '',
      /^ERR_STORE cannot use .* as the states of mirrors: .* name another file by `mirrorStates`; until the next start the states of mirrors are kept in memory$/,
    )
  })

  test('asks for a trace where a mirror has one, and for the folder where there is nothing else', async (t) => {
    const traced = await startFaultyServer(t, (_, response) => {
      response.end(`${Math.floor(Date.now() / 1000)}\n`)
    })
    const bare = await startFaultyServer(t, 'good', '127.0.0.2')
    const partial = await startFaultyServer(t, 'good', '127.0.0.3')
    const root = temporaryFolder(t)
    writeFiles(root, { 'x.bin': 'xx', 'y/deep/z 1.bin': 'zz', 'y/empty': '' })
    const mirrors = [
      { id: 'traced', url: `${traced.url}pub/`, trace: '/time stamp' },
      { id: 'bare', url: `${bare.url}pub/`, paths: ['nothing/**'] },
      { id: 'partial', url: `${partial.url}pub/`, paths: ['y/**'] },
    ]
    // Complete the index before the mirrors are probed for the first time.
    const store = memoryStore()
    await startOrigin(t, { root, store, mirrors: [], geo: false }).then((origin) => origin.close())
    const origin = await startOrigin(t, { root, store, mirrors, geo: false, probe: PROBE })
    await untilAllUp(origin)
    assert.equal(traced.requests[0], 'GET /pub/time%20stamp bytes=0-4095')
    assert.equal(bare.requests[0], 'GET /pub/ bytes=0-0')
    assert.equal(partial.requests[0], 'GET /pub/y/deep/z%201.bin bytes=0-0')
  })

  test('is closed at once while a mirror hangs', async (t) => {
    const mirror = await startFaultyServer(t, 'hangs')
    const root = temporaryFolder(t)
    writeFiles(root, FILES)
    const mirrors = [{ id: 'a', url: mirror.url }]
    const origin = await startOrigin(t, { root, mirrors, geo: false, probe: true })
    await until('it is probed', () => mirror.connections() === 1)
    const start = performance.now()
    await origin.close()
    assert.ok(performance.now() - start < 1000)
    await until('its connection is closed', () => mirror.connections() === 0)
    const { length } = mirror.requests
    await sleep(300)
    assert.equal(mirror.requests.length, length)
  })
})

test('of several processes that share the states one probes, and when it is killed another does', async (t) => {
  const { mirrors, options } = await mirrored(t)
  const members = [1, 2, 3].map(() => Member.fork(t, options))
  await until('all see that all are up', () => members.every(({ states }) => states.join() === 'up,up,up'))
  const requests = mirrors[0]?.requests.length ?? 0
  const start = performance.now()
  await until('four probes more', () => (mirrors[0]?.requests.length ?? 0) >= requests + 4)
  // Three pauses between probes last at least 2.7 s with one process, and 1.4 s with three.
  const took = performance.now() - start
  assert.ok(took > 2000, `four probes in ${took} ms`)

  await mirrors[1]?.refuse()
  await until('all see that it is down', () => members.every(({ states }) => states[1] === 'down'))
  const leader = members.find(({ leads }) => leads)
  assert.ok(leader)
  assert.equal(members.filter(({ leads }) => leads).length, 1)
  await leader.kill()
  const left = members.filter((member) => member !== leader)
  await mirrors[2]?.refuse()
  await mirrors[1]?.accept()
  await until('the others see what changes', () => left.every(({ states }) => states.join() === 'up,up,down'))
  assert.equal(left.filter(({ leads }) => leads).length, 1)
  await Promise.all(left.map((member) => member.kill()))
})
