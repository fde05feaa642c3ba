import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { explain, rank } from '../../../lib/mirrors/ranking/rank.js'
import type { Mirror } from '../../../lib/model.js'
import { memoryStore } from '../../../lib/store/memory.js'
import { memoryStates } from '../../../lib/store/memory-states.js'
import type { MirrorStateStore } from '../../../lib/store/states.js'
import { fileAt, put } from '../../support/files.js'
import { mirror } from '../../support/mirrors.js'
import { overridden } from '../../support/overridden.js'
import { type FakeWorld, fakeWorld, PROBING, SOMEONE4, SOMEONE6 } from './fake-health.js'

const A = mirror('a')
const B = mirror('b')
const C = mirror('c', { urls: ['http://c.example/'] })
const MINUTE = 60_000

/** Makes a world in which every mirror has been probed once. */
async function probed(mirrors: readonly Mirror[], choices = {}): Promise<FakeWorld> {
  const world = fakeWorld({ mirrors, ...choices })
  world.health.lead()
  await world.clock.pass(1000)
  return world
}

function reasonFor({ registry }: FakeWorld, id: string, client = SOMEONE4): string | undefined {
  const { omitted } = explain(registry.snapshot, { path: 'p', secure: false }, client, 'p')
  return omitted.find((one) => one.id === id)?.reason
}

function stateOf({ registry, health }: FakeWorld, id: string) {
  const found = registry.snapshot.mirrors.find((one) => one.id === id)
  assert.ok(found)
  return health.of(found)
}

describe('a mirror that dies', () => {
  test('is left out within the interval, with the reason, and comes back by itself', async () => {
    const world = await probed([A, B])
    assert.deepEqual(world.ids(), ['a', 'b'])
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), ['b'])
    assert.match(reasonFor(world, 'a') ?? '', /^down since 2026-01-01T00:00:4\dZ: connection refused$/)
    const health = stateOf(world, 'a')
    assert.deepEqual([health.state, health.reason], ['down', 'connection refused'])
    delete world.doing['https://a.example']
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), ['a', 'b'])
    assert.equal(reasonFor(world, 'a'), undefined)
    assert.deepEqual(
      world.events.filter(({ mirror }) => mirror === 'a').map(({ state, reason }) => [state, reason]),
      [
        ['up', 'it answers'],
        ['down', 'connection refused'],
        ['up', 'it answers'],
      ],
    )
    assert.deepEqual(
      stateOf(world, 'a').history.map(({ state }) => state),
      ['up', 'down', 'up'],
    )
    assert.deepEqual(world.warnings, [])
  })

  test('is tried once more before, and stays if it was a slip', async () => {
    const world = await probed([A])
    world.doing['https://a.example'] = 503
    const asked = world.asked.length
    for (; world.asked.length === asked; ) await world.clock.pass(100)
    delete world.doing['https://a.example']
    const at = world.asked.at(-1)?.at ?? 0
    await world.clock.pass(10_000)
    const second = world.asked.slice(asked + 1)[0]
    assert.ok(second !== undefined && second.at - at >= 4900 && second.at - at <= 5100)
    assert.deepEqual(world.ids(), ['a'])
    assert.equal(world.events.length, 1)
  })

  test('was never up: two probes tell, soon after the start', async () => {
    const world = fakeWorld({ mirrors: [A, B] })
    world.doing['https://a.example'] = 'ECONNREFUSED'
    assert.deepEqual(world.ids(), ['a', 'b'])
    world.health.lead()
    await world.clock.pass(1000)
    assert.deepEqual(world.ids(), ['b'])
  })

  test('all of them: there is none to give', async () => {
    const world = await probed([A, B])
    world.doing['https://a.example'] = 'ECONNREFUSED'
    world.doing['https://b.example'] = 500
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), [])
  })
})

describe('orders of places', () => {
  test('are not made anew when a mirror goes or comes', async () => {
    const world = await probed([A, B])
    const before = world.registry.snapshot
    const order = before.orderFor(SOMEONE4, false)
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    const after = world.registry.snapshot
    assert.notEqual(after, before)
    assert.equal(after.orderFor(SOMEONE4, false), order)
    assert.equal(after.candidates, before.candidates)
    // A client that began with the one continues with it.
    assert.equal(rank(before, { path: 'p', secure: false }, SOMEONE4, 9).length, 2)
  })

  test('nor is the snapshot while nothing changes', async () => {
    const world = await probed([A, B])
    const before = world.registry.snapshot
    await world.clock.pass(10 * MINUTE)
    assert.equal(world.registry.snapshot, before)
    assert.ok(world.asked.length >= 26)
  })
})

describe('ways to a mirror', () => {
  const BOTH = mirror('x', { urls: ['https://x.example/', 'http://x.example:8080/'] })
  const urlFor = ({ registry }: FakeWorld, secure: boolean, client = SOMEONE4) => {
    const { ranked } = explain(registry.snapshot, { path: 'p', secure }, client, 'p')
    return ranked[0]?.url
  }

  async function dualWorld(doing: FakeWorld['doing']): Promise<FakeWorld> {
    const world = fakeWorld({ mirrors: [BOTH] })
    world.addresses['x.example'] = { ipv4: ['93.184.216.34'], ipv6: ['2606:2800::1'] }
    world.health.lead()
    await world.clock.pass(1000)
    Object.assign(world.doing, doing)
    await world.clock.pass(MINUTE)
    return world
  }

  test('are https and http, IPv4 and IPv6, each on its own', async () => {
    const world = await dualWorld({})
    assert.deepEqual(
      new Set(world.asked.map(({ whom }) => whom)),
      new Set([
        'https://x.example ipv4',
        'https://x.example ipv6',
        'http://x.example:8080 ipv4',
        'http://x.example:8080 ipv6',
      ]),
    )
    assert.equal(stateOf(world, 'x').endpoints.length, 4)
  })

  test('https is down: clients of http get the other URL, those of https none', async () => {
    const world = await dualWorld({ 'https://x.example': 'ECONNREFUSED' })
    assert.equal(urlFor(world, false), 'http://x.example:8080/p')
    assert.equal(urlFor(world, true), undefined)
    assert.equal(stateOf(world, 'x').state, 'up')
    assert.equal(
      stateOf(world, 'x').reason,
      'https by IPv4: connection refused; https by IPv6: connection refused',
    )
    delete world.doing['https://x.example']
    await world.clock.pass(MINUTE)
    assert.equal(urlFor(world, false), 'https://x.example/p')
  })

  test('http is down: clients without TLS get none, others the https URL', async () => {
    const world = await dualWorld({ 'http://x.example:8080': 'ECONNREFUSED' })
    const without = (isWithoutTls: boolean) =>
      explain(world.registry.snapshot, { path: 'p', secure: false, isWithoutTls }, SOMEONE4, 'p').ranked[0]
        ?.url
    assert.deepEqual([without(true), without(false)], [undefined, 'https://x.example/p'])
    delete world.doing['http://x.example:8080']
    world.doing['https://x.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    assert.deepEqual([without(true), without(false)], Array(2).fill('http://x.example:8080/p'))
  })

  test('IPv6 is down: those who come by it are not given the mirror', async () => {
    const world = await dualWorld({
      'https://x.example ipv6': 'ECONNREFUSED',
      'http://x.example:8080 ipv6': 'ECONNREFUSED',
    })
    assert.deepEqual(world.ids(SOMEONE4), ['x'])
    assert.deepEqual(world.ids(SOMEONE6), [])
    // The address family of a client is not always known.
    assert.deepEqual(world.ids({ address: '' }), ['x'])
    assert.match(
      reasonFor(world, 'x', SOMEONE6) ?? '',
      /^https by IPv6, http by IPv6 down since .*: connection refused$/,
    )
  })

  test('a mirror without IPv6 is reached by IPv4 from everywhere', async () => {
    const world = await probed([A])
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    assert.deepEqual([world.ids(SOMEONE4), world.ids(SOMEONE6)], [[], []])
  })

  test('that are gone are forgotten', async () => {
    const states = memoryStates()
    const world = fakeWorld({ mirrors: [BOTH], states })
    world.addresses['x.example'] = { ipv4: ['93.184.216.34'], ipv6: ['2606:2800::1'] }
    world.doing['https://x.example ipv6'] = 'ECONNREFUSED'
    world.health.lead()
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(SOMEONE6), [])
    assert.equal(stateOf(world, 'x').endpoints.length, 4)
    world.addresses['x.example'] = { ipv4: ['93.184.216.34'], ipv6: [] }
    await world.clock.pass(MINUTE)
    assert.equal(stateOf(world, 'x').endpoints.length, 2)
    assert.deepEqual(world.ids(SOMEONE6), ['x'])
    await world.clock.pass(10_000)
    assert.equal((await states.read()).endpoints.length, 2)
  })
})

describe('Range', () => {
  test('who ignores it is in no list, and may be redirected to', async () => {
    const index = memoryStore()
    await index.apply([put(fileAt('p', { size: 9 }))])
    const world = await probed([A, B], { index })
    world.doing['https://a.example'] = 'whole file'
    await world.clock.pass(MINUTE)
    const named = (wanted: object) =>
      rank(world.registry.snapshot, { path: 'p', secure: false, ...wanted }, SOMEONE4, 9).map(
        (one) => one.mirror.id,
      )
    assert.deepEqual(named({ needsRange: true }), ['b'])
    assert.deepEqual(named({ redirectable: true }), ['a', 'b'])
    assert.deepEqual([stateOf(world, 'a').state, stateOf(world, 'a').ranges], ['up', false])
    assert.equal(stateOf(world, 'b').ranges, true)
  })
})

describe('hosts', () => {
  test('that resolve to nothing are left out, and not asked', async () => {
    const world = fakeWorld({ mirrors: [A] })
    world.addresses['a.example'] = { ipv4: [], ipv6: [] }
    world.health.lead()
    await world.clock.pass(1000)
    assert.deepEqual([world.ids(), world.asked], [[], []])
    assert.match(reasonFor(world, 'a') ?? '', /its host a\.example has no address$/)
  })

  test('at private addresses are left out, and not asked, unless that is allowed', async () => {
    const at = { ipv4: ['93.184.216.34', '10.0.0.1'], ipv6: [] }
    const world = fakeWorld({ mirrors: [A] })
    world.addresses['a.example'] = at
    world.health.lead()
    await world.clock.pass(1000)
    assert.deepEqual([world.ids(), world.asked], [[], []])
    assert.match(reasonFor(world, 'a') ?? '', /its host a\.example has the private address 10\.0\.0\.1$/)
    const allowed = fakeWorld({ mirrors: [A], privateAddresses: true })
    allowed.addresses['a.example'] = at
    allowed.health.lead()
    await allowed.clock.pass(1000)
    assert.deepEqual(allowed.ids(), ['a'])
  })

  test('that name such an address themselves, or localhost, are meant', async () => {
    const local = ['http://127.0.0.1:8000/', 'http://localhost:8000/', 'http://[::1]:8000/']
    const world = fakeWorld({ mirrors: local.map((url, index) => mirror(`m${index}`, { urls: [url] })) })
    world.addresses['127.0.0.1'] = { ipv4: ['127.0.0.1'], ipv6: [] }
    world.addresses.localhost = { ipv4: ['127.0.0.1'], ipv6: [] }
    world.addresses['::1'] = { ipv4: [], ipv6: ['::1'] }
    world.health.lead()
    await world.clock.pass(1000)
    assert.equal(world.ids().length, 3)
    assert.equal(world.asked.length, 3)
  })

  test('of which name servers say nothing are as they were', async () => {
    const world = await probed([A])
    world.addresses['a.example'] = { ipv4: undefined, ipv6: undefined }
    await world.clock.pass(10 * MINUTE)
    assert.deepEqual(world.ids(), ['a'])
  })
})

describe('what may be the fault of this machine', () => {
  test('is said of no mirror while nobody was ever reached', async () => {
    const world = fakeWorld({ mirrors: [A, B] })
    for (const one of ['a', 'b']) world.doing[`https://${one}.example`] = 'ENETUNREACH'
    world.health.lead()
    await world.clock.pass(10 * MINUTE)
    assert.deepEqual(world.ids(), ['a', 'b'])
  })

  test('is said of a mirror where others are reached', async () => {
    const world = await probed([A, B])
    world.doing['https://a.example'] = 'ENETUNREACH'
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), ['b'])
  })

  test('IPv6 that nobody answers is none', async () => {
    const world = fakeWorld({ mirrors: [A, B] })
    for (const host of ['a.example', 'b.example'])
      world.addresses[host] = { ipv4: ['93.184.216.34'], ipv6: ['2606:2800::1'] }
    for (const one of ['a', 'b']) world.doing[`https://${one}.example ipv6`] = 'ENETUNREACH'
    world.health.lead()
    await world.clock.pass(10 * MINUTE)
    assert.deepEqual(world.ids(SOMEONE6), ['a', 'b'])
  })
})

describe('who probes', () => {
  test('is the leader, and nobody else', async () => {
    const world = fakeWorld({ mirrors: [A] })
    await world.clock.pass(10 * MINUTE)
    assert.equal(world.asked.length, 0)
    world.health.lead()
    await world.clock.pass(MINUTE)
    const { length } = world.asked
    assert.ok(length > 0)
    world.health.follow()
    await world.clock.pass(10 * MINUTE)
    assert.equal(world.asked.length, length)
  })

  test('is nobody where nothing is to be probed, and every mirror counts as up', async () => {
    const states = memoryStates()
    const first = await probed([A, B], { states })
    first.doing['https://a.example'] = 'ECONNREFUSED'
    await first.clock.pass(MINUTE)
    assert.deepEqual(first.ids(), ['b'])
    const world = await probed([A, B], { states, probing: undefined })
    world.health.reportBroken(new Set(['a']))
    await world.clock.pass(10 * MINUTE)
    assert.equal(world.asked.length, 0)
    assert.deepEqual(world.ids(), ['a', 'b'])
    assert.equal(stateOf(world, 'a').state, 'unknown')
  })

  test('leaves out mirrors that are not to be probed, that are off, or that have neither http nor https', async () => {
    const world = await probed([
      mirror('unprobed', { probe: false }),
      mirror('off', { enabled: false }),
      mirror('ftp', { urls: ['ftp://ftp.example/'] }),
    ])
    await world.clock.pass(MINUTE)
    assert.equal(world.asked.length, 0)
    assert.deepEqual(world.ids(), ['ftp', 'unprobed'])
    assert.deepEqual(
      ['unprobed', 'off', 'ftp'].map((id) => stateOf(world, id).state),
      ['unknown', 'disabled', 'unknown'],
    )
  })

  test('asks a mirror about as often as the interval says', async () => {
    const world = await probed([A])
    await world.clock.pass(60 * MINUTE)
    // At most 44 s from one probe to the next.
    assert.ok(world.asked.length >= 80 && world.asked.length <= 95, `${world.asked.length}`)
  })

  test('asks no more than two mirrors of a host, and 32 in all, at once', async () => {
    const hanging = (count: number, host: (index: number) => string) =>
      Array.from({ length: count }, (_, index) =>
        mirror(`m${index}`, { urls: [`https://${host(index)}/${index}/`] }),
      )
    for (const [mirrors, most] of [
      [hanging(10, () => 'one.example'), 2],
      [hanging(100, (index) => `m${index}.example`), 32],
    ] as const) {
      const world = fakeWorld({ mirrors })
      for (const { urls } of mirrors) world.doing[new URL(urls[0] ?? '').origin] = 'hangs'
      world.health.lead()
      await world.clock.pass(10_000)
      assert.equal(world.asked.length, most)
      await world.health.close()
    }
  })
})

describe('reports of clients', () => {
  test('make a probe come early, which alone decides', async () => {
    const world = await probed([A, B])
    await world.clock.pass(11_000)
    const asked = world.asked.length
    world.health.reportBroken(new Set(['a', 'b.example', 'nobody']))
    assert.deepEqual(world.ids(), ['a', 'b'])
    await world.clock.pass(600)
    assert.deepEqual(
      new Set(world.asked.slice(asked).map(({ whom }) => whom)),
      new Set(['https://a.example ipv4', 'https://b.example ipv4']),
    )
    assert.deepEqual(world.ids(), ['a', 'b'])
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(10_000)
    world.health.reportBroken(new Set(['a']))
    await world.clock.pass(1100)
    assert.deepEqual(world.ids(), ['b'])
  })

  test('make no more than one probe of a mirror in a sixth of the interval', async () => {
    const world = await probed([A])
    const asked = world.asked.length
    for (let second = 0; second < 600; second += 1) {
      world.health.reportBroken(new Set(['a']))
      await world.clock.pass(1000)
    }
    const times = world.asked.slice(asked).map(({ at }) => at)
    assert.ok(times.length <= 60, `${times.length}`)
    for (const [index, at] of times.entries())
      assert.ok(at - (times[index - 1] ?? 0) >= 10_000 || index === 0)
  })

  test('of all mirrors at once make no more than one probe a second, after the first ten', async () => {
    const mirrors = Array.from({ length: 200 }, (_, index) => mirror(`m${index}`))
    const world = fakeWorld({ mirrors, probing: { ...PROBING, interval: 6_000_000 } })
    world.health.lead()
    await world.clock.pass(2_000_000)
    const asked = world.asked.length
    assert.equal(asked, 200)
    const all = new Set(mirrors.map(({ id }) => id))
    for (let second = 0; second < 60; second += 1) {
      world.health.reportBroken(all)
      await world.clock.pass(1000)
    }
    assert.ok(world.asked.length - asked <= 72, `${world.asked.length - asked}`)
  })

  test('to one that does not probe are passed on to the one that does', async () => {
    const states = memoryStates()
    const one = fakeWorld({ mirrors: [A], states: versioned(states) })
    one.health.reportBroken(new Set(['a', 'nobody']))
    await one.clock.pass(600)
    one.health.reportBroken(new Set(['a']))
    await one.clock.pass(600)
    assert.deepEqual([...(await states.read()).requestedProbes.keys()], ['a'])
    assert.equal(one.asked.length, 0)
  })
})

/** Returns a store whose version changes at every read, as if another process had written. */
function versioned(states: MirrorStateStore): MirrorStateStore {
  let version = 0
  return overridden(states, { version: () => version++ })
}

describe('what others store', () => {
  test('is read by those who do not probe, and told as events', async () => {
    const states = versioned(memoryStates())
    const leader = await probed([A, B], { states })
    const follower = fakeWorld({ mirrors: [A, B], states })
    leader.doing['https://a.example'] = 'ECONNREFUSED'
    await leader.clock.pass(MINUTE)
    assert.deepEqual(leader.ids(), ['b'])
    await follower.clock.pass(600)
    assert.deepEqual(follower.ids(), ['b'])
    assert.deepEqual(
      follower.events.map(({ mirror, state }) => [mirror, state]),
      [['a', 'down']],
    )
    assert.equal(stateOf(follower, 'a').state, 'down')
    assert.equal(stateOf(follower, 'a').history.length, 2)
    // Reported once, however often it is read.
    await follower.clock.pass(MINUTE)
    assert.equal(follower.events.length, 1)
    assert.equal(leader.events.length, 3)
  })

  test('is known from the first moment', async () => {
    const states = memoryStates()
    const before = await probed([A, B], { states })
    before.doing['https://a.example'] = 'ECONNREFUSED'
    await before.clock.pass(MINUTE)
    await before.health.close()
    const after = fakeWorld({ mirrors: [A, B], states })
    assert.deepEqual(after.ids(), ['b'])
    assert.equal(stateOf(after, 'a').history.length, 2)
    assert.deepEqual(after.events, [])
  })

  test('a mirror that is switched off is left out, not probed, and comes back', async () => {
    const states = versioned(memoryStates())
    const world = await probed([A, B], { states })
    const at = world.clock.wall()
    await states.apply([{ kind: 'disable', mirror: 'a', at }])
    await world.clock.pass(600)
    assert.deepEqual(world.ids(), ['b'])
    assert.match(reasonFor(world, 'a') ?? '', /^disabled since 2026-01-01T00:00:01Z$/)
    assert.equal(stateOf(world, 'a').state, 'disabled')
    const asked = world.asked.length
    await world.clock.pass(10 * MINUTE)
    assert.ok(world.asked.slice(asked).every(({ whom }) => whom === 'https://b.example ipv4'))
    await states.apply([{ kind: 'disable', mirror: 'a', at: undefined }])
    const then = world.asked.length
    await world.clock.pass(1100)
    assert.deepEqual(world.ids(), ['a', 'b'])
    assert.ok(world.asked.slice(then).some(({ whom }) => whom === 'https://a.example ipv4'))
  })

  test('a mirror that is switched off is so without any probes too', async () => {
    const states = memoryStates()
    await states.apply([{ kind: 'disable', mirror: 'a', at: 0 }])
    assert.deepEqual(fakeWorld({ mirrors: [A, B], states, probing: undefined }).ids(), ['b'])
  })

  test('that was lost is stored once more', async () => {
    let states = memoryStates()
    const lost: MirrorStateStore = {
      read: () => states.read(),
      events: (after) => states.events(after),
      presence: (after) => states.presence(after),
      apply: (changes) => states.apply(changes),
      version: () => 0,
      close: () => {},
    }
    await states.apply([{ kind: 'disable', mirror: 'b', at: 5 }])
    const world = await probed([A, B, C], { states: lost })
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    states = memoryStates()
    world.health.restore()
    await world.clock.pass(600)
    const { endpoints, disabled } = await states.read()
    assert.deepEqual(disabled, new Map([['b', 5]]))
    assert.deepEqual(endpoints.map(({ mirror, condition }) => [mirror, condition]).sort(), [
      ['a', 'down'],
      ['c', 'up'],
    ])
    assert.deepEqual(world.ids(), ['c'])
  })

  test('cannot be stored for a while: states are in force all the same, and are stored then', async () => {
    const memory = memoryStates()
    let isFull = false
    const states = overridden<MirrorStateStore>(memory, {
      apply: (changes) => {
        if (isFull) throw new Error('database or disk is full')
        return memory.apply(changes)
      },
    })
    const world = await probed([A, B], { states })
    isFull = true
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), ['b'])
    assert.ok(world.warnings.length > 0)
    assert.equal(new Set(world.warnings).size, 1)
    assert.match(
      world.warnings[0] ?? '',
      /^the states of mirrors cannot be used at the moment: database or disk is full; /,
    )
    isFull = false
    await world.clock.pass(600)
    assert.equal((await memory.events(0)).at(-1)?.state, 'down')
    assert.equal(world.events.at(-1)?.state, 'down')
  })

  test('by promise is read as well', async () => {
    const memory = memoryStates()
    await memory.apply([{ kind: 'disable', mirror: 'b', at: 5 }])
    const later = async <T>(value: T): Promise<Awaited<T>> => {
      await new Promise(setImmediate)
      return await value
    }
    const states: MirrorStateStore = {
      read: () => later(memory.read()),
      events: (after) => later(memory.events(after)),
      presence: (after) => later(memory.presence(after)),
      apply: (changes) => later(memory.apply(changes)),
      version: () => later(memory.version()),
      close: () => later(memory.close()),
    }
    const world = await probed([A, B], { states })
    assert.deepEqual(world.ids(), ['a'])
    world.doing['https://a.example'] = 'ECONNREFUSED'
    await world.clock.pass(MINUTE)
    assert.deepEqual(world.ids(), [])
    assert.equal(world.events.length, 2)
    await world.health.close()
  })
})

describe('the end', () => {
  test('leaves nothing planned, and keeps what was told', async () => {
    const states = memoryStates()
    const world = await probed([A, B], { states })
    await world.health.close()
    await world.health.close()
    assert.equal(world.clock.plans, 0)
    assert.equal((await states.read()).endpoints.length, 2)
  })

  test('ends a probe that is under way, and takes nothing from it', async () => {
    const states = memoryStates()
    const world = fakeWorld({ mirrors: [A], states })
    world.doing['https://a.example'] = 'hangs'
    world.health.lead()
    await world.clock.pass(100)
    assert.equal(world.asked.length, 1)
    await world.health.close()
    await world.clock.pass(MINUTE)
    assert.deepEqual((await states.read()).endpoints, [])
    assert.equal(world.asked.length, 1)
  })
})
