import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { describe, type TestContext, test } from 'node:test'
import type { MirrorPresence, Origin, OriginOptions } from '../../lib/index.js'
import { isPrivate, systemResolver } from '../../lib/network/addresses.js'
import { startFakeMirror } from '../support/fake-mirror.js'
import { type ListingFault, OUTSIDE } from '../support/faulty-listings.js'
import {
  copyAt,
  mirrorRepository,
  namedMirrors,
  openOrigin,
  untilNamed,
  untilSurveyed,
} from '../support/mirrored-origin.js'
import { until } from '../support/until.js'

/** Hostile listings name `one` and `two` besides their hostile names. */
const FILES = { one: 'x'.repeat(123), 'sub/file.bin': 'content of file' }
const PRESENCE = { probe: { interval: '1h' }, presence: { interval: '1s' } } as const

function presenceOf(origin: Origin, place = 0): MirrorPresence & { readonly kind: 'checked' } {
  const presence = origin.mirrors()[place]?.presence
  assert.ok(presence?.kind === 'checked')
  return presence
}

function reasonOf(origin: Origin, path = 'one'): string | undefined {
  return origin.rank(path, '198.51.100.1').omitted.find(({ id }) => id === 'm0')?.reason
}

async function nameOfThisMachine(t: TestContext): Promise<string | undefined> {
  const name = hostname()
  const { ipv4 } = await systemResolver().find(name)
  if (ipv4?.length && ipv4.every(isPrivate)) return name
  t.skip(`this machine has no private address under its name, ${name}`)
  return undefined
}

describe('a mirror whose host', { concurrency: true }, () => {
  test('has no address is not asked, and not given', async (t) => {
    const { root, copies } = await mirrorRepository(t, FILES, [{}, {}])
    const mirrors = [
      { id: 'm0', url: 'http://mirror.invalid/' },
      { id: 'm1', url: copyAt(copies, 1).mirror.url },
    ]
    for (const probe of [{ interval: '1s' }, false] as const) {
      const { origin, port } = await openOrigin(t, {
        root,
        mirrors,
        geo: false,
        probe,
        presence: { interval: '1s' },
        challenge: false,
      })
      origin.on('warning', () => {})
      await untilNamed(port, 'one', ['m1'])
      if (probe) await until('it is down', () => /has no address$/.test(reasonOf(origin) ?? ''))
      else await until('it was tried', () => presenceOf(origin).survey !== undefined)
      assert.deepEqual(await namedMirrors(port, 'one'), ['m1'])
      assert.equal(presenceOf(origin).held, 0)
    }
  })

  test('has a private address is asked only where that is allowed', async (t) => {
    const name = await nameOfThisMachine(t)
    if (name === undefined) return
    const { root, folder, copies } = await mirrorRepository(t, FILES, [{}, {}])
    const hidden = await startFakeMirror(t, copyAt(copies, 0).folder, { host: '127.0.0.1' })
    const url = hidden.url.replace('127.0.0.1', name)
    const mirrors = [
      { id: 'm0', url, rsync: `rsync://${name}/repo/` },
      { id: 'm1', url: copyAt(copies, 1).mirror.url },
    ]
    for (const probe of [{ interval: '1s' }, false] as const) {
      const options: OriginOptions = { root, mirrors, geo: false, probe, presence: { interval: '1s' } }
      const closed = await openOrigin(t, options)
      closed.origin.on('warning', () => {})
      await untilNamed(closed.port, 'one', ['m1'])
      if (probe)
        await until('it is down', () => /has the private address/.test(reasonOf(closed.origin) ?? ''))
      else await until('it was tried', () => presenceOf(closed.origin).survey !== undefined)
      assert.deepEqual(hidden.requests, [])
      assert.deepEqual(await namedMirrors(closed.port, 'one'), ['m1'])
    }
    const opened = await openOrigin(t, { root, mirrors, geo: false, ...PRESENCE, privateAddresses: true })
    await until('it is given', () => opened.origin.rank('one', '198.51.100.1').omitted.length === 0)
    assert.notEqual(hidden.requests.length, 0)
    assert.ok(folder)
  })
})

describe('a mirror that', { concurrency: true }, () => {
  const endless: readonly ListingFault[] = [
    'lists on and on',
    'nests for ever',
    'repeats for ever',
    'drips',
    'hangs in a page',
  ]
  test('lists without end holds nobody up', async (t) => {
    const choices = [...endless.map(() => ({})), {}]
    const { copies, options } = await mirrorRepository(t, FILES, choices)
    for (const [place, how] of endless.entries()) copyAt(copies, place).mirror.fault = { kind: 'lists', how }
    const good = `m${endless.length}`
    const before = process.memoryUsage().rss
    const { origin, port } = await openOrigin(t, { ...options, ...PRESENCE, probe: false })
    origin.on('warning', () => {})
    const begun = performance.now()
    await until(
      'the good one is surveyed',
      () => presenceOf(origin, endless.length).survey !== undefined,
      10_000,
    )
    assert.deepEqual(await namedMirrors(port, 'one'), [good])
    let slowest = 0
    while (performance.now() - begun < 4000) {
      const start = performance.now()
      assert.ok((await namedMirrors(port, 'sub/file.bin')).includes(good))
      slowest = Math.max(slowest, performance.now() - start)
    }
    const grown = (process.memoryUsage().rss - before) / 1024 ** 2
    t.diagnostic(`slowest answer ${Math.round(slowest)} ms, ${Math.round(grown)} MiB more`)
    for (const [place, how] of endless.entries()) assert.equal(presenceOf(origin, place).held, 0, how)
    assert.ok(slowest < 1000, `${slowest} ms`)
    assert.ok(grown < 300, `${grown} MiB`)
    await until('the origin is closed, without waiting for a mirror', async () => {
      await origin.close()
      return true
    })
  })

  for (const how of ['lists what is outside', 'lists JSON of what is outside'] as const) {
    test(`${how} is believed in nothing of that, and that is told`, async (t) => {
      const { copies, options } = await mirrorRepository(t, FILES)
      copyAt(copies, 0).mirror.fault = { kind: 'lists', how }
      const { origin, port } = await openOrigin(t, { ...options, ...PRESENCE })
      const warnings: string[] = []
      origin.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
      await untilSurveyed(origin)
      const { survey, held, stale, absent } = presenceOf(origin)
      assert.ok(survey !== undefined && survey.files <= OUTSIDE.length + 2)
      assert.ok(held + stale + absent <= Object.keys(FILES).length)
      assert.deepEqual(await namedMirrors(port, 'sub/file.bin'), ['m1', 'm2'])
      const presence = origin.mirrors()[0]?.presence
      assert.ok(OUTSIDE.length > 0 && presence)
      const [warning = ''] = warnings
      assert.match(
        warning,
        /^ERR_SURVEY the mirror m0 lists entries that are left out, \d+ in all: the root: the name /,
      )
      assert.doesNotMatch(warning, /\p{Cc}|\u202e/u)
      assert.doesNotMatch(JSON.stringify(presence), /passwd/)
    })
  }
})
