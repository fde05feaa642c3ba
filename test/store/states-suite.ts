import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Awaitable } from '../../lib/model.js'
import {
  endpointKey,
  MAX_EVENTS,
  type MirrorStateStore,
  type StateChange,
  type StoredEndpoint,
} from '../../lib/store/states.js'
import { keepsPresence } from './presence-suite.js'

/** An endpoint with every property. */
export const FULL: StoredEndpoint = {
  mirror: 'fra1',
  url: "https://fra1.example/it's 100%/",
  family: 'ipv6',
  condition: 'down',
  since: 1_700_000_000_123,
  reason: 'connection refused',
  streak: 1,
  flaps: 3,
  lastDown: 1_700_000_000_000,
  probed: 1_700_000_001_000,
  roundTrip: 12.345,
  ranges: false,
  redirect: 'https://fra1.example/new/',
  note: 'ünïcödé "note"',
  trace: 1_699_990_000_500,
}
/** An endpoint with required properties only. */
export const BARE: StoredEndpoint = {
  mirror: 'nyc1',
  url: 'http://nyc1.example/',
  family: 'ipv4',
  condition: 'unknown',
  since: 0,
  streak: 0,
  flaps: 0,
  probed: 0,
}

export function endpoint(known: StoredEndpoint): StateChange {
  return { kind: 'endpoint', endpoint: known }
}

export function event(mirror: string, at: number, reason = `reason ${at}`): StateChange {
  return { kind: 'event', event: { mirror, at, state: 'down', reason } }
}

async function waysIn(store: MirrorStateStore): Promise<StoredEndpoint[]> {
  const { endpoints } = await store.read()
  return [...endpoints].sort((one, other) => (endpointKey(one) < endpointKey(other) ? -1 : 1))
}

/**
 * Tests what every state store does. `open` returns an empty one, which is closed when the test
 * ends.
 */
export function behavesAsAStateStore(
  name: string,
  open: (context: TestContext) => Awaitable<MirrorStateStore>,
): void {
  describe(name, () => {
    test('is empty at first', async (t) => {
      const store = await open(t)
      assert.deepEqual(await store.read(), { endpoints: [], disabled: new Map(), requestedProbes: new Map() })
      assert.deepEqual(await store.events(0), [])
    })

    test('gives back ways as they were put, and replaces them whole', async (t) => {
      const store = await open(t)
      await store.apply([endpoint(FULL), endpoint(BARE)])
      assert.deepEqual(await waysIn(store), [FULL, BARE])
      await store.apply([endpoint({ ...BARE, mirror: FULL.mirror, url: FULL.url, family: FULL.family })])
      assert.deepEqual(await waysIn(store), [
        { ...BARE, mirror: FULL.mirror, url: FULL.url, family: FULL.family },
        BARE,
      ])
    })

    test('tells ways apart by mirror, URL and family', async (t) => {
      const store = await open(t)
      const others = [
        { ...BARE, mirror: 'other' },
        { ...BARE, url: 'https://nyc1.example/' },
        { ...BARE, family: 'ipv6' as const },
      ]
      await store.apply([BARE, ...others].map(endpoint))
      assert.equal((await waysIn(store)).length, 4)
      await store.apply([
        { kind: 'removeEndpoint', endpoint: { mirror: 'nyc1', url: BARE.url, family: 'ipv4' } },
      ])
      assert.deepEqual(new Set(await waysIn(store)), new Set(others))
      await store.apply([
        { kind: 'removeEndpoint', endpoint: { mirror: 'unknown', url: 'x', family: 'ipv4' } },
      ])
      assert.equal((await waysIn(store)).length, 3)
    })

    test('knows which mirrors are disabled, and since when', async (t) => {
      const store = await open(t)
      await store.apply([
        { kind: 'disable', mirror: 'a', at: 1 },
        { kind: 'disable', mirror: 'b', at: 2 },
      ])
      await store.apply([{ kind: 'disable', mirror: 'a', at: 3 }])
      assert.deepEqual(
        (await store.read()).disabled,
        new Map([
          ['a', 3],
          ['b', 2],
        ]),
      )
      await store.apply([{ kind: 'disable', mirror: 'a', at: undefined }])
      await store.apply([{ kind: 'disable', mirror: 'never', at: undefined }])
      assert.deepEqual((await store.read()).disabled, new Map([['b', 2]]))
    })

    test('knows for which mirrors an early probe was asked, and when last', async (t) => {
      const store = await open(t)
      await store.apply([
        { kind: 'requestProbe', mirror: 'a', at: 1 },
        { kind: 'requestProbe', mirror: 'a', at: 5 },
      ])
      assert.deepEqual((await store.read()).requestedProbes, new Map([['a', 5]]))
    })

    test('gives events in their order, and those after a number', async (t) => {
      const store = await open(t)
      await store.apply([event('a', 3), event('b', 1)])
      const first = await store.events(0)
      assert.deepEqual(
        first.map(({ mirror, at, state, reason }) => [mirror, at, state, reason]),
        [
          ['a', 3, 'down', 'reason 3'],
          ['b', 1, 'down', 'reason 1'],
        ],
      )
      await store.apply([event('a', 2)])
      const last = await store.events(first.at(-1)?.number ?? 0)
      assert.deepEqual(
        last.map(({ mirror, at }) => [mirror, at]),
        [['a', 2]],
      )
      assert.deepEqual(await store.events(last.at(-1)?.number ?? 0), [])
    })

    test(`keeps the last ${MAX_EVENTS} events of each mirror`, async (t) => {
      const store = await open(t)
      await store.apply([event('quiet', 1)])
      for (let at = 0; at < 100; at += 1) await store.apply([event('busy', at), event('other', at)])
      const events = await store.events(0)
      assert.equal(events.length, 1 + 2 * MAX_EVENTS)
      const busy = events.filter(({ mirror }) => mirror === 'busy').map(({ at }) => at)
      assert.deepEqual(
        busy,
        Array.from({ length: MAX_EVENTS }, (_, index) => 100 - MAX_EVENTS + index),
      )
    })

    test('says what it was told in one go, in the order in which it was told', async (t) => {
      const store = await open(t)
      await store.apply([
        endpoint(BARE),
        { kind: 'removeEndpoint', endpoint: BARE },
        endpoint(FULL),
        { kind: 'disable', mirror: 'a', at: 1 },
        { kind: 'disable', mirror: 'a', at: undefined },
      ])
      const { endpoints, disabled } = await store.read()
      assert.deepEqual([endpoints, disabled], [[FULL], new Map()])
    })

    test('what it gave is not changed by what comes later', async (t) => {
      const store = await open(t)
      await store.apply([endpoint(BARE), { kind: 'disable', mirror: 'a', at: 1 }, event('a', 1)])
      const before = await store.read()
      const events = await store.events(0)
      await store.apply([endpoint(FULL), { kind: 'disable', mirror: 'b', at: 1 }, event('b', 1)])
      assert.deepEqual(before, {
        endpoints: [BARE],
        disabled: new Map([['a', 1]]),
        requestedProbes: new Map(),
      })
      assert.equal(events.length, 1)
    })

    keepsPresence(open)
  })
}
