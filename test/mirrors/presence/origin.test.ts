import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { mirroredBy } from '../../../lib/adapters/node.js'
import type { CorruptFile } from '../../../lib/index.js'
import { pseudoRandomBytes, replaceFile, temporaryFolder, writeOldFile } from '../../support/folder.js'
import {
  copyAt,
  linkedHosts,
  mirrorRepository,
  namedMirrors,
  openOrigin,
  sync,
  untilNamed,
  untilSurveyed,
} from '../../support/mirrored-origin.js'
import { rawRequest, values } from '../../support/raw.js'
import { listen } from '../../support/server.js'
import { until } from '../../support/until.js'

const FILES = { 'a.bin': 'content of a', 'sub/b.bin': 'content of b', 'sub/deep/c.bin': 'content of c' }
const ALL = ['m0', 'm1', 'm2']
/** Only the subject of a test is due within it. */
const SELDOM = { interval: '6h' }
/** New files are checked again after 0.1 s, 0.5 s, 1.5 s and 6 s. */
const OFTEN = { interval: '36s' }

function reasonOf(omitted: readonly { readonly id: string; readonly reason: string }[], id: string) {
  return omitted.find((one) => one.id === id)?.reason
}

describe('an origin that looks what its mirrors hold', { concurrency: true }, () => {
  test('gives only those that hold a file, by their listings', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    copyAt(copies, 0).mirror.fault = { kind: 'lacks', path: 'a.bin' }
    copyAt(copies, 1).mirror.fault = { kind: 'wrong size', path: 'sub/b.bin' }
    copyAt(copies, 2).mirror.fault = {
      kind: 'stale',
      path: 'sub/deep/c.bin',
      content: Buffer.from('older n of c'),
      mtime: new Date('2020-01-01T00:00:00Z'),
    }
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(origin)
    // With so few files, one wrong time hides the offset of the last mirror's times, so each file
    // is checked.
    await untilNamed(port, 'a.bin', ['m1', 'm2'])
    await untilNamed(port, 'sub/b.bin', ['m0', 'm2'])
    await untilNamed(port, 'sub/deep/c.bin', ['m0', 'm1'])
    const omitted = (path: string) => origin.rank(path, '198.51.100.1').omitted
    assert.equal(reasonOf(omitted('a.bin'), 'm0'), 'it does not have the file')
    assert.equal(reasonOf(omitted('sub/b.bin'), 'm1'), 'its copy is another version')
    assert.equal(reasonOf(omitted('sub/deep/c.bin'), 'm2'), 'its copy is another version')
    const [first] = origin.mirrors()
    assert.ok(first?.presence.kind === 'checked')
    const { held, stale, absent, survey } = first.presence
    assert.deepEqual(
      { held, stale, absent, source: survey?.source },
      { held: 2, stale: 0, absent: 1, source: 'http' },
    )
    const metalink = await rawRequest(port, 'GET', '/a.bin.meta4')
    assert.doesNotMatch(metalink.body.toString(), /127\.0\.0\.2/)
  })

  test('gives none before somebody has looked, and asks for what a client wants right after the answer', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    for (const { mirror } of copies) mirror.fault = { kind: 'fails' }
    const { origin, port } = await openOrigin(t, { ...options, probe: { interval: '1h' }, presence: SELDOM })
    await untilSurveyed(origin)
    assert.deepEqual(await namedMirrors(port, 'a.bin'), [])
    assert.match(
      reasonOf(origin.rank('a.bin', '198.51.100.1').omitted, 'm0') ?? '',
      /^it has not been checked/,
    )
    for (const { mirror } of copies) mirror.fault = undefined
    await untilNamed(port, 'a.bin', ALL)
    const asked = copies.flatMap(({ mirror }) => mirror.requests.filter(({ method }) => method === 'HEAD'))
    assert.ok(asked.length >= 3)
  })

  test('asks for each file where a mirror has no listing', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES, [
      { index: 'none' },
      { index: 'html' },
      { index: 'json' },
    ])
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(origin)
    for (const path of Object.keys(FILES)) assert.deepEqual(await namedMirrors(port, path), ALL)
    const sources = origin
      .mirrors()
      .map(({ presence }) => presence.kind === 'checked' && presence.survey?.source)
    assert.deepEqual(sources, ['head', 'http', 'http'])
    assert.ok(
      copies[0]?.mirror.requests.some(({ method, path }) => method === 'HEAD' && path === '/sub/b.bin'),
    )
  })

  test('looks through many files in a thread of its own, and ends that in the middle', async (t) => {
    const many = Object.fromEntries(
      Array.from({ length: 2000 }, (_, index) => [`many/${index % 50}/${index}`, `${index}`]),
    )
    const { copies, options } = await mirrorRepository(t, { ...many, ...FILES })
    copyAt(copies, 0).mirror.fault = { kind: 'lacks', path: 'many/7/57' }
    copyAt(copies, 1).mirror.fault = { kind: 'wrong size', path: 'many/49/1999' }
    copyAt(copies, 2).mirror.fault = { kind: 'fails', path: 'many/9/' }
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(origin)
    await untilNamed(port, 'many/7/57', ['m1', 'm2'])
    await untilNamed(port, 'many/49/1999', ['m0', 'm2'])
    assert.deepEqual(await namedMirrors(port, 'a.bin'), ALL)
    const [one, two, three] = origin.mirrors().map(({ presence }) => presence)
    assert.ok(one?.kind === 'checked' && two?.kind === 'checked' && three?.kind === 'checked')
    assert.deepEqual([one.held, two.stale, one.survey?.complete], [2002, 1, true])
    assert.deepEqual([three.survey?.complete, three.held], [false, 1963])
    for (const { mirror } of copies) mirror.fault = { kind: 'lists', how: 'lists for ever' }
    await origin.close()
    const before = copies.map(({ mirror }) => mirror.requests.length)
    const mirrorStates = join(temporaryFolder(t), 'states.sqlite')
    const second = await openOrigin(t, { ...options, mirrorStates, probe: { interval: '1h' } })
    await until('surveys are under way', () =>
      copies.some(({ mirror }, index) => mirror.requests.slice(before[index]).some(({ range }) => !range)),
    )
    await until('the origin is closed before the surveys end', async () => {
      await second.origin.close()
      return true
    })
  })

  test('gives none for a file that changed, until it was seen there again', async (t) => {
    const { root, copies, options } = await mirrorRepository(t, FILES)
    const { origin, port } = await openOrigin(t, { ...options, presence: OFTEN })
    await untilSurveyed(origin)
    assert.deepEqual(await namedMirrors(port, 'a.bin'), ALL)
    replaceFile(join(root, 'a.bin'), 'content of A', new Date())
    await untilNamed(port, 'a.bin', [])
    for (let round = 0; round < 20; round += 1) assert.deepEqual(await namedMirrors(port, 'a.bin'), [])
    assert.deepEqual(await namedMirrors(port, 'sub/b.bin'), ALL, 'others are as they were')
    sync(root, copyAt(copies, 1).folder)
    await untilNamed(port, 'a.bin', ['m1'])
    sync(root, copyAt(copies, 0).folder)
    sync(root, copyAt(copies, 2).folder)
    await untilNamed(port, 'a.bin', ALL)
  })

  test('finds new files, and misses those that are gone, by itself', async (t) => {
    const { root, copies, options } = await mirrorRepository(t, FILES)
    const { origin, port } = await openOrigin(t, { ...options, presence: { interval: '2s' } })
    await untilSurveyed(origin)
    writeOldFile(join(root, 'new.bin'), 'something new')
    rmSync(join(copyAt(copies, 2).folder, 'a.bin'))
    for (const { folder } of copies.slice(0, 2)) sync(root, folder)
    await untilNamed(port, 'new.bin', ['m0', 'm1'])
    await untilNamed(port, 'a.bin', ['m0', 'm1'])
    sync(root, copyAt(copies, 2).folder)
    await untilNamed(port, 'new.bin', ALL)
    await untilNamed(port, 'a.bin', ALL)
  })

  test('gives none for an older file that takes the place of a newer one of the same size', async (t) => {
    const { root, copies, options } = await mirrorRepository(t, FILES)
    const { origin, port } = await openOrigin(t, { ...options, presence: OFTEN })
    await untilSurveyed(origin)
    const longAgo = new Date(Date.now() - 86_400_000)
    replaceFile(join(root, 'a.bin'), 'CONTENT of a', longAgo)
    await untilNamed(port, 'a.bin', [])
    await until('all were looked at again', () =>
      origin.mirrors().every(({ presence }) => presence.kind === 'checked' && presence.stale === 1),
    )
    assert.deepEqual(await namedMirrors(port, 'a.bin'), [])
    sync(root, copyAt(copies, 0).folder)
    await untilNamed(port, 'a.bin', ['m0'])
  })

  test('keeps a file that is written anew with the same bytes', async (t) => {
    const { root, options } = await mirrorRepository(t, FILES)
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(origin)
    const changed = new Promise<void>((resolve) => origin.once('changed', () => resolve()))
    replaceFile(join(root, 'a.bin'), FILES['a.bin'])
    await changed
    assert.deepEqual(await namedMirrors(port, 'a.bin'), ALL)
  })

  test('forgets nothing when a listing breaks off', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    const { origin, port } = await openOrigin(t, {
      ...options,
      probe: { interval: '1h' },
      presence: { interval: '1s' },
    })
    await untilSurveyed(origin)
    copyAt(copies, 0).mirror.fault = { kind: 'fails', path: 'sub/' }
    await until('a listing breaks off', () => {
      const presence = origin.mirrors()[0]?.presence
      return presence?.kind === 'checked' && presence.survey?.complete === false
    })
    for (const path of Object.keys(FILES)) assert.deepEqual(await namedMirrors(port, path), ALL)
  })

  test('trusts those that are to be trusted, and all where it is told not to look', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    for (const { mirror } of copies) mirror.fault = { kind: 'lacks' }
    const mirrors = copies.map(({ id, mirror: { url } }) => ({ id, url, trust: id === 'm1' }))
    const { origin, port } = await openOrigin(t, { ...options, mirrors, presence: SELDOM })
    await untilSurveyed(origin)
    assert.deepEqual(await linkedHosts(port, 'sub/b.bin'), { '127.0.0.3': '; depth=2' })
    for (const choice of [{ presence: false }, { presence: undefined, probe: false }] as const) {
      const { port: other } = await openOrigin(t, { ...options, store: undefined, ...choice })
      assert.deepEqual(await namedMirrors(other, 'a.bin'), ALL)
    }
  })

  test('knows after a restart what it knew before, without asking', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    copyAt(copies, 2).mirror.fault = { kind: 'lacks', path: 'a.bin' }
    const first = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(first.origin)
    assert.deepEqual(await namedMirrors(first.port, 'a.bin'), ['m0', 'm1'])
    await first.origin.close()
    for (const { mirror } of copies) await mirror.refuse()
    const second = await openOrigin(t, { ...options, presence: SELDOM })
    assert.deepEqual(await namedMirrors(second.port, 'a.bin'), ['m0', 'm1'])
    assert.deepEqual(await namedMirrors(second.port, 'sub/b.bin'), ALL)
  })

  test('stores what it knows once more when the file is lost', async (t) => {
    const { folder, copies, options } = await mirrorRepository(t, FILES)
    copyAt(copies, 2).mirror.fault = { kind: 'lacks', path: 'a.bin' }
    const first = await openOrigin(t, { ...options, presence: SELDOM })
    first.origin.on('warning', () => {})
    await untilSurveyed(first.origin)
    const states = join(folder, 'index.mirrors.sqlite')
    await until('it is stored', () => existsSync(states))
    for (const end of ['', '-wal', '-shm']) rmSync(`${states}${end}`, { force: true })
    await until('there is another file', () => existsSync(states))
    assert.deepEqual(await namedMirrors(first.port, 'a.bin'), ['m0', 'm1'])
    await first.origin.close()
    for (const { mirror } of copies) await mirror.refuse()
    const second = await openOrigin(t, { ...options, presence: SELDOM })
    assert.deepEqual(await namedMirrors(second.port, 'a.bin'), ['m0', 'm1'])
  })

  test('takes nothing that it knew of another index for what it knows of this one', async (t) => {
    const { folder, copies, options } = await mirrorRepository(t, FILES)
    const first = await openOrigin(t, { ...options, presence: SELDOM })
    await untilSurveyed(first.origin)
    await first.origin.close()
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `index.sqlite${end}`), { force: true })
    rmSync(join(copyAt(copies, 0).folder, 'a.bin'))
    const second = await openOrigin(t, { ...options, presence: SELDOM })
    await until('a.bin is given from others', async () => {
      const ids = await namedMirrors(second.port, 'a.bin')
      assert.ok(!ids.includes('m0'), 'what was known is of other numbers')
      return ids.length === 2
    })
    const held = () =>
      second.origin.mirrors().map(({ presence }) => presence.kind === 'checked' && presence.held)
    await until('all are surveyed, long before their time', () => held().join() === '2,3,3')
  })

  test('shares what it finds with processes that do not look, and looks for what their clients want', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    const first = copyAt(copies, 0)
    first.mirror.fault = { kind: 'fails' }
    const choices = { ...options, probe: { interval: '1h' }, presence: SELDOM } as const
    const leader = await openOrigin(t, choices)
    const follower = await openOrigin(t, choices)
    await untilSurveyed(leader.origin)
    await untilNamed(follower.port, 'a.bin', ['m1', 'm2'])
    first.mirror.fault = undefined
    // Only clients of the follower request it.
    await untilNamed(follower.port, 'a.bin', ALL)
  })

  test('says pref where a mirror has our ETag', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES, [{ index: 'none' }, { index: 'none' }])
    replaceFile(join(copyAt(copies, 1).folder, 'a.bin'), FILES['a.bin'], new Date())
    const { origin, port } = await openOrigin(t, { ...options, etag: 'nginx', presence: SELDOM })
    await untilSurveyed(origin)
    assert.deepEqual(await linkedHosts(port, 'a.bin'), { '127.0.0.2': '; pref', '127.0.0.3': '' })
    assert.deepEqual(await linkedHosts(port, 'sub/b.bin'), { '127.0.0.2': '; pref', '127.0.0.3': '; pref' })
  })

  test('says no pref beside an ETag of the application, and warns once', async (t) => {
    const { options } = await mirrorRepository(t, FILES, [{ index: 'none' }])
    const { origin, port } = await openOrigin(t, { ...options, etag: 'nginx', presence: SELDOM })
    await untilSurveyed(origin)
    assert.deepEqual(await linkedHosts(port, 'a.bin'), { '127.0.0.2': '; pref' })
    const warnings: unknown[] = []
    origin.on('warning', (warning) => warnings.push('code' in warning && warning.code))
    const tagging = mirroredBy(origin, (_request, response) => {
      const { length } = FILES['a.bin']
      response.writeHead(200, { 'Content-Length': length, ETag: 'W/"own"' }).end(FILES['a.bin'])
    })
    const { port: taggingPort } = await listen(t, tagging)
    for (let count = 0; count < 3; count += 1) {
      assert.deepEqual(await linkedHosts(taggingPort, 'a.bin'), { '127.0.0.2': '' })
      const answer = await rawRequest(taggingPort, 'HEAD', '/a.bin')
      assert.deepEqual(values(answer, 'etag'), ['W/"own"'])
    }
    assert.deepEqual(warnings, ['ERR_ETAG'])
  })

  test('says pref of each file of a mirror that lists them all', async (t) => {
    const files = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`f${index}`, `${index}`]))
    const { options } = await mirrorRepository(t, files, [{ index: 'html' }])
    const { origin, port } = await openOrigin(t, { ...options, etag: 'nginx', presence: SELDOM })
    await untilSurveyed(origin)
    for (const path of Object.keys(files))
      await until(`pref of ${path}`, async () => (await linkedHosts(port, path))['127.0.0.2'] === '; pref')
  })
})

test('clients that report a mirror for each file make us ask it a few questions', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`f${index}`, `${index}`]))
  const { copies, options } = await mirrorRepository(t, files, [{}])
  const { origin, port } = await openOrigin(t, { ...options, probe: { interval: '1h' }, presence: SELDOM })
  await untilSurveyed(origin)
  const { mirror } = copyAt(copies, 0)
  const asked = () => mirror.requests.filter(({ method }) => method === 'HEAD').length
  const before = asked()
  const started = performance.now()
  for (const path of Object.keys(files))
    await rawRequest(port, 'HEAD', `/${path}`, { 'X-Broken-Mirrors': 'm0' })
  await until('it is asked', () => asked() > before)
  const seconds = (performance.now() - started) / 1000
  // The check of a few files after the survey may still run.
  assert.ok(asked() - before <= 60 + 6 * (seconds + 1) + 20, `${asked() - before} in ${seconds} s`)
})

describe('pieces of mirrors', { concurrency: true }, () => {
  const CHALLENGE = { bytesPerHour: '64GiB', recheckInterval: '300ms' }
  const BIG = pseudoRandomBytes(600_000)

  test('that differ take the mirror out for the file, until they are mended', async (t) => {
    const { copies, options } = await mirrorRepository(t, { ...FILES, 'big.bin': BIG })
    copyAt(copies, 1).mirror.fault = { kind: 'wrong bytes', path: 'big.bin', at: 300_000 }
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM, challenge: CHALLENGE })
    const corrupt: CorruptFile[] = []
    const warnings: string[] = []
    origin.on('corrupt', (one) => corrupt.push(one))
    origin.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    await untilSurveyed(origin)
    await untilNamed(port, 'big.bin', ['m0', 'm2'])
    assert.deepEqual(await namedMirrors(port, 'a.bin'), ALL)
    const [one] = corrupt
    assert.ok(one)
    assert.deepEqual([one.mirror, one.path, one.start, one.end], ['m1', 'big.bin', 262_144, 524_287])
    assert.match(one.expected + one.got, /^[0-9a-f]{128}$/)
    assert.notEqual(one.expected, one.got)
    assert.match(
      warnings[0] ?? '',
      /^ERR_CORRUPT the mirror m1 sends other bytes than ours of "big.bin", from 262144 to 524287: /,
    )
    assert.equal(reasonOf(origin.rank('big.bin', '198.51.100.1').omitted, 'm1'), 'its copy has other bytes')
    copyAt(copies, 1).mirror.fault = undefined
    await untilNamed(port, 'big.bin', ALL)
    const presence = origin.mirrors()[1]?.presence
    assert.ok(presence?.kind === 'checked')
    assert.deepEqual(presence.corrupt, [])
    assert.equal(corrupt.length, 1)
  })

  test('that differ are found in any file, whatever the names', async (t) => {
    const names = Array.from({ length: 120 }, (_, index) => `pkg-${String(index).padStart(3, '0')}.rpm`)
    const wrong = ['pool/pkg-077.rpm', 'f39']
    const alike = [
      ...names.map((name) => `pool/${name}`),
      ...Array.from({ length: 40 }, (_, index) => `f${index}`),
    ]
    for (const path of wrong) {
      const { copies, options } = await mirrorRepository(
        t,
        Object.fromEntries(alike.map((one) => [one, one])),
      )
      copyAt(copies, 1).mirror.fault = { kind: 'wrong bytes', path }
      const { origin } = await openOrigin(t, { ...options, presence: SELDOM, challenge: CHALLENGE })
      const corrupt: CorruptFile[] = []
      origin.on('corrupt', (one) => corrupt.push(one))
      await untilSurveyed(origin)
      await until(`${path} is found`, () => corrupt.length > 0)
      assert.deepEqual([corrupt[0]?.mirror, corrupt[0]?.path], ['m1', path])
    }
  })

  test('that are not sent whole, twice in a row, take it out for each such file', async (t) => {
    const { copies, options } = await mirrorRepository(t, { ...FILES, 'big.bin': BIG, 'other.bin': BIG })
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM, challenge: CHALLENGE })
    const corrupt: CorruptFile[] = []
    const warnings: string[] = []
    origin.on('corrupt', (one) => corrupt.push(one))
    origin.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    await untilSurveyed(origin)
    copyAt(copies, 1).mirror.fault = { kind: 'truncates' }
    for (const path of ['big.bin', 'other.bin']) await untilNamed(port, path, ['m0', 'm2'])
    await untilNamed(port, 'a.bin', ['m0', 'm2'])
    const [one] = corrupt
    assert.deepEqual([one?.mirror, one?.got], ['m1', undefined])
    assert.match(warnings[0] ?? '', /^ERR_CORRUPT the mirror m1 does not send all bytes of "/)
    assert.equal(
      reasonOf(origin.rank('big.bin', '198.51.100.1').omitted, 'm1'),
      'its copy is not sent to its end',
    )
    copyAt(copies, 1).mirror.fault = undefined
    for (const path of ['big.bin', 'other.bin', 'a.bin']) await untilNamed(port, path, ALL)
  })

  test('that differ keep the mirror out however often the others are right', async (t) => {
    const { copies, options } = await mirrorRepository(t, { 'big.bin': BIG })
    const { mirror } = copyAt(copies, 1)
    mirror.fault = { kind: 'wrong bytes', path: 'big.bin', at: 300_000 }
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM, challenge: CHALLENGE })
    origin.on('warning', () => {})
    await untilSurveyed(origin)
    await untilNamed(port, 'big.bin', ['m0', 'm2'])
    const right = () => mirror.requests.filter(({ range }) => range?.startsWith('bytes=0-262143')).length
    const before = right()
    await until('another piece was fetched a few times', async () => {
      assert.deepEqual(await namedMirrors(port, 'big.bin'), ['m0', 'm2'])
      return right() > before + 2
    })
  })

  test('of two files that differ take the mirror out for all', async (t) => {
    const { copies, options } = await mirrorRepository(t, FILES)
    copyAt(copies, 1).mirror.fault = { kind: 'wrong bytes' }
    const { origin, port } = await openOrigin(t, { ...options, presence: SELDOM, challenge: CHALLENGE })
    origin.on('warning', () => {})
    await untilSurveyed(origin)
    for (const path of Object.keys(FILES)) await untilNamed(port, path, ['m0', 'm2'])
    copyAt(copies, 1).mirror.fault = undefined
    for (const path of Object.keys(FILES)) await untilNamed(port, path, ALL)
  })

  test('are known after a restart', async (t) => {
    const { copies, options } = await mirrorRepository(t, {
      'a.bin': 'one',
      'b.bin': 'two',
      'c.bin': 'three',
    })
    copyAt(copies, 1).mirror.fault = { kind: 'wrong bytes', path: 'a.bin' }
    const choices = { ...options, presence: SELDOM, challenge: { ...CHALLENGE, recheckInterval: '1h' } }
    const first = await openOrigin(t, choices)
    first.origin.on('warning', () => {})
    await untilSurveyed(first.origin)
    await untilNamed(first.port, 'a.bin', ['m0', 'm2'])
    await first.origin.close()
    const second = await openOrigin(t, choices)
    assert.deepEqual(await namedMirrors(second.port, 'a.bin'), ['m0', 'm2'])
  })

  test('are fetched at no more than the rate', async (t) => {
    const { copies, options } = await mirrorRepository(t, { 'big.bin': BIG })
    const challenge = { bytesPerHour: '1MiB', recheckInterval: '1h' }
    const { origin } = await openOrigin(t, { ...options, presence: { interval: '1s' }, challenge })
    await untilSurveyed(origin)
    const { mirror } = copyAt(copies, 0)
    const surveys = () => mirror.requests.filter(({ path }) => path === '/').length
    const sent = () => copies.reduce((sum, { mirror }) => sum + mirror.sent, 0)
    await until('a piece is fetched', () => sent() > 75_000)
    const before = surveys()
    await until('the mirror is surveyed twice more', () => surveys() >= before + 2)
    // One piece is more than 14 minutes' worth of bytes.
    assert.ok(sent() < 262_144 + 1000, `${sent()} bytes`)
  })

  for (const fault of ['sends HTML', 'fails', 'knows no Range', 'redirects'] as const) {
    test(`prove nothing where a mirror ${fault}`, async (t) => {
      const { copies, options } = await mirrorRepository(t, { 'big.bin': BIG })
      const choices = { ...options, probe: false, presence: SELDOM, challenge: CHALLENGE } as const
      const { origin } = await openOrigin(t, choices)
      const corrupt: CorruptFile[] = []
      origin.on('corrupt', (one) => corrupt.push(one))
      await untilSurveyed(origin)
      const { mirror } = copyAt(copies, 0)
      mirror.fault = { kind: fault }
      const before = mirror.requests.length
      await until('it is challenged', () => mirror.requests.length > before + 2)
      assert.deepEqual(corrupt, [])
    })
  }
})

test('a client that says that a mirror is broken has its copy looked at, and its bytes', async (t) => {
  const { copies, options } = await mirrorRepository(t, { 'a.bin': 'content' })
  const choices = { ...options, presence: SELDOM, challenge: { bytesPerHour: '1GiB', recheckInterval: '1h' } }
  const { origin, port } = await openOrigin(t, choices)
  origin.on('warning', () => {})
  await untilSurveyed(origin)
  copyAt(copies, 0).mirror.fault = { kind: 'lacks', path: 'a.bin' }
  copyAt(copies, 1).mirror.fault = { kind: 'wrong bytes', path: 'a.bin' }
  const answer = await rawRequest(port, 'GET', '/a.bin', { 'X-Broken-Mirrors': 'm0, m1' })
  assert.equal(values(answer, 'X-Mirrored-By').length, 1)
  await untilNamed(port, 'a.bin', ['m2'])
})

test('weights follow what is measured of mirrors, where that is wanted', async (t) => {
  const { copies, options } = await mirrorRepository(t, { 'a.bin': 'content' })
  copyAt(copies, 2).mirror.fault = { kind: 'hangs' }
  const slow = await listen(t, (_, response) => {
    setTimeout(() => response.writeHead(206, { 'Content-Range': 'bytes 0-0/7' }).end('c'), 1000)
  })
  const urls = [...copies.map(({ mirror: { url } }) => url), slow.url]
  const mirrors = urls.map((url, index) => ({ id: `m${index}`, url, weight: 1000 }))
  const choices = { ...options, probe: { interval: '1h' }, presence: { interval: '1s' } } as const
  const { origin } = await openOrigin(t, { ...choices, mirrors, adaptiveWeights: true })
  const weights = () => origin.mirrors().map(({ weight }) => weight)
  await until('the slow one weighs less', () => (weights()[3] ?? 0) < 1000)
  const [one = 0, two = 0, silent, last = 0] = weights()
  assert.ok(Math.min(one, two) >= 1000 && Math.max(one, two) <= 2000, `${one} and ${two}`)
  assert.equal(silent, 1000, 'nothing was measured of it')
  assert.ok(last >= 500)
  assert.equal(origin.rank('a.bin', '198.51.100.1').ranked[0]?.weight, Math.max(one, two))

  const { origin: other } = await openOrigin(t, {
    ...choices,
    mirrors: mirrors.slice(0, 2),
    store: undefined,
  })
  await untilSurveyed(other)
  assert.deepEqual(
    other.mirrors().map(({ weight }) => weight),
    [1000, 1000],
  )
})
